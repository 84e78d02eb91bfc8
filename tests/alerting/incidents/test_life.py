"""The messages of an incident between its page and its end."""

import itertools
import math
import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import alerting.incidents.incident_store
from alerting.incidents.answers import finding_entry
from alerting.incidents.fingerprint import FingerprintMemory, PriorIncident
from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, Milestone, Notice, NoticeReason
from alerting.incidents.reported_state import GAP, WORSE
from alerting.incidents.timing import quiet_period
from config.settings import IncidentsSettings as IncidentSettings
from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from tests.alerting.given import (
    ANY_SIZE,
    GET,
    PUT,
    ROUTE,
    T0,
    TABLE,
    ended,
    finding,
    growth_finding,
    of_messages,
    scope,
    share,
    table_finding,
    written,
)

QUIET = Settings().incidents.quiet
GATHER = Settings().incidents.gather
DAY = 86400
TURNS = (Milestone.WORSENED, Milestone.EASED)


def withdrawn(of: Finding, at: int, revision: int = 9) -> Finding:
    return replace(of, state="withdrawn", revision=revision, seen=at, end=at)


def lines(notices: Iterable[Notice]) -> list[Milestone]:
    return [what for notice in notices for what in notice.milestones]


def follow(values: list[float], **more: Any) -> list[Notice]:
    """Return the notices of a spike that is reported again every five minutes."""
    incidents, first = Incidents(ANY_SIZE), table_finding(observed=values[0], **more)
    notices = incidents.feed([first], T0)
    for number, value in enumerate(values[1:], 1):
        at = T0 + 300 * number
        notices += incidents.feed(
            [replace(first, revision=number, seen=at, state="update", observed=value)], at
        )
    return notices


@given(st.lists(st.floats(9, 10_000), min_size=2, max_size=72))
def test_however_a_curve_flaps_its_turns_are_few_and_never_reported_twice(values: list[float]) -> None:
    notices = follow(values)
    reported = lines(notices)
    worst = math.log(max(values[0], *values) - 8.2) - math.log(values[0] - 8.2)
    assert reported.count(Milestone.WORSENED) <= worst / math.log(WORSE) + 1e-6
    turns = [what for what in reported if what in TURNS]
    assert not any(turn is other is Milestone.EASED for turn, other in itertools.pairwise(turns))
    times = [notice.at for notice in notices[1:] if notice.milestones]
    assert all(later - earlier >= GAP for earlier, later in itertools.pairwise([T0, *times]))


def test_what_worsens_and_eases_is_reported_once_each_and_noise_between_is_not() -> None:
    notices = follow([41, 60, 61, 62, 45, 50, 23, 55, 23, 24, 55, 95])
    assert lines(notices) == [Milestone.OPENED, Milestone.WORSENED, Milestone.EASED, Milestone.WORSENED]
    assert [notice.incident.state for notice in notices] == [
        "open",
        "open",  # it is worse, and may be so for a moment only
        "worsening",
        "worsening",
        "worsening",
        "worsening",
        "easing",
        "open",
        "easing",
        "easing",
        "open",
        "worsening",
    ]
    assert [
        notice.reason for notice in notices if notice.reason in (NoticeReason.WORSE, NoticeReason.BETTER)
    ] == [
        NoticeReason.WORSE,
        NoticeReason.BETTER,
        NoticeReason.WORSE,
    ]


def test_of_few_failures_a_minute_with_half_as_many_is_no_easing() -> None:
    few = follow([0.1, 0.05, 0.03, 0.1, 0.02, 0.05], measure=Measure.ERRORS_BACKEND, expected=0.0)
    assert {notice.incident.state for notice in few} == {"open"}
    many = follow([10, 5, 3, 3, 3], measure=Measure.ERRORS_BACKEND, expected=0.0)
    assert many[-1].incident.state == "easing"


def test_what_worsened_is_no_longer_worsening_in_a_minute_that_is_as_usual() -> None:
    assert [notice.incident.state for notice in follow([41, 60, 61, 9])][-2:] == ["worsening", "open"]


def test_what_worsened_in_the_first_minutes_is_reported_when_it_has_lasted() -> None:
    incidents, first = Incidents(Settings()), table_finding()
    incidents.feed([first], T0)
    reported = incidents.feed(
        [replace(first, revision=1, state="update", seen=T0 + 60, observed=90.0)], T0 + 60
    )
    assert lines(reported) == []
    [line] = incidents.feed([], T0 + 3600)
    assert (line.at, line.milestones, line.incident.state) == (T0 + GAP, [Milestone.WORSENED], "worsening")


