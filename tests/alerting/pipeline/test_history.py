"""The history stage: what ended before the daemon was there is nobody's message."""

from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from tests.alerting.given import T0
from tests.alerting.notices import digest, opened, resolved, said

SINCE = T0 + 3600


def new() -> Pipeline:
    return Pipeline(Settings(), since=SINCE)


def test_what_ended_before_the_daemon_was_there_is_not_reported() -> None:
    one, told = new(), opened("a")
    assert one.feed([told], T0 + 60) == []
    assert one.feed([resolved(told, T0 + 1800)], SINCE + 600) == []
    fate = one.fate("a")
    assert fate is not None
    assert fate.reason == "history: notified from 2025-10-09 10:00 UTC on; it ended before it was reported"


def test_what_is_still_open_then_is_reported_then_also_after_a_restart() -> None:
    one, told = new(), opened("a")
    assert one.feed([told], T0 + 60) == []
    again = Pipeline(Settings(), since=SINCE + 86400)  # a later start: the state knows better
    again.restore(one.snapshot())
    assert again.feed([], SINCE - 1) == []
    dispatches = again.feed([], SINCE)
    assert said(dispatches) == ["parent a open"]
    assert dispatches[0].at == SINCE


def test_digests_of_the_past_are_not_sent_and_do_not_count_what_it_held() -> None:
    one, told = new(), opened("a")
    assert one.feed([told, resolved(told, T0 + 600), digest(T0 + 1200)], SINCE) == []
    growing = opened("b", at=SINCE).incident
    (sent,) = one.feed([digest(SINCE + 60, growing)], SINCE + 60)
    assert sent.held == {}


def test_a_state_of_before_there_was_a_beginning_reports_everything() -> None:
    one = Pipeline(Settings())
    assert said(one.feed([opened("a")], T0 + 60)) == ["parent a open"]
    assert one.since == 0
