"""Findings become incidents, pages and digests."""

import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.incidents.answers import finding_entry, incident_entry
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.incident_store import IncidentStore
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, Milestone, Notice, NoticeReason
from config.settings import DigestSettings, Settings
from detectors.model.finding import CallRate, Failures, Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.watch.rankings import Load
from tests.alerting.given import (
    GET,
    IOS,
    PUT,
    ROUTE,
    SERVICE,
    T0,
    TABLE,
    ended,
    finding,
    growth_finding,
    notices_of,
    of_messages,
    scope,
    share,
    table_finding,
    written,
)

QUIET = Settings().incidents.quiet
GATHER = Settings().incidents.gather
STEP = Settings().time.step
WEAK = 0.7  # score of a finding whose page waits


def actions(notices: list[Notice]) -> list[Action]:
    return [notice.action for notice in notices]


def test_a_table_its_callers_and_what_is_in_front_are_one_page() -> None:
    front = [finding(about, touches=[TABLE]) for about in (PUT, GET, ROUTE, IOS, SERVICE)]
    wide = finding(scope("account", "123456789012"))
    notices = notices_of(
        wide, *front, table_finding(), table_finding(id="reads", measure=Measure.RCU, score=0.98)
    )
    assert actions(notices) == [Action.OPEN]
    assert notices[0].incident.primary.about == TABLE
    assert notices[0].incident.primary.measure is Measure.WCU
    assert len(notices[0].incident.members) == 7


def test_a_page_leaves_at_once_when_a_table_is_affected() -> None:
    incidents = Incidents(Settings())
    [notice] = incidents.feed([table_finding()], T0)
    assert (notice.at, notice.reason, notice.incident.alerted) == (T0, NoticeReason.TABLE, T0)


def test_a_finding_in_front_waits_one_step_for_a_deeper_one() -> None:
    incidents = Incidents(Settings())
    assert incidents.feed([finding(PUT, score=WEAK)], T0) == []
    [notice] = incidents.feed([table_finding(seen=T0 + 50)], T0 + 50)
    assert notice.incident.primary.about == TABLE
    assert [member.about for member in notice.incident.members] == [PUT]


@pytest.mark.parametrize(
    ("verdict", "observed"), [(Verdict.SPIKE, 41.0), (Verdict.DROP, 1.0), (Verdict.SHIFT, 41.0)]
)
def test_a_strong_finding_in_front_leaves_at_once_and_a_deeper_one_takes_its_place_in_the_message(
    verdict: Verdict, observed: float
) -> None:
    reported: dict[str, Any] = {"verdict": verdict, "observed": observed}
    incidents = Incidents(Settings())
    [page] = incidents.feed([finding(PUT, score=0.8, **reported)], T0)
    assert (page.at, page.reason, page.incident.alerted) == (T0, NoticeReason.STRONG, T0)
    [deeper] = incidents.feed([table_finding(seen=T0 + STEP, **reported)], T0 + STEP)
    assert (deeper.action, deeper.reason) == (Action.UPDATE, NoticeReason.DEEPER)
    assert deeper.incident.id == page.incident.id
    assert deeper.incident.primary.about == TABLE


def test_what_waits_leaves_as_soon_as_it_is_strong() -> None:
    incidents = Incidents(Settings())
    assert incidents.feed([finding(PUT, score=WEAK)], T0) == []
    stronger = finding(PUT, score=0.9, state="update", revision=1, seen=T0 + 30)
    [page] = incidents.feed([stronger], T0 + 30)
    assert (page.at, page.reason) == (T0 + 30, NoticeReason.STRONG)


def test_an_absence_waits_however_high_its_score_is() -> None:
    incidents = Incidents(Settings())
    gone = finding(PUT, verdict=Verdict.ABSENCE, observed=0.0, missed=90.0, score=0.99)
    assert incidents.feed([gone], T0) == []
    [page] = incidents.feed([], T0 + STEP)
    assert (page.at, page.reason) == (T0 + STEP, NoticeReason.WAITED)


def test_what_waited_in_vain_leaves_at_its_own_time_however_late_the_watermark_comes() -> None:
    incidents = Incidents(Settings())
    incidents.feed([finding(PUT, score=WEAK)], T0)
    [notice] = incidents.feed([], T0 + 900)
    assert (notice.action, notice.at, notice.reason) == (Action.OPEN, T0 + STEP, NoticeReason.WAITED)