def test_many_more_open_findings_are_worse_but_those_of_the_first_minutes_began_with_it() -> None:
    incidents = Incidents(Settings())
    first = [finding(scope("route", f"r{n}"), touches=[TABLE]) for n in range(7)]
    incidents.feed([table_finding()], T0)
    reported = incidents.feed([replace(finding, seen=T0 + 60) for finding in first], T0 + 60)
    reported += incidents.feed([], T0 + 1200)
    assert lines(reported) == [Milestone.JOINED]
    assert reported[-1].names[Milestone.JOINED] == [f"r{n}" for n in range(7)]
    more = [finding(scope("route", f"s{n}"), touches=[TABLE], seen=T0 + 1800) for n in range(8)]
    assert Milestone.WORSENED in lines(incidents.feed(more, T0 + 1800))


def test_a_fall_is_measured_by_what_is_missing_not_by_how_much_the_morning_would_bring() -> None:
    incidents = Incidents(Settings())
    silent = finding(ROUTE, verdict=Verdict.ABSENCE, observed=0.0, expected=5.0)
    notices = [*incidents.feed([silent], T0), *incidents.feed([], T0 + 60)]
    for number in range(1, 12):
        at = T0 + 60 + 600 * number
        more = replace(silent, revision=number, state="update", seen=at, expected=5.0 * (number + 1))
        notices += incidents.feed([more], at)
    assert lines(notices) == [Milestone.OPENED]


def test_what_is_near_a_limit_eases_by_its_share_of_it_and_not_as_more_is_expected() -> None:
    incidents = Incidents(Settings())
    near = table_finding(verdict=Verdict.LIMIT, near=True, observed=96.0, expected=20.0, seen=T0)
    notices = [*incidents.feed([near], T0), *incidents.feed([], T0 + 60)]
    learnt = replace(near, revision=1, state="update", seen=T0 + DAY, expected=90.0)
    notices += incidents.feed([learnt], T0 + DAY)
    assert lines(notices) == [Milestone.OPENED]
    raised = replace(learnt, revision=2, seen=T0 + DAY + 600, limit=1000.0)
    assert Milestone.EASED in lines(incidents.feed([raised], T0 + DAY + 600))


def test_a_spike_that_becomes_a_shift_and_a_new_caller_are_reported() -> None:
    incidents, first = Incidents(Settings()), table_finding()
    incidents.feed([first], T0)
    stays = replace(first, revision=1, state="update", seen=T0 + 1800, verdict=Verdict.SHIFT)
    [shifted] = incidents.feed([stays], T0 + 1800)
    assert (shifted.milestones, shifted.incident.verdict) == ([Milestone.SHIFTED], Verdict.SHIFT)
    batch = scope("function", "inventory-batch")
    other = replace(stays, revision=2, seen=T0 + 3600, callers=[share(PUT, 0.5), share(batch, 0.4)])
    [caller] = incidents.feed([other], T0 + 3600)
    assert (caller.milestones, caller.names) == (
        [Milestone.CALLER],
        {Milestone.CALLER: ["inventory-batch"]},
    )
    assert lines(incidents.feed([replace(other, revision=3, seen=T0 + 7200)], T0 + 7200)) == []


def test_each_time_that_it_comes_back_the_quiet_time_doubles_and_flapping_makes_no_noise() -> None:
    """Two minutes on, twelve off, for five hours."""
    incidents, notices = Incidents(Settings()), []
    for number in range(25):
        at = T0 + number * 840
        one = table_finding(id=f"f{number}", start=at - 120, seen=at)
        notices += incidents.feed([one], at)
        notices += incidents.feed([ended(one, at + 120)], at + 120)
    notices += incidents.feed([], T0 + DAY)
    assert lines(notices) == [
        Milestone.OPENED,
        Milestone.RESOLVED,
        Milestone.REOPENED,
        Milestone.RESOLVED,
    ]
    assert [incident.reopened for incident in incidents.all()] == [1]
    assert notices[-1].at == T0 + 24 * 840 + 120 + quiet_period(QUIET, 1)


