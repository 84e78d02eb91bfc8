"""Notices pass the stages and become dispatches, the same ones however they are fed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.dispatch import CommandResult, Dispatch, Form
from alerting.incidents.notice import Action, Milestone, Notice
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.model.finding import Verdict
from detectors.state.state import StateError
from tests.alerting.given import T0, scope, table_finding, trace
from tests.alerting.notices import (
    digest,
    incident,
    later,
    notice,
    opened,
    pipeline,
    press,
    reopened,
    resolved,
    rising,
    said,
)

HOUR = 3600
DAY = 86400


# -- the life of a message ----------------------------------------------------------------------------------


def test_edits_after_a_return_go_to_the_newest_message() -> None:
    one = pipeline()
    first = opened()
    over = resolved(first, T0 + 900)
    back = reopened(over, T0 + 1000)
    one.feed([first, over, back], T0 + 1000)
    assert said(one.feed([later(back, T0 + 1100)], T0 + 1100)) == ["parent a.1 open"]


def test_a_step_that_is_judged_after_a_look_at_a_later_time_is_told() -> None:
    one, first = pipeline(), opened()
    one.feed([first], T0)
    one.feed([opened("looked", scope("table", "users"), T0 + 70)], T0 + 70)
    assert said(one.feed([later(first, T0 + 60), opened("b", scope("table", "c"), T0 + 60)], T0 + 60)) == [
        "parent a open",
        "parent b open",
    ]
    assert one.watermark == T0 + 70


def test_a_link_to_an_incident_that_was_never_reported_is_left_out() -> None:
    assert pipeline().feed([opened("b", follows="unknown")], T0)[0].follows is None


def test_what_an_older_version_reported_calls_people_once_it_is_more_severe_than_at_the_restart() -> None:
    one, first = pipeline(), opened(primary=table_finding(limit=100.0))
    one.feed([first], T0)
    tracked = one.tracked()[0]
    tracked.grade = tracked.called_at = 0
    one._registry.put(tracked)
    other = pipeline()
    other.restore(one.snapshot())
    second = later(first, T0 + 60)
    assert said(other.feed([second], T0 + 60)) == ["parent a open"]
    full = later(second, T0 + 120, primary=table_finding(observed=95.0, peak=95.0, limit=100.0))
    assert said(other.feed([full], T0 + 120)) == ["parent a open", "line a escalated"]


def test_the_curve_is_in_the_first_message_and_not_in_the_state() -> None:
    one = pipeline()
    reported = one.feed([opened(primary=table_finding())], T0)
    assert reported[0].notice.incident.primary.trace == trace()
    assert max(map(len, one.snapshot().values())) < 4000


# -- dedupe -------------------------------------------------------------------------------------------------


def test_what_is_given_again_after_a_crash_changes_nothing_and_is_counted() -> None:
    one = pipeline()
    notices = [opened(), later(opened(), T0 + 60), digest(T0 + 60)]
    one.feed(notices, T0 + 60)
    assert one.feed(notices, T0 + 60) == []
    assert one.counts == {"dedupe": 3}


def test_a_notice_of_a_later_time_waits_for_it() -> None:
    one = pipeline()
    assert one.feed([opened(at=T0 + 300)], T0) == []
    assert said(one.feed([], T0 + 300)) == ["parent a open"]


# -- commands -----------------------------------------------------------------------------------------------


def test_an_acknowledgement_is_in_the_message_and_in_the_thread() -> None:
    one = pipeline()
    one.feed([opened()], T0)
    answer = one.command(press(CommandKind.ACKNOWLEDGE))
    assert answer.result is CommandResult.DONE
    assert said(answer.dispatches) == ["parent a open", "line a acknowledge"]
    acknowledged = answer.dispatches[0].acknowledged
    assert acknowledged is not None
    assert acknowledged.by == "U1"
    assert one.feed([later(opened(), T0 + 120)], T0 + 120)[0].acknowledged == acknowledged


def test_the_same_press_twice_has_one_effect() -> None:
    one = pipeline()
    one.feed([opened()], T0)
    one.command(press(CommandKind.ACKNOWLEDGE))
    before = one.snapshot()
    again = one.command(press(CommandKind.ACKNOWLEDGE))
    assert (again.result, again.dispatches) == (CommandResult.REPEATED, [])
    assert one.snapshot() == before


@pytest.mark.parametrize(
    "ask",
    [
        CommandKind.ACKNOWLEDGE,
        CommandKind.SNOOZE,
        CommandKind.EXPECTED,
        CommandKind.NOT_AN_ANOMALY,
        CommandKind.UNSILENCE,
    ],
)
def test_a_command_on_an_unknown_incident_is_answered_and_changes_nothing(ask: CommandKind) -> None:
    one = pipeline()
    before = one.snapshot()
    assert one.command(press(ask, "nobody")).result is CommandResult.UNKNOWN
    assert one.snapshot() == before


def test_nothing_is_left_to_acknowledge_once_it_has_ended_but_a_label_may_be_given() -> None:
    one = pipeline()
    first = opened()
    one.feed([first, resolved(first, T0 + 900)], T0 + 900)
    assert one.command(press(CommandKind.ACKNOWLEDGE, at=T0 + 1000)).result is CommandResult.OVER
    assert one.command(press(CommandKind.SNOOZE, at=T0 + 1000, until=T0 + 9000)).result is CommandResult.OVER
    assert one.command(press(CommandKind.NOT_AN_ANOMALY, at=T0 + 1000)).result is CommandResult.DONE


def test_an_incident_is_forgotten_thirty_days_after_its_end() -> None:
    one = pipeline()
    first = opened()
    one.feed([first, resolved(first, T0 + 900)], T0 + 900)
    one.feed([], T0 + 29 * DAY)
    assert one.command(press(CommandKind.NOT_AN_ANOMALY, at=T0 + 29 * DAY)).result is CommandResult.DONE
    one.feed([opened("b", at=T0 + 31 * DAY)], T0 + 31 * DAY)
    assert one.command(press(CommandKind.EXPECTED, at=T0 + 31 * DAY)).result is CommandResult.UNKNOWN
    assert "incident/a" not in one.snapshot()


def test_replay_keeps_what_a_daemon_forgets() -> None:
    one = Pipeline(Settings(), keep=True)
    first = opened()
    one.feed([first, resolved(first, T0 + 900)], T0 + 900)
    one.feed([opened("b", at=T0 + 90 * DAY)], T0 + 90 * DAY)
    assert one.fate("a") is not None


@pytest.mark.parametrize("ask", [CommandKind.EXPECTED, CommandKind.NOT_AN_ANOMALY])
def test_what_people_know_becomes_a_label_that_learns_when_the_incident_ended(ask: CommandKind) -> None:
    one = pipeline()
    first = opened()
    one.feed([first], T0)
    one.command(press(ask))
    [label] = one.labels
    assert (label.incident, label.kind.value, label.end) == ("a", ask.value, None)
    one.feed([resolved(first, T0 + 900)], T0 + 900)
    assert [label.end for label in one.labels] == [T0 + 300]


# -- a change of the configuration --------------------------------------------------------------------------


def test_after_a_restart_what_is_held_is_asked_about_by_the_new_configuration() -> None:
    silence = {"match": {"scopes": ["table:items"]}, "until": "2025-10-20", "why": "known"}
    one, other = pipeline(silences=[silence]), pipeline()
    one.feed([opened()], T0)
    other.restore(one.snapshot())
    assert said(other.feed([], T0 + 60)) == ["parent a open"]


def test_a_message_keeps_its_places_when_routes_change() -> None:
    one, other = pipeline(), pipeline(routes=[{"to": ["#new"]}])
    one.feed([opened()], T0)
    other.restore(one.snapshot())
    reported = other.feed([later(opened(), T0 + 60), opened("b", at=T0 + 60)], T0 + 60)
    assert [dispatch.destination for dispatch in reported] == ["slack:#uneri", "slack:#new"]


# -- laws ---------------------------------------------------------------------------------------------------

EVERYTHING: dict[str, Any] = {
    "flood": 3,
    "silences": [{"match": {"scopes": ["table:silent*"]}, "until": "2025-10-09T11:00", "why": "known"}],
    "maintenance": [{"name": "m", "start": "2025-10-09T09:10", "end": "2025-10-09T09:40", "every": "day"}],
    "quiet_hours": [{"start": "10:00", "end": "10:30", "match": {"verdicts": ["spike"]}}],
    "routes": [
        {"match": {"scopes": ["table:paged"]}, "to": ["#pages", "webhook:w"], "mention": "here"},
        {"match": {"verdicts": ["drop"]}, "to": ["alertmanager:p", "#uneri"]},
    ],
    "webhooks": [{"name": "w", "url": "http://127.0.0.1"}],
    "alertmanagers": [{"name": "p", "url": "http://127.0.0.1"}],
}
"""T0 is 2025-10-09 09:00 UTC."""

ABOUT = [
    scope("table", "items"),
    scope("table", "paged"),
    scope("table", "silent1"),
    scope("account", "123456789012"),
    scope("function", "f", account="2"),
]


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Notice], list[Command], int]:
    notices: list[Notice] = []
    for number in range(draw(st.integers(1, 9))):
        at = T0 + 60 * draw(st.integers(0, 110))
        last = opened(
            f"i{number}",
            draw(st.sampled_from(ABOUT)),
            at,
            verdict=draw(st.sampled_from([Verdict.SPIKE, Verdict.DROP, Verdict.FATAL])),
        )
        notices.append(last)
        for step in draw(st.lists(st.sampled_from(["later", "over"]), max_size=4)):
            at += 60 * draw(st.integers(0, 40))
            if last.incident.state == "resolved":
                last = reopened(last, at)
            else:
                last = later(last, at, Milestone.WORSENED) if step == "later" else resolved(last, at)
            notices.append(last)
    if draw(st.booleans()):
        notices.append(digest(T0 + 60 * 60))
    notices.sort(key=lambda item: item.at)  # stable: of one incident, in order
    commands = [
        Command(
            id=f"c{number}",
            kind=draw(st.sampled_from(list(CommandKind))),
            at=(at := T0 + 60 * draw(st.integers(0, 150)) + 1),
            by="U1",
            incident=draw(st.sampled_from([*(f"i{n}" for n in range(9)), "c0", "c1"])),
            until=draw(st.sampled_from([None, at + 600, at + 3600])),
            matcher=draw(st.sampled_from([None, None, Matcher(scopes=["table:*"])])),
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    return notices, sorted(commands, key=lambda item: item.at), T0 + 4 * HOUR


OF_EVERYTHING = Settings.model_validate({"notify": EVERYTHING})


def _fresh() -> Pipeline:
    return Pipeline(OF_EVERYTHING)


def _restarted(of: Pipeline) -> Pipeline:
    fresh = _fresh()
    parts = of.snapshot()
    fresh.restore(dict(sorted(parts.items(), reverse=True)))  # a store gives them in any order
    assert fresh.snapshot() == parts
    return fresh


def _run(
    one: Pipeline, notices: list[Notice], commands: list[Command], end: int, cuts: set[int], *, restart: bool
) -> tuple[list[Dispatch], Pipeline]:
    """Feed at each cut what is due by then, commands at their time, and restart in between."""
    reported: list[Dispatch] = []
    rest = list(notices)
    times = sorted({*cuts, end, *(command.at for command in commands)})
    for at in times:
        now = [notice for notice in rest if notice.at <= at]
        rest = rest[len(now) :]
        reported += one.feed(now, at)
        for command in commands:
            if command.at == at:
                reported += one.command(command).dispatches
        if restart:
            one = _restarted(one)
    return reported, one


@given(stories(), st.sets(st.integers(T0 - 60, T0 + 4 * HOUR), max_size=8))
def test_any_chunking_and_any_restart_give_the_same_dispatches(
    story: tuple[list[Notice], list[Command], int], cuts: set[int]
) -> None:
    whole, one = _run(_fresh(), *story, set(), restart=False)
    cut, other = _run(_fresh(), *story, cuts, restart=True)
    assert cut == whole
    assert other.snapshot() == one.snapshot()


def test_the_end_of_a_hold_that_another_has_replaced_changes_nothing_before_or_after_a_restart() -> None:
    silent = scope("table", "silent1")  # until T0 + 2 h
    first = opened("i3", silent)
    worse = later(first, T0 + 4860, Milestone.WORSENED)
    notices = [opened("i2", silent), first, worse, resolved(worse, T0 + 2 * HOUR + 60)]
    snoozed = Command(
        id="c0", kind=CommandKind.SNOOZE, at=T0 + 3661, by="U1", incident="i3", until=T0 + 2 * HOUR + 61
    )
    longer = Command(
        id="c2",
        kind=CommandKind.SNOOZE,
        at=T0 + 4861,
        by="U1",
        incident="i2",
        matcher=Matcher(scopes=["table:*"]),
    )
    story = notices, [snoozed, longer], T0 + 4 * HOUR
    whole, one = _run(_fresh(), *story, set(), restart=False)
    cut, other = _run(_fresh(), *story, set(), restart=True)
    assert cut == whole
    assert other.snapshot() == one.snapshot()
    fate = one.fate("i3")
    assert fate is not None
    assert fate.reason.startswith("snoozed while the incident lasts by U1")


def _ask(number: int, kind: CommandKind, at: int, incident: str, **given: Any) -> Command:
    return Command(id=f"c{number}", kind=kind, at=at, by="U1", incident=incident, **given)


def test_a_memo_after_one_that_was_removed_has_the_same_number_after_a_restart() -> None:
    commands = [
        _ask(0, CommandKind.NOTE, T0 + 61, "a"),
        _ask(1, CommandKind.FORGET, T0 + 121, "c0"),
        _ask(2, CommandKind.NOTE, T0 + 181, "a"),
    ]
    whole, one = _run(_fresh(), [opened()], commands, T0 + HOUR, set(), restart=False)
    cut, other = _run(_fresh(), [opened()], commands, T0 + HOUR, set(), restart=True)
    assert cut == whole
    assert other.snapshot() == one.snapshot()


def test_what_an_account_held_and_then_a_silence_is_reported_in_one_order_after_any_restart() -> None:
    tables = scope("table", "items"), scope("table", "items2")
    first, second = opened("i1", tables[0]), opened("i2", tables[1])
    over = [resolved(first, T0 + 300), resolved(second, T0 + 300)]
    wide = rising("i3", T0 + 360, *tables)
    back = [reopened(over[1], T0 + 420), reopened(over[0], T0 + 480)]
    notices = [first, second, *over, wide, *back, resolved(wide, T0 + 600)]
    silent = _ask(0, CommandKind.SNOOZE, T0 + 541, "", until=T0 + HOUR, matcher=Matcher(scopes=["table:*"]))
    whole, one = _run(_fresh(), notices, [silent], T0 + 2 * HOUR, set(), restart=False)
    cut, other = _run(_fresh(), notices, [silent], T0 + 2 * HOUR, set(), restart=True)
    assert cut == whole
    assert other.snapshot() == one.snapshot()
    sent = [(item.at - T0, item.subject) for item in whole if item.form is Form.PARENT and item.at > T0 + 541]
    assert sent == [(600, "i3"), (5400, "i1.1"), (5400, "i2.1")]  # after quiet hours


@settings(max_examples=25)
@given(stories())
def test_no_dispatch_has_the_id_of_another_and_only_posted_messages_get_lines(
    story: tuple[list[Notice], list[Command], int],
) -> None:
    reported, _ = _run(_fresh(), *story, set(), restart=False)
    assert len({item.id for item in reported}) == len(reported)
    posted: set[tuple[str, str]] = set()
    for dispatch in reported:
        if dispatch.form in (Form.LINE, Form.FILE):
            assert (dispatch.destination, dispatch.subject) in posted
        posted.add((dispatch.destination, dispatch.subject))


@settings(max_examples=25)
@given(stories())
def test_everything_repeated_changes_nothing(story: tuple[list[Notice], list[Command], int]) -> None:
    notices, commands, end = story
    _, one = _run(_fresh(), notices, commands, end, set(), restart=False)
    taken = [command for command in commands if one.command(command).result is CommandResult.REPEATED]
    before = one.snapshot()
    assert one.feed(notices, end) == []
    assert all(one.command(command).dispatches == [] for command in taken)
    after = one.snapshot()
    assert {key: part for key, part in after.items() if key != "pipeline"} == {
        key: part for key, part in before.items() if key != "pipeline"
    }  # only what dedupe counted differs


@settings(max_examples=25)
@given(stories())
def test_what_is_not_reported_has_a_reason(story: tuple[list[Notice], list[Command], int]) -> None:
    notices, commands, end = story
    reported, one = _run(_fresh(), notices, commands, end, set(), restart=False)
    pages = {dispatch.notice.incident.id for dispatch in reported if dispatch.form is Form.PARENT}
    for known in notices:
        if known.action is Action.DIGEST:
            continue
        fate = one.fate(known.incident.id)
        assert fate is not None
        assert fate.reason
        assert (known.incident.id in pages) <= (fate.sent == "page")


def test_a_damaged_part_is_refused() -> None:
    parts = pipeline().snapshot()
    parts["pipeline"] = parts["pipeline"][:-1]
    with pytest.raises(StateError, match="damaged"):
        pipeline().restore(parts)


def test_bytes_of_incidents_of_which_nothing_is_new_are_the_same_object() -> None:
    one = pipeline()
    one.feed([opened("a"), opened("b")], T0)
    before = one.snapshot()
    one.feed([later(opened("a"), T0 + 60)], T0 + 60)
    after = one.snapshot()
    assert after["incident/b"] is before["incident/b"]
    assert after["incident/a"] is not before["incident/a"]


def test_an_incident_without_its_first_notice_is_reported_as_it_is() -> None:
    late = replace(incident(), revision=3, state="worsening")
    assert said(pipeline().feed([notice(late, Action.UPDATE)], T0)) == ["parent a worsening"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 120), st.integers(0, 120)), min_size=1))
def test_whatever_is_told_of_whatever_time_is_known_in_the_end(told: list[tuple[int, int, int]]) -> None:
    one, newest = pipeline(), dict[int, Notice]()
    for number, at, passed in told:  # looks and steps pass different times, and not in order
        known = newest.get(number)
        notice = opened(f"i{number}", at=T0 + at) if known is None else later(known, T0 + at)
        newest[number] = notice
        one.feed([notice], T0 + passed)
    one.feed([], T0 + 120)
    for number, notice in newest.items():
        found = one.find(f"i{number}")
        assert found is not None
        assert found.incident.revision == notice.incident.revision