def test_what_joins_later_edits_the_message_and_a_deeper_one_takes_the_lead() -> None:
    incidents = Incidents(Settings())
    incidents.feed([finding(PUT, score=WEAK)], T0)
    [first] = incidents.feed([], T0 + 60)
    [second] = incidents.feed([table_finding(seen=T0 + 120)], T0 + 120)
    [third] = incidents.feed([finding(ROUTE, seen=T0 + 180)], T0 + 180)
    assert [first.incident.id, second.incident.id, third.incident.id] == [first.incident.id] * 3
    assert (second.action, second.reason) == (Action.UPDATE, NoticeReason.DEEPER)
    assert (third.action, third.reason) == (Action.UPDATE, NoticeReason.JOINED)
    assert third.incident.primary.about == TABLE


def failing(about: Scope, failed: float, requests: float, **more: Any) -> Finding:
    counted = Failures(failed=failed, requests=requests, seconds=300)
    return finding(about, measure=Measure.ERRORS_BACKEND, failures=counted, touches=[PUT, SERVICE], **more)


def test_a_function_that_fails_like_all_others_is_not_what_an_outage_is_traced_to() -> None:
    incidents = Incidents(Settings())
    [page] = incidents.feed([failing(SERVICE, 141, 292)], T0)
    [joined] = incidents.feed([failing(PUT, 31, 61, seen=T0 + 60)], T0 + 60)
    assert (joined.incident.id, joined.incident.primary.about) == (page.incident.id, SERVICE)


def test_nor_is_the_largest_of_three_functions_that_fail_alike() -> None:
    incidents = Incidents(Settings())
    incidents.feed([failing(SERVICE, 141, 292)], T0)
    [joined] = incidents.feed([failing(PUT, 76, 155, seen=T0 + 60)], T0 + 60)
    assert joined.incident.primary.about == SERVICE


def test_a_function_that_has_most_of_the_failures_is_what_they_are_traced_to() -> None:
    incidents = Incidents(Settings())
    incidents.feed([failing(SERVICE, 141, 292)], T0)
    [deeper] = incidents.feed([failing(PUT, 135, 140, seen=T0 + 60)], T0 + 60)
    assert (deeper.reason, deeper.incident.primary.about) == (NoticeReason.DEEPER, PUT)


def test_before_anybody_read_of_it_an_outage_is_of_what_has_most_of_its_failures() -> None:
    for found in (
        [failing(PUT, 31, 61), failing(SERVICE, 141, 292)],
        [failing(SERVICE, 141, 292), failing(PUT, 31, 61)],
    ):
        incidents = Incidents(Settings())
        [page] = [
            *incidents.feed([msgspec.structs.replace(one, score=WEAK) for one in found], T0),
            *incidents.feed([], T0 + STEP),
        ]
        assert page.incident.primary.about == SERVICE


def test_once_it_is_reported_a_higher_score_does_not_change_what_a_page_is_about() -> None:
    incidents = Incidents(Settings())
    incidents.feed([table_finding(score=0.9)], T0)
    reads = table_finding(id="reads", measure=Measure.RCU, score=0.99, seen=T0 + 60)
    [joined] = incidents.feed([reads], T0 + 60)
    assert (joined.reason, joined.incident.primary.measure) == (NoticeReason.JOINED, Measure.WCU)


def test_the_end_of_what_was_never_reported_is_not_reported() -> None:
    incidents = Incidents(Settings())
    assert incidents.feed([ended(table_finding(), T0)], T0 + 3600) == []
    assert incidents.all() == []


def test_two_cases_that_wait_become_one_when_a_table_connects_them() -> None:
    incidents = Incidents(Settings())
    incidents.feed([finding(PUT, score=WEAK), finding(GET, score=WEAK)], T0)
    notices = incidents.feed([table_finding(seen=T0 + 30)], T0 + 120)
    assert actions(notices) == [Action.OPEN]
    assert {member.about for member in notices[0].incident.members} == {PUT, GET}
    assert len(incidents.all()) == 1


@pytest.mark.parametrize(
    "other",
    [
        finding(scope("table", "users")),
        finding(TABLE, "fall", verdict=Verdict.DROP, observed=1.0),
        finding(scope("table", "items", account="999"), "elsewhere"),
    ],
    ids=["another table", "another direction", "another account"],
)
def test_what_has_another_cause_is_another_page(other: Finding) -> None:
    assert actions(notices_of(table_finding(), other)) == [Action.OPEN, Action.OPEN]