def test_what_comes_again_after_a_while_is_quieter_each_time_until_it_rests() -> None:
    """Two minutes on, forty off: beyond the time in which it is the same incident."""
    incidents, notices = Incidents(Settings()), []
    for number in range(12):
        at = T0 + number * 2520
        one = table_finding(id=f"f{number}", start=at - 120, seen=at)
        notices += [*incidents.feed([one], at), *incidents.feed([ended(one, at + 120)], at + 120)]
    pages = [notice.incident for notice in notices if notice.action is Action.OPEN]
    assert len(pages) == 3
    assert pages[1].follows == pages[0].id
    late = T0 + 10 * DAY
    [page] = incidents.feed([table_finding(id="late", start=late - 120, seen=late)], late)[-1:]
    assert page.incident.follows is not None
    [over] = incidents.feed([ended(table_finding(id="late", start=late), late + 60)], late + 60 + QUIET)[-1:]
    assert (over.action, over.at) == (Action.RESOLVE, late + QUIET), (
        "it ended a minute before that was certain"
    )


def test_a_repeat_follows_the_last_reported_one_for_thirty_days() -> None:
    memory = FingerprintMemory()
    memory.keep("print", PriorIncident(incident="a", at=T0))
    assert memory.find("print", T0 + 30 * DAY) is not None
    assert memory.find("print", T0 + 30 * DAY + 1) is None
    memory.keep("print", PriorIncident(incident="b", at=T0 + 60, before="a"))
    memory.drop("print", "b")
    found = memory.find("print", T0 + 60)
    assert found is not None
    assert found.incident == "a"
    for number in range(10_001):
        memory.keep(str(number), PriorIncident(incident="x", at=T0 + 60))
    assert (len(memory.entries()), memory.find("print", T0 + 60), memory.find("0", T0 + 60)) == (
        10_000,
        None,
        None,
    )


def test_when_late_data_withdraws_all_of_it_so_is_the_message_and_what_is_true_again_is_reported_again() -> (
    None
):
    incidents, first = Incidents(Settings()), table_finding()
    [page] = incidents.feed([first], T0)
    [notice] = incidents.feed([withdrawn(first, T0 + 120, 1)], T0 + 120)
    assert (notice.action, notice.reason, notice.milestones) == (
        Action.WITHDRAW,
        NoticeReason.LATE,
        [Milestone.WITHDRAWN],
    )
    assert (notice.incident.id, notice.incident.state) == (page.incident.id, "withdrawn")
    back = replace(first, revision=2, seen=T0 + 180)
    [again] = incidents.feed([back], T0 + 180)
    assert (again.action, again.incident.id, again.incident.state) == (Action.OPEN, page.incident.id, "open")
    assert again.milestones == [Milestone.REOPENED]


@pytest.mark.parametrize("hours", [0.1, 2], ids=["withdrawn", "closed"])
def test_what_was_withdrawn_and_is_true_but_ended_is_resolved_after_all(hours: float) -> None:
    incidents, first = Incidents(Settings()), table_finding()
    [page] = incidents.feed([first], T0)
    incidents.feed([withdrawn(first, T0 + 120, 1)], T0 + 120)
    at = T0 + int(hours * 3600)
    [reported] = incidents.feed([ended(first, at, 2)], at)
    assert (reported.action, reported.milestones, reported.incident.state) == (
        Action.UPDATE,
        [Milestone.AMENDED],
        "resolved",
    )
    later = table_finding(id="later", start=T0 + DAY, seen=T0 + DAY)
    assert incidents.feed([later], T0 + DAY)[-1].incident.follows == page.incident.id


def test_lines_that_wait_when_it_is_resolved_are_not_reported_later() -> None:
    incidents = Incidents(Settings(incidents=IncidentSettings(quiet=60)))
    first, front = table_finding(), finding(PUT, seen=T0 + 60)
    incidents.feed([first], T0)
    incidents.feed([front], T0 + 60)
    incidents.feed([ended(first, T0 + 120, 1), ended(front, T0 + 120, 1)], T0 + 1200)
    reported = incidents.feed([replace(ended(first, T0 + 1260, 2), observed=20.0)], T0 + 1260)
    assert lines(reported) == [Milestone.AMENDED]


def test_what_is_withdrawn_before_it_is_reported_is_not_reported_and_stays_known() -> None:
    incidents, first = Incidents(Settings()), finding(PUT, score=0.7)
    assert incidents.feed([first, withdrawn(first, T0 + 30, 1)], T0 + DAY) == []
    [known] = incidents.all()
    assert (known.state, known.sent, known.reason) == ("withdrawn", "none", NoticeReason.LATE.value)


