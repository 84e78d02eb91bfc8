from typing import Any

import pytest
from hypothesis import given as having
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.commands.labels import Label, LabelKind
from alerting.evaluation.evaluation import Evaluation, evaluate
from alerting.evaluation.quality import Delay, DetectionQuality
from alerting.incidents.incident import Incident
from detectors.model.finding import Cause, Verdict
from detectors.model.measures import Measure
from tests.alerting.given import (
    ACCOUNT,
    GET,
    PUT,
    ROUTE,
    SERVICE,
    T0,
    TABLE,
    finding,
    share,
    table_finding,
)
from tests.alerting.made import LEDGER, made, several

WEEK = 7 * 86400
FIRST, LAST = T0 - 86400, T0 - 86400 + WEEK


def label(
    start: int = 0, lasts: int | None = 600, kind: LabelKind = LabelKind.INCIDENT, **fields: Any
) -> Label:
    begun = T0 + start
    return Label(kind=kind, start=begun, end=None if lasts is None else begun + lasts, **fields)


def measured(incidents: list[Incident], *labels: Label, **how: Any) -> Evaluation:
    return evaluate(incidents, labels, FIRST, LAST, **how)


def finds(one: Incident, known: Label) -> bool:
    found = measured([one], known).found
    return bool(found) and found[0].incident is one


def test_a_page_in_the_time_of_a_label_finds_it() -> None:
    page = made("a", after=90)
    found = measured([page], label())
    assert [
        (outcome.label, outcome.incident, outcome.delay, outcome.in_digest) for outcome in found.found
    ] == [(label(), page, 90, False)]
    assert (found.missed, found.false_pages, found.total.recall, found.total.precision) == ((), (), 1.0, 1.0)


@pytest.mark.parametrize(
    ("start", "meets"), [(-1300, False), (-700, False), (-600, True), (1200, True), (1201, False)]
)
def test_ten_minutes_before_and_after_a_label_belong_to_it(start: int, meets: bool) -> None:
    assert finds(made("a", start=start, after=0), label()) is meets


def test_a_page_from_long_before_is_not_about_what_began_while_it_was_open() -> None:
    open_for_days = made("a", start=-7200, lasts=None)
    found = measured([open_for_days], label())
    assert [missed.seen for missed in found.missed] == [(open_for_days,)]
    assert [false_page.incident.id for false_page in found.false_pages] == ["a"]
    late = made("b", start=-7200, lasts=None, after=7500)
    assert measured([late], label()).found[0].delay == 300, "it was sent when the label had begun"


def test_a_label_without_an_end_lasts_until_the_end() -> None:
    assert finds(made("a", start=86400), label(lasts=None))


def test_a_scope_fits_whatever_the_incident_is_about_or_is_caused_by() -> None:
    evidence = {
        name: getattr(table_finding(), name) for name in ("callers", "suspects", "touches", "measure")
    }
    caused = made("a", **evidence, members=[finding(SERVICE)])
    for name in (
        "table:items",
        "function:inventory-put-item",
        "route:POST /items/{id}",
        "client:ios",
        "client:ios 3.2.1",
        "service:inventory",
    ):
        assert finds(caused, label(scope=name)), name
    for name in ("table:ledger", "client:ios 3.2.0", "function:items", "table:item"):
        assert not finds(caused, label(scope=name)), name
    assert finds(caused, label()), "a label without a scope fits any"
    assert not finds(made("a", callers=[share(GET, 0.04)]), label(scope="function:inventory-get-item"))
    behind = made("a", ROUTE, causes=[Cause(scope=TABLE, measure=Measure.LATENCY, score=0.9)])
    assert finds(behind, label(scope="table:items"))


def test_account_and_measure_must_fit_where_they_are_given() -> None:
    page = made("a", members=[finding(PUT)])
    assert finds(page, label(account=ACCOUNT, measure="wcu"))
    assert not finds(page, label(account="other"))
    assert not finds(page, label(measure="latency"))
    assert finds(page, label(scope="function:inventory-put-item", measure="requests"))
    assert not finds(page, label(scope="function:inventory-put-item", measure="wcu")), "of one finding"


def test_another_verdict_is_found_and_said() -> None:
    page = made("a", verdict=Verdict.SHIFT)
    [wrong] = measured([page], label(verdict="spike")).found
    [right] = measured([page], label(verdict="shift")).found
    [any_verdict] = measured([page], label()).found
    assert (wrong.other_verdict, right.other_verdict, any_verdict.other_verdict) == (True, False, False)
    turned = made("a", verdict=Verdict.SHIFT, members=[finding(TABLE)])
    assert not measured([turned], label(verdict="spike")).found[0].other_verdict, "it began as one"