def test_two_tables_with_the_same_heavy_caller_are_one_page_and_with_a_light_one_are_two() -> None:
    users = scope("table", "users")
    heavy = finding(users, callers=[share(PUT, 0.7)], touches=[PUT])
    light = finding(users, callers=[share(PUT, 0.05)], touches=[PUT])
    assert len(notices_of(table_finding(), heavy)) == 1
    assert len(notices_of(table_finding(), light)) == 2


def test_hours_later_a_shared_service_does_not_hide_a_new_table_in_an_old_message() -> None:
    incidents = Incidents(Settings())
    incidents.feed([finding(SERVICE, score=WEAK)], T0)
    later = T0 + 4 * 3600
    users = finding(scope("table", "users"), touches=[SERVICE], start=later - 120, seen=later)
    assert actions(incidents.feed([users], later)) == [Action.OPEN, Action.OPEN]


def test_what_follows_a_rise_of_the_whole_account_is_a_page_of_its_own() -> None:
    incidents = Incidents(Settings())
    [flood] = incidents.feed([finding(scope("account", "123456789012"))], T0)
    [page] = incidents.feed([table_finding(start=T0 + 120, seen=T0 + 180)], T0 + 180)
    assert actions([flood, page]) == [Action.OPEN, Action.OPEN]
    assert page.incident.primary.about == TABLE


def test_what_carries_little_of_a_rise_hides_it_no_longer_than_they_began_together() -> None:
    incidents = Incidents(Settings())
    other = scope("function", "other")
    incidents.feed([finding(other)], T0)
    callers = [share(PUT, 0.93), share(other, 0.07)]
    later = table_finding(start=T0 + 540, seen=T0 + 600, callers=callers, touches=[PUT, other])
    [page] = incidents.feed([later], T0 + 600)
    assert (page.action, page.incident.primary.about) == (Action.OPEN, TABLE)


def test_a_function_that_falls_while_its_routes_are_served_is_not_reported() -> None:
    fallen: dict[str, Any] = {"verdict": Verdict.DROP, "observed": 0.0, "expected": 8.2}
    replaced = finding(PUT, callers=[share(ROUTE, 1.0)], touches=[ROUTE], **fallen)
    incidents = Incidents(Settings())
    assert incidents.feed([replaced], T0) == []
    assert incidents.feed([], T0 + 20 * STEP) == []
    [kept] = incidents.all()
    assert (kept.sent, kept.reason) == ("none", NoticeReason.TAKEN_OVER.value)
    route = finding(ROUTE, seen=T0 + 21 * STEP, start=T0 + 19 * STEP, **fallen)
    [notice] = incidents.feed([route], T0 + 30 * STEP)
    assert (notice.action, notice.incident.primary.about) == (Action.OPEN, PUT), "its route fell too"


def test_what_falls_elsewhere_at_the_same_time_does_not_show_that_a_function_was_replaced() -> None:
    fallen: dict[str, Any] = {"verdict": Verdict.ABSENCE, "observed": 0.0, "expected": 8.2}
    replaced = finding(PUT, callers=[share(ROUTE, 1.0)], touches=[ROUTE], **fallen)
    other = finding(scope("route", "GET /offers"), **fallen)
    [page] = notices_of(replaced, other)
    assert page.incident.primary.about == other.about
    assert page.incident.members == []


def test_a_client_connects_what_it_is_the_suspect_of_and_not_all_that_it_calls() -> None:
    users = scope("table", "users")
    calls: dict[str, Any] = {"touches": [IOS], "callers": [share(IOS, 0.6)]}
    assert len(notices_of(table_finding(**calls, suspects=[]), finding(users, **calls))) == 2
    assert len(notices_of(table_finding(**calls), finding(users, **calls, suspects=[share(IOS, 0.6)]))) == 1


def test_a_suspect_that_more_calls_clear_is_dropped_and_one_of_what_ended_stays() -> None:
    incidents = Incidents(Settings())
    incidents.feed([table_finding()], T0)
    clear = table_finding(state="update", revision=1, seen=T0 + STEP, suspects=[])
    incidents.feed([clear], T0 + STEP)
    assert incidents.all()[0].primary.suspects == []
    again = table_finding(state="update", revision=2, seen=T0 + 2 * STEP)
    over = ended(table_finding(revision=3, suspects=[]), T0 + 3 * STEP)
    incidents.feed([again, over], T0 + 3 * STEP)
    assert [suspect.scope for suspect in incidents.all()[0].primary.suspects] == [IOS]