def test_when_late_data_withdraws_the_main_finding_the_message_is_about_the_next() -> None:
    incidents = Incidents(Settings())
    table, function = table_finding(), finding(PUT)
    incidents.feed([table, function], T0)
    [notice] = incidents.feed([withdrawn(table, T0 + 120, 1)], T0 + 120)
    assert (notice.action, notice.milestones) == (Action.UPDATE, [Milestone.AMENDED])
    assert (notice.incident.primary.about, notice.incident.members) == (PUT, [])
    line = written(finding_entry(withdrawn(table, T0 + 120, 1), notice.incident))
    assert (line["sent"], line["reason"]) == ("none", NoticeReason.LATE.value)


def test_what_is_withdrawn_at_the_moment_in_which_the_same_is_found_again_is_one_message_amended() -> None:
    incidents, first = Incidents(Settings()), table_finding()
    [page] = incidents.feed([first], T0)
    again = table_finding(id="again", start=T0 + 180, seen=T0 + 300)
    [notice] = incidents.feed([withdrawn(first, T0 + 300, 1), again], T0 + 300)
    assert (notice.action, notice.incident.state) == (Action.UPDATE, "open")
    assert (notice.incident.id, notice.incident.primary.id) == (page.incident.id, "again")


def test_of_what_has_ended_the_message_is_not_about_what_was_withdrawn() -> None:
    incidents = Incidents(Settings())
    table, function = table_finding(), finding(PUT)
    incidents.feed([table, function], T0)
    incidents.feed([ended(table, T0 + 300, 1), ended(function, T0 + 300, 1)], T0 + 7200)
    [notice] = incidents.feed([withdrawn(table, T0 + 7260, 2)], T0 + 7260)
    assert (notice.incident.primary.about, notice.incident.state) == (PUT, "resolved")


@pytest.mark.parametrize("hours", [0.3, 2, 48], ids=["resolved", "closed", "closed for days"])
def test_late_data_mends_what_has_ended(hours: float) -> None:
    incidents = Incidents(Settings())
    first = table_finding()
    incidents.feed([first], T0)
    incidents.feed([ended(first, T0 + 300, 1)], T0 + 300 + QUIET)
    at = T0 + int(hours * 3600)
    corrected = replace(ended(first, at, 2), observed=20.0, end=T0 + 240)
    [amended] = incidents.feed([corrected], at)
    assert (amended.action, amended.milestones) == (Action.UPDATE, [Milestone.AMENDED])
    assert (amended.incident.state, amended.incident.primary.observed) == ("resolved", 20.0)
    restored = Incidents(Settings())
    restored.restore(incidents.snapshot())
    for item in (incidents, restored):
        [gone] = item.feed([withdrawn(first, at + 60, 3)], at + 60)
        assert (gone.action, gone.incident.state) == (Action.WITHDRAW, "withdrawn")
        assert item.feed([withdrawn(first, at + 60, 4)], at + 120) == []


def test_what_is_withdrawn_is_not_what_the_next_one_follows() -> None:
    incidents = Incidents(Settings())
    for number in range(2):
        at = T0 + number * DAY
        one = table_finding(id=f"f{number}", start=at, seen=at)
        incidents.feed([one], at)
        incidents.feed([ended(one, at + 300, 1)], at + 300)
    real, wrong = incidents.all()
    incidents.feed([withdrawn(table_finding(id="f1", start=T0 + DAY), T0 + DAY + 7200, 2)], T0 + DAY + 7200)
    [page] = incidents.feed([table_finding(id="f2", start=T0 + 2 * DAY, seen=T0 + 2 * DAY)], T0 + 2 * DAY)[
        -1:
    ]
    assert wrong.follows == real.id == page.incident.follows


def limit(near: bool, revision: int, at: int, **changes: Any) -> Finding:
    about = scope("table", "ledger")
    given: dict[str, Any] = {
        "verdict": Verdict.LIMIT,
        "near": near,
        "revision": revision,
        "seen": at,
        "start": T0,
    }
    state = "open" if revision == 0 else "update"
    return growth_finding(about, **(given | {"state": state, "observed": 90.0} | changes))


