"""A silenced incident is kept and not sent, until the silence ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.commands.command import CommandKind, Matcher
from alerting.commands.dispatch import CommandResult
from alerting.incidents.notice import Action, Milestone
from alerting.incidents.severity import Grade
from alerting.pipeline import gate
from detectors.model.finding import Finding
from tests.alerting.given import T0, scope, table_finding
from tests.alerting.notices import later, opened, pipeline, press, quieted, reopened, resolved, said

KNOWN = {"match": {"scopes": ["table:items"]}, "until": "2025-10-09T12:00", "why": "the migration"}
UNTIL = 1_760_011_200
OTHER = scope("table", "others")


def test_what_has_ended_by_then_is_never_reported_and_is_counted() -> None:
    one = pipeline(silences=[KNOWN])
    first = opened()
    one.feed([first], T0)
    assert one.feed([resolved(first, UNTIL)], UNTIL + 60) == []
    assert one.counts == {"silences": 1}
    fate = one.fate("a")
    assert fate is not None
    assert fate.sent == "none"
    assert fate.reason == (
        "silenced until 2025-10-09 12:00 UTC by the configuration: the migration; "
        "it ended before it was reported"
    )


def test_the_reason_of_a_page_says_what_it_outlasted() -> None:
    one = pipeline(silences=[KNOWN])
    one.feed([opened()], UNTIL)
    fate = one.fate("a")
    assert fate is not None
    assert (fate.sent, fate.alerted) == ("page", UNTIL)
    assert fate.reason.startswith("still open after it was held: silenced until")


def test_of_several_silences_the_one_that_ends_last_is_the_reason() -> None:
    one = pipeline(silences=[KNOWN])
    tables = Matcher(scopes=["table:*"])
    one.command(press(CommandKind.SILENCE, None, T0, until=UNTIL + 3600, matcher=tables, why="and longer"))
    one.feed([opened()], T0)
    fate = one.fate("a")
    assert fate is not None
    assert fate.reason == "silenced until 2025-10-09 13:00 UTC by U1: and longer"
    assert one.feed([], UNTIL) == []
    assert one.counts == {"silences": 1}
    assert said(one.feed([], UNTIL + 3600)) == ["parent a open"]


def test_the_local_time_of_a_silence_is_that_of_the_digest() -> None:
    one = pipeline(silences=[KNOWN], digest={"timezone": "Asia/Tokyo"})
    assert said(one.feed([opened()], T0)) == ["parent a open"]  # noon in Tokyo was six hours ago


LEVELS = {41.0: Grade.LOW, 85.0: Grade.MEDIUM, 95.0: Grade.HIGH}  # of a limit of 100
AT_NOON = {"start": "12:00", "end": "14:00"}  # T0 is at nine
STEPS = st.tuples(st.integers(1, 3600), st.sampled_from([*LEVELS, "silence", "snooze", "unsilence"]))


def full(value: float) -> Finding:
    return table_finding(observed=value, peak=value, limit=100.0)


@given(st.lists(STEPS, max_size=12))
def test_whatever_was_held_and_when_people_know_in_the_end_how_severe_it_is(
    story: list[tuple[int, float | str]],
) -> None:
    one, at, newest = pipeline(quiet_hours=[AT_NOON]), T0, opened(primary=full(41.0))
    sent, known = one.feed([newest], at), set[Grade]()
    for number, (seconds, what) in enumerate([*story, (60, 95.0)]):
        at += seconds
        if isinstance(what, float):
            newest = later(newest, at, primary=full(what))
            sent += one.feed([newest], at)
            continue
        sent += one.feed([], at)
        if what == "snooze":  # by somebody who sees how severe it is
            known.add(LEVELS[newest.incident.primary.observed])
        asked = press(CommandKind(what), None if what == "silence" else "a", at, id=f"c{number}")
        if what == "silence":
            asked = replace(asked, matcher=Matcher(scopes=["table:*"]))
        sent += one.command(replace(asked, until=None if what == "unsilence" else at + 1800)).dispatches
    sent += one.feed([], at + 86400)
    known |= {
        LEVELS[dispatch.notice.incident.primary.observed]
        for dispatch in sent
        if dispatch.notice.action is Action.OPEN
        or (dispatch.line is not None and dispatch.line.what == Milestone.ESCALATED)
    }
    assert max(known) is Grade.HIGH


def test_a_snoozed_incident_that_comes_back_is_reported_when_its_snooze_ends() -> None:
    one = pipeline()
    first = opened()
    over = resolved(first, T0 + 900)
    one.feed([first], T0)
    one.command(press(CommandKind.SNOOZE, until=T0 + 3600))
    one.feed([over], T0 + 900)
    assert one.feed([reopened(over, T0 + 1000)], T0 + 1000) == []
    assert said(one.feed([], T0 + 3600)) == ["line a reopened", "parent a.1 open"]


def test_a_silence_by_a_person_holds_all_that_matches_and_shows_in_what_was_reported() -> None:
    one = pipeline()
    one.feed([opened(), opened("b", OTHER)], T0)
    silence = press(
        CommandKind.SILENCE, None, until=T0 + 3600, matcher=Matcher(scopes=["table:it*"]), why="load test"
    )
    answer = one.command(silence)
    assert said(answer.dispatches) == ["parent a open"]
    assert one.feed([opened("c", at=T0 + 300)], T0 + 300) == []
    assert [(silence.what, silence.until, silence.by) for silence in one.silences()] == [
        ("table:it*", T0 + 3600, "U1")
    ]
    assert said(one.feed([], T0 + 3600)) == ["parent a open", "parent c open"]


def test_a_snooze_of_a_pattern_says_who_did_it_in_the_thread_where_it_was_pressed() -> None:
    one = pipeline()
    one.feed([opened(), opened("b")], T0)
    answer = one.command(press(CommandKind.SNOOZE, until=T0 + 3600, matcher=Matcher(scopes=["table:items"])))
    assert said(answer.dispatches) == ["parent a open", "parent b open", "line a snooze"]


def test_ending_a_silence_sends_what_it_held() -> None:
    one = pipeline()
    one.command(
        press(CommandKind.SILENCE, None, T0, until=T0 + 3600, matcher=Matcher(scopes=["table:*"]), id="s1234")
    )
    one.feed([opened()], T0)
    answer = one.command(press(CommandKind.UNSILENCE, "s123", T0 + 60))
    assert (answer.result, said(answer.dispatches)) == (CommandResult.DONE, ["parent a open"])
    assert one.silences() == []


def test_ending_a_snooze_by_its_incident_is_reported_in_the_thread() -> None:
    one = pipeline()
    one.feed([opened()], T0)
    one.command(press(CommandKind.SNOOZE, until=T0 + 3600))
    answer = one.command(press(CommandKind.UNSILENCE, "a", T0 + 120))
    assert said(answer.dispatches) == ["parent a open", "line a unsilence"]
    assert quieted(answer.dispatches[0]) is None
    assert one.feed([], T0 + 3600) == []


def test_an_ambiguous_beginning_of_an_id_ends_nothing() -> None:
    one = pipeline()
    for name in ("same1", "same2"):
        matching = Matcher(scopes=[f"table:{name}"])
        one.command(press(CommandKind.SILENCE, None, T0, until=T0 + 3600, matcher=matching, id=name))
    assert one.command(press(CommandKind.UNSILENCE, "same", T0 + 60)).result is CommandResult.UNKNOWN
    assert len(one.silences()) == 2


def test_a_silence_of_the_configuration_is_ended_in_the_configuration() -> None:
    one = pipeline(silences=[KNOWN])
    assert one.command(press(CommandKind.UNSILENCE, "config/1")).result is CommandResult.CONFIGURED


def test_a_silence_that_has_ended_before_it_is_given_is_refused() -> None:
    one = pipeline()
    one.feed([], T0)
    past = press(CommandKind.SILENCE, None, T0 - 100, until=T0, matcher=Matcher(scopes=["table:items"]))
    assert one.command(past).result is CommandResult.PAST


def test_of_many_held_incidents_only_the_first_keep_the_trace_of_their_chart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate, "TRACES", 2)
    one = pipeline(silences=[KNOWN], flood=100)
    one.feed([opened(name, primary=table_finding()) for name in "abcd"], T0)
    reported = one.feed([], UNTIL)
    assert [dispatch.notice.incident.primary.trace is not None for dispatch in reported] == [
        True,
        True,
        False,
        False,
    ]


def test_the_same_ask_of_the_same_person_again_is_one_silence_not_many() -> None:
    one = pipeline()
    one.feed([opened()], T0)
    for second in range(6):
        at = T0 + second
        one.command(press(CommandKind.SNOOZE, "a", at, until=at + 3600))
        one.command(press(CommandKind.EXPECTED, "a", at))
    held = [silence for silence in one.silences() if silence.incident == "a"]
    assert [(silence.kind, silence.until) for silence in held] == [
        (CommandKind.SNOOZE, T0 + 5 + 3600),
        (CommandKind.EXPECTED, None),
    ]
    one.command(press(CommandKind.SNOOZE, "a", T0 + 6, until=T0 + 60))
    assert len(one.silences()) == 3, "a shorter one does not end what was asked for longer"
    one.command(press(CommandKind.SNOOZE, "a", T0 + 7, by="U2", until=T0 + 7 + 3600))
    assert len(one.silences()) == 4, "another person's is their own"