def test_what_begins_hours_later_at_the_same_table_is_another_page_and_the_same_series_is_not() -> None:
    later: dict[str, Any] = {"start": T0 + 3 * 3600, "seen": T0 + 3 * 3600 + 120}
    incidents = Incidents(Settings())
    incidents.feed([table_finding()], T0)
    assert actions(incidents.feed([table_finding(id="again", **later)], T0 + 4 * 3600)) == [Action.UPDATE]
    reads = table_finding(id="reads", measure=Measure.RCU, start=T0 + 6 * 3600, seen=T0 + 6 * 3600 + 120)
    assert actions(incidents.feed([reads], T0 + 7 * 3600)) == [Action.OPEN]


def test_what_continues_after_its_incident_ended_is_another_incident() -> None:
    table, function = table_finding(), finding(PUT, touches=[TABLE])
    incidents = Incidents(Settings())
    incidents.feed([table, function], T0)
    over = T0 + 600
    incidents.feed([ended(table, over), ended(function, over)], over)
    late = over + QUIET + GATHER + 600
    for at, again in enumerate((function, table)):
        seen = late + at * STEP
        incidents.feed([msgspec.structs.replace(again, revision=12, state="update", seen=seen)], seen)
    first, second = incidents.all()
    assert first.id != second.id
    assert (len(first.members), len(second.members)) == (1, 1)


def test_a_worker_that_no_route_calls_is_reported_when_it_falls() -> None:
    worker = finding(PUT, verdict=Verdict.DROP, observed=0.0, expected=8.2)
    assert actions(notices_of(worker)) == [Action.OPEN]


def test_it_is_resolved_when_no_finding_was_open_for_the_quiet_time() -> None:
    incidents = Incidents(Settings())
    opened, joined = table_finding(), finding(PUT)
    [page] = incidents.feed([opened, joined], T0)
    notices = incidents.feed([ended(opened, T0 + 600), ended(joined, T0 + 900)], T0 + 900 + QUIET)
    assert actions(notices) == [Action.UPDATE, Action.UPDATE, Action.RESOLVE]
    assert notices[-1].at == T0 + 840 + QUIET, "it ended a minute before that was certain"
    over = notices[-1].incident
    assert (over.id, over.state, over.end) == (page.incident.id, "resolved", T0 + 840)
    assert over.peak == 41.0
    assert over.primary.callers == opened.callers


def test_what_comes_back_soon_is_the_same_incident_and_what_comes_back_late_is_a_new_page() -> None:
    incidents = Incidents(Settings())
    first = table_finding()
    incidents.feed([first], T0)
    over = T0 + 600 + QUIET
    incidents.feed([ended(first, T0 + 600)], over)
    again = table_finding(id="again", start=over, seen=over + GATHER)
    [back] = incidents.feed([again], over + GATHER)
    assert (back.action, back.reason, back.incident.reopened) == (Action.OPEN, NoticeReason.REOPENED, 1)
    assert back.milestones == [Milestone.REOPENED]
    over = over + GATHER + 600 + 2 * QUIET
    incidents.feed([ended(again, over - 2 * QUIET)], over)
    late = table_finding(id="late", start=over + 2 * QUIET, seen=over + 2 * QUIET + 60)
    [fresh] = incidents.feed([late], over + 2 * QUIET + 60)
    assert fresh.action is Action.OPEN
    assert fresh.incident.id != back.incident.id
    assert fresh.incident.fingerprint == back.incident.fingerprint
    assert fresh.incident.follows == back.incident.id
    assert [incident.state for incident in incidents.all()] == ["resolved", "open"]


def test_a_blip_that_ends_while_it_waits_is_kept_and_not_reported() -> None:
    incidents = Incidents(Settings())
    blip = finding(PUT, score=WEAK)
    assert incidents.feed([blip, ended(blip, T0 + 30)], T0 + 3600) == []
    [known] = incidents.all()
    assert (known.sent, known.reason, known.state) == ("none", NoticeReason.ENDED, "resolved")


def test_a_repeated_telling_changes_nothing_even_after_the_incident_is_over() -> None:
    incidents = Incidents(Settings())
    first = table_finding()
    incidents.feed([first], T0)
    assert incidents.feed([first], T0) == []
    incidents.feed([ended(first, T0 + 600)], T0 + 600 + QUIET + GATHER + 60)
    before = incidents.all()
    assert incidents.feed([first, ended(first, T0 + 600)], T0 + 90_000) == []
    assert incidents.all() == before