def test_a_limit_of_the_digest_that_becomes_near_is_a_page() -> None:
    incidents = Incidents(Settings())
    notices = incidents.feed([limit(False, 0, T0)], T0 + DAY)
    assert [notice.action for notice in notices] == [Action.OPEN, Action.DIGEST]
    at = T0 + DAY + 60
    [page, taken] = incidents.feed([limit(True, 1, at)], at)
    assert (taken.action, taken.incident.id) == (Action.RESOLVE, notices[0].incident.id)
    assert (page.action, page.at, page.reason, page.incident.follows) == (
        Action.OPEN,
        at,
        NoticeReason.NEAR,
        None,
    )
    assert incidents.feed([], at + DAY) == []  # it is no part of the digest any more
    grew, near = incidents.all()
    assert (grew.sent, grew.state, near.sent, near.state) == ("digest", "resolved", "page", "open")
    restored = Incidents(Settings())
    restored.restore(incidents.snapshot())
    over = ended(limit(True, 2, at), at + DAY + 60, 2)
    assert restored.feed([over], at + 3 * DAY) == incidents.feed([over], at + 3 * DAY) != []


def test_a_limit_that_is_near_while_its_table_is_reported_joins_that_page() -> None:
    incidents = Incidents(Settings())
    incidents.feed([limit(False, 0, T0)], T0 + DAY)
    at = T0 + DAY + 600
    spike = finding(scope("table", "ledger"), "spike", seen=at, start=at)
    [page] = incidents.feed([spike], at)
    [reported] = of_messages(incidents.feed([limit(True, 1, at + 60, start=at)], at + 60))
    assert (reported.action, reported.incident.id) == (Action.UPDATE, page.incident.id)


def test_what_ended_a_month_ago_is_forgotten_unless_all_is_to_be_remembered() -> None:
    daemon, replay = Incidents(Settings()), Incidents(Settings(), remember_all=True)
    reported: list[list[Notice]] = []
    for incidents in (daemon, replay):
        notices: list[Notice] = []
        for day in range(60):
            at = T0 + day * DAY
            one = table_finding(id=f"d{day}", start=at, seen=at, trace=None)
            notices += [*incidents.feed([one], at), *incidents.feed([ended(one, at + 300)], at + 7200)]
        reported.append(notices)
    assert reported[0] == reported[1]
    assert len(replay.all()) == 60
    assert 30 <= len(daemon.all()) <= 32
    assert daemon.all() == replay.all()[-len(daemon.all()) :]
    assert len(daemon.snapshot()) < 40


def test_of_more_than_ten_thousand_that_have_ended_the_oldest_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alerting.incidents.incident_store, "MOST", 5)
    incidents = Incidents(Settings())
    for hour in range(12):
        at = T0 + hour * 3 * 3600
        one = finding(scope("table", f"t{hour}"), start=at, seen=at)
        incidents.feed([one], at)
        incidents.feed([ended(one, at + 60)], at + 7200)
    assert [known.primary.about for known in incidents.all()] == [
        scope("table", f"t{n}") for n in range(7, 12)
    ]
    first = finding(scope("table", "t0"), start=T0, seen=T0 + 12 * 3 * 3600)
    assert incidents._store.of_finding(first.id) is None


def test_what_closes_once_all_others_are_forgotten_is_the_same_after_a_restart() -> None:
    parts = []
    for restarts in (False, True):
        incidents = Incidents(Settings())
        for number in range(2):
            at = T0 + number * 40 * DAY
            one = finding(scope("table", f"t{number}"), start=at, seen=at)
            incidents.feed([one], at)
            if restarts:
                fresh = Incidents(Settings())
                fresh.restore(incidents.snapshot())
                incidents = fresh
            incidents.feed([ended(one, at + 60)], at + 60)
            incidents.feed([], at + DAY)
        parts.append(incidents.snapshot())
    assert parts[0] == parts[1]


def test_of_a_flood_every_page_has_its_curve_and_the_state_keeps_two_hundred() -> None:
    incidents = Incidents(Settings())
    flood = [
        table_finding(id=f"f{n}", scope=scope("table", f"t{n}"), touches=[], callers=[], suspects=[])
        for n in range(250)
    ]
    flood += [growth_finding(scope("table", f"g{n}"), trace=flood[0].trace) for n in range(50)]
    front = finding(PUT, touches=[scope("table", "t0")], trace=flood[0].trace)
    pages = of_messages(incidents.feed([*flood, front], T0))
    assert [page.incident.primary.trace is not None for page in pages] == [True] * 250
    curve = len(msgspec.msgpack.encode(flood[0].trace))
    whole = sum(map(len, incidents.snapshot().values()))
    assert 200 * curve < whole < 201 * curve + 300 * 2000
    reported = incidents.feed([replace(flood[249], revision=1, state="update", seen=T0 + 300)], T0 + 300)
    assert reported[0].incident.primary.trace is not None