def test_growth_is_found_in_the_digest_and_no_page_is_about_it() -> None:
    growing = label(lasts=5 * 86400, verdict="growth", scope="table:items")
    entry = made("g", verdict=Verdict.GROWTH, sent="digest", lasts=None, after=3 * 86400)
    found = measured([entry], growing)
    assert (found.found[0].in_digest, found.total.in_digest, found.total.pages) == (True, 1, 0)
    assert (found.total.delay, found.total.digest_delay) == (None, Delay(3 * 86400, 3 * 86400, 3 * 86400))
    paged = measured([made("p", verdict=Verdict.SHIFT)], growing)
    assert [(missed.label, missed.seen[0].id) for missed in paged.missed] == [(growing, "p")]
    assert [false_page.incident.id for false_page in paged.false_pages] == ["p"]
    limit = measured([made("l", verdict=Verdict.LIMIT, near=True)], growing)
    assert (len(limit.missed), limit.false_pages, limit.repeated) == (1, (), ()), "what it grows to is near"


def test_growth_is_not_about_what_happened_suddenly() -> None:
    entry = made("g", verdict=Verdict.GROWTH, sent="digest")
    assert measured([entry], label(verdict="spike")).missed[0].seen == ()
    assert measured([made("a")], label(verdict="growth")).missed[0].seen == ()
    assert finds(entry, label(verdict="shift")), "a slow rise is called either"
    assert finds(entry, label())


def test_a_limit_is_found_by_a_page_or_an_entry() -> None:
    for sent in ("page", "digest"):
        assert finds(made("l", verdict=Verdict.LIMIT, sent=sent), label(verdict="limit"))


def test_a_page_comes_before_an_entry_and_the_first_before_the_others() -> None:
    incidents = [made("entry", sent="digest"), made("late", after=300), made("early", PUT, after=120)]
    found = measured(incidents, label())
    assert (found.found[0].incident.id, [other.id for other in found.found[0].others]) == (
        "early",
        ["late", "entry"],
    )
    assert found.found[0].delay == 120
    assert [incident.id for incident in found.repeated] == ["late"]
    assert found.total.precision == 1.0, "a second page about the same is not false"


def test_what_was_seen_and_not_sent_is_missed_and_shown() -> None:
    [missed] = measured([made("a", sent="none")], label()).missed
    assert [incident.reason for incident in missed.seen] == ["quiet_hours"]


def test_a_page_about_nothing_that_is_labelled_is_false() -> None:
    found = measured([made("a"), made("b", LEDGER)], label(scope="table:items"))
    assert [(false_page.incident.id, false_page.label) for false_page in found.false_pages] == [("b", None)]
    assert (found.total.precision, found.total.false_pages_per_week) == (0.5, 1.0)


@pytest.mark.parametrize("kind", [LabelKind.EXPECTED, LabelKind.NOT_AN_ANOMALY])
def test_a_page_that_people_said_was_none_names_the_label(kind: LabelKind) -> None:
    said = label(kind=kind, scope="table:items")
    found = measured([made("a")], said)
    assert [(false_page.incident.id, false_page.label) for false_page in found.false_pages] == [("a", said)]
    assert (found.total.labels, found.total.recall) == (0, None), "there is nothing to find"
    both = measured([made("a")], said, label())
    assert (both.false_pages, len(both.found)) == ((), 1), "something else happened meanwhile"


def test_what_people_said_of_the_very_incident_is_so() -> None:
    press = label(start=-50_000, kind=LabelKind.NOT_AN_ANOMALY, incident="a", by="U1")
    found = measured([made("a")], press, label())
    assert [false_page.label for false_page in found.false_pages] == [press]
    assert len(found.missed) == 1


def test_a_label_that_names_an_incident_is_about_that_one_alone() -> None:
    both = [made("a"), made("b", start=300)]
    found = measured(both, label(incident="b"))
    assert [(outcome.incident.id, outcome.others) for outcome in found.found] == [("b", ())]
    assert [false_page.incident.id for false_page in found.false_pages] == ["a"]
    said = measured(both, label(kind=LabelKind.EXPECTED, incident="b"))
    assert [false_page.label and false_page.label.kind for false_page in said.false_pages] == [
        None,
        LabelKind.EXPECTED,
    ]


def test_a_label_that_names_what_this_replay_has_not_is_met_as_any_other() -> None:
    known = label(incident="of another configuration", scope="table:items")
    assert finds(made("a"), known)
    assert not finds(made("a", LEDGER), known)


def test_labels_outside_what_was_judged_are_not_counted_and_excuse_their_pages() -> None:
    before, after = label(start=-90_000, lasts=100_000), label(start=WEEK)
    found = measured([made("a")], before, after)
    assert found.outside == ((before, "before"), (after, "after"))
    assert (found.total.labels, found.total.recall, found.total.pages, found.false_pages) == (0, None, 1, ())


def test_the_first_page_about_a_label_is_no_second_one_where_the_label_is_not_counted() -> None:
    before = label(start=-90_000, lasts=100_000)
    assert measured([made("a")], before).repeated == ()
    assert [incident.id for incident in measured([made("a"), made("b", start=900)], before).repeated] == ["b"]
    earlier = made("earlier", start=-88_000)
    assert [incident.id for incident in measured([earlier, made("a")], before).repeated] == ["a"], (
        "told before FIRST"
    )