def test_a_finding_reported_after_the_watermark_waits_for_its_time() -> None:
    incidents = Incidents(Settings())
    assert incidents.feed([table_finding(seen=T0 + 60)], T0) == []
    [notice] = incidents.feed([], T0 + 60)
    assert notice.at == T0 + 60


def test_growth_is_reported_once_a_day_in_the_digest_and_never_as_a_page() -> None:
    tokyo = Settings(digest=DigestSettings(at="09:00", timezone="Asia/Tokyo"))
    incidents = Incidents(tokyo)
    users, logs = scope("table", "users"), scope("table", "logs")
    notices = incidents.feed([growth_finding(users, days=40.0), growth_finding(logs, days=3.0)], T0)
    for minute in range(0, 3 * 1440, 7):
        notices += incidents.feed([], T0 + minute * 60)
    assert {notice.incident.sent for notice in notices} == {"digest"}
    opened, *_ = notices = sorted(notices, key=lambda notice: notice.action is Action.DIGEST)
    assert (opened.action, opened.at, opened.reason) == (Action.OPEN, T0, NoticeReason.GROWTH)
    notices = of_messages(notices)
    assert actions(notices) == [Action.DIGEST] * 3
    for notice in notices:
        assert datetime.fromtimestamp(notice.at, ZoneInfo("Asia/Tokyo")).strftime("%H:%M") == "09:00"
        assert [incident.primary.about for incident in notice.incidents] == [logs, users]
    assert {(known.sent, known.alerted) for known in incidents.all()} == {("digest", notices[0].at)}


def test_no_digest_is_sent_when_nothing_grows() -> None:
    incidents = Incidents(Settings())
    grows = growth_finding(TABLE)
    incidents.feed([grows, ended(grows, T0 + 60)], T0 + 60)
    assert of_messages(incidents.feed([], T0 + 5 * 86400)) == []


def test_a_spike_on_a_table_that_grows_is_a_page_of_its_own() -> None:
    notices = of_messages(notices_of(growth_finding(TABLE, identity="grows"), table_finding()))
    assert actions(notices) == [Action.OPEN]
    assert notices[0].incident.members == []


def test_a_time_zone_that_does_not_exist_is_refused_with_the_remedy() -> None:
    wrong = Settings.model_construct(digest=DigestSettings.model_construct(at="09:00", timezone="Asia/Tokio"))
    with pytest.raises(ValueError, match=r"Asia/Tokio.*write it like Asia/Tokyo"):
        Incidents(wrong)


def test_a_flood_of_unrelated_findings_is_a_page_each() -> None:
    incidents = Incidents(Settings())
    flood = [finding(scope("table", f"t{n}"), touches=[scope("function", f"f{n}")]) for n in range(2_000)]
    assert len(incidents.feed(flood, T0)) == 2_000


def story() -> list[Finding]:
    """Return tellings of an eventful hour."""
    spike, front, grows = table_finding(), finding(PUT, seen=T0 - 60), growth_finding(scope("table", "users"))
    falls = finding(SERVICE, "fall", verdict=Verdict.DROP, observed=1.0, seen=T0 + 420, start=T0 + 300)
    again = table_finding(id="again", start=T0 + 1500, seen=T0 + 1560)
    updates = [
        msgspec.structs.replace(spike, revision=n, state="update", seen=T0 + n * 60) for n in range(1, 5)
    ]
    ends = [ended(spike, T0 + 600), ended(front, T0 + 540), ended(falls, T0 + 900), ended(again, T0 + 2400)]
    return [spike, front, grows, falls, again, *updates, *ends]


def run(cuts: list[int], findings: list[Finding], restore: bool = False) -> tuple[list[Notice], list[object]]:
    incidents, notices, done = Incidents(Settings()), [], 0
    for cut in [*sorted(cuts), T0 + 86400]:
        notices += incidents.feed([f for f in findings if done < f.seen <= cut], cut)
        done = max(done, cut)
        if restore:
            parts = incidents.snapshot()
            incidents = Incidents(Settings())
            incidents.restore(parts)
    return notices, [written(incident_entry(known)) for known in incidents.all()]


@settings(max_examples=40)
@given(
    st.lists(st.integers(T0 - 300, T0 + 7200), max_size=12), st.randoms(use_true_random=False), st.booleans()
)
def test_however_findings_are_cut_ordered_or_restored_the_notices_are_the_same(
    cuts: list[int], shuffler: random.Random, restore: bool
) -> None:
    expected = run([], story())
    shuffled = story()
    shuffler.shuffle(shuffled)
    assert len(expected[0]) > 8
    assert run(cuts, shuffled, restore) == expected