ABOUT = [TABLE, PUT, GET, ROUTE]


@st.composite
def stories(draw: st.DrawFn) -> list[Finding]:
    """Return tellings of a few findings that come, change, end, are withdrawn and come back."""
    reported: list[Finding] = []
    for number in range(draw(st.integers(1, 5))):
        about = draw(st.sampled_from(ABOUT))
        at = T0 + 60 * draw(st.integers(0, 90))
        one = finding(about, f"f{number}", start=at - 120, seen=at, touches=[PUT, ROUTE])
        reported.append(one)
        for revision in range(1, draw(st.integers(1, 6))):
            at += 60 * draw(st.sampled_from([1, 5, 10, 25]))
            state = draw(st.sampled_from(["update", "update", "end", "withdrawn", "open"]))
            value = draw(st.sampled_from([10.0, 20.0, 41.0, 80.0, 200.0]))
            end = None if state in ("update", "open") else at
            reported.append(replace(one, revision=revision, state=state, seen=at, observed=value, end=end))
    return reported


def run(
    cuts: list[int], findings: list[Finding], *, restore: bool = False
) -> tuple[list[Notice], list[Incident]]:
    incidents, notices, done = Incidents(Settings()), list[Notice](), 0
    for cut in [*sorted(cuts), T0 + DAY]:
        notices += incidents.feed([f for f in findings if done < f.seen <= cut], cut)
        done = max(done, cut)
        if restore:
            parts = incidents.snapshot()
            incidents = Incidents(Settings())
            incidents.restore(parts)
    return notices, incidents.all()


@given(
    stories(),
    st.lists(st.integers(T0 - 60, T0 + 12_000), max_size=10),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_however_an_incident_is_cut_shuffled_or_restored_it_is_reported_the_same(
    story: list[Finding], cuts: list[int], shuffler: random.Random, restore: bool
) -> None:
    shuffled = list(story)
    shuffler.shuffle(shuffled)
    assert run(cuts, shuffled, restore=restore) == run([], story)


def test_what_begins_as_another_finding_is_withdrawn_once_more_is_the_same_incident() -> None:
    second, first = (finding(TABLE, name, start=T0 - 120, seen=T0) for name in ("f0", "f1"))
    third = finding(TABLE, "f2", start=T0 + 60, seen=T0 + 180)
    story = [
        first,
        second,
        replace(first, revision=1, state="withdrawn", seen=T0 + 60, end=T0 + 60),
        replace(second, revision=1, state="withdrawn", seen=T0 + 180, end=T0 + 180),
        replace(first, revision=2, state="withdrawn", seen=T0 + 180, end=T0 + 180),
        third,
    ]
    actions = [notice.action for notice in run([], story)[0] if notice.action is not Action.DIGEST]
    assert actions.count(Action.OPEN) == 1


@given(stories())
def test_every_page_is_ended_once_for_every_time_that_it_began(story: list[Finding]) -> None:
    over = [
        replace(finding, state="end", revision=99, seen=T0 + 20_000, end=T0 + 20_000) for finding in story
    ]
    notices, known = run([], [*story, *{finding.id: finding for finding in over}.values()])
    lives: dict[str, list[Action]] = {}
    for notice in notices:
        if notice.action not in (Action.UPDATE, Action.DIGEST) and notice.incident.sent == "page":
            lives.setdefault(notice.incident.id, []).append(notice.action)
    for life in lives.values():
        assert life[0] is Action.OPEN
        for first, second in itertools.pairwise(life):
            assert (first is Action.OPEN) is (second in (Action.RESOLVE, Action.WITHDRAW)) or (
                second is Action.WITHDRAW
            )
    assert {incident.state for incident in known} <= {"resolved", "withdrawn"}
    reported = [notice.incident for notice in notices if notice.action is not Action.DIGEST]
    firsts = {notice.incident.id: notice.action for notice in reversed(notices) if notice.incidents}
    assert set(firsts.values()) <= {Action.OPEN}
    revisions = [(incident.id, incident.revision) for incident in reported]
    assert len(revisions) == len(set(revisions))