@pytest.mark.parametrize("sent", ["page", "digest"])
@pytest.mark.parametrize(
    ("first", "last", "found", "pages"), [(0, 60, 1, 1), (0, 59, 0, 0), (59, 120, 1, 1), (60, 120, 0, 0)]
)
def test_a_label_is_found_by_what_was_sent_where_pages_are_counted(
    first: int, last: int, found: int, pages: int, sent: Any
) -> None:
    known = label(start=60) if first else label()
    made_ = [made("a", after=60, sent=sent)]
    total = evaluate(made_, [known], T0 + first, T0 + last).total
    assert (total.labels, total.found, total.pages) == (1, found, pages if sent == "page" else 0)


def test_stretches_that_follow_each_other_count_each_page_and_label_once() -> None:
    incidents = [made(str(n), start=n * 3600) for n in range(8)]
    labels = [label(start=n * 3600) for n in range(0, 8, 2)]
    middle = T0 + 3 * 3600 + 60
    parts = [evaluate(incidents, labels, *span).total for span in ((FIRST, middle), (middle, LAST))]
    assert [(part.pages, part.labels, part.false_pages) for part in parts] == [(4, 2, 2), (4, 2, 2)]


def test_verdicts_and_services_are_measured_apart() -> None:
    incidents = [
        made("a", members=[finding(SERVICE)]),
        made("b", start=5000, verdict=Verdict.DROP),
        made("c", start=9000, verdict=Verdict.DROP),
    ]
    labels = [
        label(verdict="spike", scope="service:inventory"),
        label(start=5000, scope="table:items"),
        label(start=20_000, scope="table:items"),
    ]
    found = measured(incidents, *labels)
    assert {
        name: (item.labels, item.found, item.pages, item.false_pages)
        for name, item in found.by_verdict.items()
    } == {
        "spike": (1, 1, 1, 0),
        "drop": (0, 0, 2, 1),
        "": (2, 1, 0, 0),
    }
    assert {name: (item.labels, item.found, item.pages) for name, item in found.by_service.items()} == {
        "inventory": (1, 1, 1),
        "": (2, 1, 2),
    }
    reported = measured(incidents, *labels, services={"table:items": ["inventory", "shop"]})
    assert {name: (item.labels, item.found) for name, item in reported.by_service.items()} == {
        "inventory": (3, 2),
        "shop": (2, 1),
        "": (0, 0),
    }


def test_nothing_can_be_said_of_nothing() -> None:
    nothing = evaluate([], [], 0, 0).total
    assert nothing == DetectionQuality()
    ratios = (nothing.recall, nothing.precision, nothing.pages_per_week, nothing.false_pages_per_week)
    assert (*ratios, nothing.delay, nothing.digest_delay) == (None,) * 6


_LABELS = st.lists(
    st.builds(
        label,
        st.integers(0, 40).map(lambda slots: slots * 300),
        st.none() | st.integers(0, 4000),
        st.sampled_from([LabelKind.INCIDENT, LabelKind.INCIDENT, LabelKind.EXPECTED]),
        scope=st.sampled_from(["", "table:items", "service:inventory"]),
        verdict=st.sampled_from(["", "spike", "growth"]),
    ),
    max_size=5,
)


@having(several("a"), _LABELS)
def test_every_label_is_found_or_missed_and_every_page_right_or_false(
    incidents: list[Incident], labels: list[Label]
) -> None:
    found = measured(incidents, *labels)
    total = found.total
    wanted = [label for label in labels if label.kind is LabelKind.INCIDENT]
    assert len(found.found) + len(found.missed) == total.labels == len(wanted)
    assert total.pages == sum(incident.sent == "page" for incident in incidents)
    assert len(found.false_pages) == total.false_pages
    assert total.false_pages + total.repeated <= total.pages
    assert all(ratio is None or 0 <= ratio <= 1 for ratio in (total.recall, total.precision))
    assert total.in_digest + len(total.delays) == total.found
    for rows in (found.by_verdict, found.by_service):
        assert sum(row.labels for row in rows.values()) == total.labels
        assert sum(row.pages for row in rows.values()) >= total.pages
    assert {false_page.incident.id for false_page in found.false_pages}.isdisjoint(
        incident.id for outcome in found.found for incident in (outcome.incident, *outcome.others)
    )


@having(several("a"), _LABELS)
def test_a_page_more_never_loses_a_label_and_a_label_more_never_makes_a_page_false(
    incidents: list[Incident], labels: list[Label]
) -> None:
    before = measured(incidents, *labels).total
    assert measured([*incidents, made("more")], *labels).total.found >= before.found
    assert measured(incidents, *labels, label()).total.false_pages <= before.false_pages


@having(several("a"), _LABELS)
def test_the_order_of_incidents_and_labels_changes_nothing(
    incidents: list[Incident], labels: list[Label]
) -> None:
    written = measured(incidents, *labels).to_json()
    assert measured([replace(incident) for incident in incidents[::-1]], *labels[::-1]).to_json() == written