def test_an_incident_line_has_the_fields_that_were_promised() -> None:
    incidents = Incidents(Settings())
    incidents.feed([table_finding(), finding(ROUTE)], T0)
    line = written(incident_entry(incidents.all()[0]))
    assert line["scope"] == written(TABLE.as_answer())
    promised = {"id", "verdict", "sent", "reason", "start", "alerted", "end", "scope", "measure", "observed"}
    promised |= {
        "expected",
        "lower",
        "upper",
        "score",
        "completeness",
        "callers",
        "suspects",
        "members",
        "sentence",
    }
    assert promised <= set(line)
    assert (line["verdict"], line["sent"], line["alerted"], line["end"]) == ("spike", "page", T0, None)
    assert line["callers"][0] == {
        "kind": "function",
        "name": "inventory-put-item",
        "share": 0.91,
        "more_calls": 0.89,
        "more_per_call": 0.02,
    }
    assert [member["scope"] for member in line["members"]] == [written(ROUTE.as_answer())]


def test_a_finding_line_says_what_was_sent_on_the_primary_only() -> None:
    incidents = Incidents(Settings())
    main, front = table_finding(), finding(ROUTE)
    incidents.feed([main, front], T0)
    [incident] = incidents.all()
    assert [item.id for item in (incident.primary, *incident.members)] == [main.id, front.id]
    lines = [written(finding_entry(item, incident)) for item in (main, front)]
    assert [line["sent"] for line in lines] == ["page", "none"]
    assert lines[0]["incident"] == lines[1]["incident"] == incident.id
    assert finding_entry(main).sent == "none"


def test_a_new_hottest_table_is_reported_once_in_the_digest_and_never_as_a_page() -> None:
    def hour(items: float) -> list[Load]:
        return [Load(TABLE, Measure.WCU, items, None), Load(scope("table", "users"), Measure.WCU, 30.0, None)]

    incidents, notices = Incidents(Settings()), []
    for number in range(4 * 24):
        notices += incidents.feed([], T0 + 3600 * number, hour(50.0 if number < 48 else 5.0))
    [reported] = notices
    assert (reported.action, reported.incidents) == (Action.DIGEST, [])
    [leader] = reported.hottest
    assert leader.former is not None
    assert (leader.scope.name, leader.former.name) == ("users", "items")


def test_what_lies_behind_a_slow_function_stays_known_when_the_table_has_eased_and_after_a_restart() -> None:
    slow_table = finding(
        TABLE,
        measure=Measure.LATENCY,
        observed=405.0,
        expected=5.0,
        calls=10.0,
        traffic=[CallRate(scope=PUT, calls=10.0)],
        touches=[PUT],
    )
    slow_function = finding(
        PUT,
        measure=Measure.LATENCY,
        observed=450.0,
        expected=40.0,
        calls=10.0,
        sentence="PUT is slow.",
    )
    incidents = Incidents(Settings())
    incidents.feed([slow_table, slow_function], T0)
    eased = msgspec.structs.replace(
        slow_table, state="end", revision=1, seen=T0 + 60, end=T0 + 60, observed=4.0
    )
    incidents.feed([eased], T0 + 60)
    again = Incidents(Settings())
    again.restore(incidents.snapshot())
    for item in (incidents, again):
        [incident] = item.all()
        [member] = incident.members
        assert [(cause.scope, cause.measure) for cause in member.causes] == [(TABLE, Measure.LATENCY)]
        assert member.causes[0].score == pytest.approx(400 / 410, abs=1e-3)
        assert member.sentence == "PUT is slow; the time is spent in table items."
        assert incident.primary.causes == []


def test_a_record_of_an_older_state_is_readable() -> None:
    record = IncidentRecord.of(table_finding())
    written = msgspec.to_builtins(record)
    del written["calm_at"]
    for held in written["findings"].values():
        del held["failures"], held["peak"]
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(written), type=IncidentRecord)
    assert read == record


def test_live_incidents_can_be_read_while_others_begin() -> None:
    store = IncidentStore(remember_all=False)
    first = store.join(table_finding(), GATHER)
    read = iter(store)
    assert store.join(finding(scope("table", "users"), "another"), GATHER) is not first
    assert list(read) == [first]
