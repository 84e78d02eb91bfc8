"""The history stage: what ended before the daemon was there is nobody's message."""

from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.watch.maturity import Maturity
from tests.alerting.given import PUT, T0, TABLE
from tests.alerting.notices import digest, opened, resolved, said

SINCE = T0 + 3600


def new() -> Pipeline:
    return Pipeline(Settings(), since=SINCE)


def test_what_ended_before_the_daemon_was_there_is_not_reported() -> None:
    one, reported = new(), opened("a")
    assert one.feed([reported], T0 + 60) == []
    assert one.feed([resolved(reported, T0 + 1800)], SINCE + 600) == []
    fate = one.fate("a")
    assert fate is not None
    assert fate.reason == "history: notified from 2025-10-09 10:00 UTC on; it ended before it was reported"


def test_what_is_still_open_then_is_reported_then_also_after_a_restart() -> None:
    one, reported = new(), opened("a")
    assert one.feed([reported], T0 + 60) == []
    again = Pipeline(Settings(), since=SINCE + 86400)  # a later start: the state knows better
    again.restore(one.snapshot())
    assert again.feed([], SINCE - 1) == []
    dispatches = again.feed([], SINCE)
    assert said(dispatches) == ["parent a open"]
    assert dispatches[0].at == SINCE


def test_digests_of_the_past_are_not_sent_and_do_not_count_what_it_held() -> None:
    one, reported = new(), opened("a")
    assert one.feed([reported, resolved(reported, T0 + 600), digest(T0 + 1200)], SINCE) == []
    growing = opened("b", at=SINCE).incident
    (sent,) = one.feed([digest(SINCE + 60, growing)], SINCE + 60)
    assert sent.held == {}


def test_what_became_judgeable_in_history_is_counted_in_the_first_digest_and_named_in_none() -> None:
    one = new()
    past = [Maturity(T0 + 600, {"table": 3}, [TABLE]), Maturity(T0 + 1200, {"function": 1}, [PUT], [2])]
    assert one.feed([digest(T0 + 1200, maturity=past)], T0 + 1200) == []
    again = Pipeline(Settings())
    again.restore(one.snapshot())
    hours = [
        Maturity(SINCE, {"service": 1, "table": 1}, [TABLE]),
        Maturity(SINCE + 3600, {"table": 1}, [TABLE]),
        Maturity(SINCE + 7200, learning=[4]),
    ]
    reported = digest(SINCE + 7260, maturity=hours)
    (sent,) = again.feed([reported, reported], SINCE + 7260)
    assert list(sent.learnt.items()) == [("service", 1), ("table", 4), ("function", 1)]
    assert sent.notice.maturity == [Maturity(SINCE), *hours[1:]]
    (next_one,) = again.feed([digest(SINCE + 86400, maturity=hours[1:])], SINCE + 86400)
    assert next_one.learnt == {}


def test_a_state_of_before_there_was_a_beginning_reports_everything() -> None:
    one = Pipeline(Settings())
    assert said(one.feed([opened("a")], T0 + 60)) == ["parent a open"]
    assert one.since == 0
