import itertools

from hypothesis import example
from hypothesis import given as having
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.evaluation.comparison import Comparison, Difference, compare
from alerting.incidents.incident import Incident
from detectors.model.finding import Verdict
from detectors.model.measures import Measure
from tests.alerting.given import PUT, SERVICE, T0, finding
from tests.alerting.made import LEDGER, made, several


def ids(comparison: Comparison) -> list[tuple[str, str]]:
    return [(two.a.id, two.b.id) for two in comparison.pairs]


def differs(one: Incident, other: Incident) -> tuple[Difference, ...]:
    [two] = compare([one], [other]).pairs
    return two.differs


def test_the_same_id_is_the_same_incident() -> None:
    one, other = made("x"), made("x", LEDGER, start=90_000)
    assert ids(compare([one, made("y")], [other])) == [("x", "x")]


def test_the_same_series_at_the_same_time_is_the_same_incident() -> None:
    assert ids(compare([made("a")], [made("b", start=600)])) == [("a", "b")], "they touch"
    apart = compare([made("a")], [made("b", start=601)])
    assert (ids(apart), apart.only_a[0].id, apart.only_b[0].id) == ([], "a", "b")
    assert ids(compare([made("a", lasts=None)], [made("b", start=90_000)])) == [("a", "b")], "a is open"
    assert ids(compare([made("a")], [made("b", LEDGER)])) == []


def test_a_rise_and_a_fall_are_two_incidents() -> None:
    assert ids(compare([made("a")], [made("b", verdict=Verdict.DROP)])) == []
    low = made("b", verdict=Verdict.SHIFT, observed=1.0)
    assert ids(compare([made("a", verdict=Verdict.DROP)], [low])) == [("a", "b")]


def test_growth_is_not_the_spike_that_happened_meanwhile() -> None:
    week = made("g", lasts=7 * 86400, verdict=Verdict.GROWTH, sent="digest")
    assert ids(compare([week], [made("b")])) == []
    limit = made("l", verdict=Verdict.LIMIT, near=True)
    assert ids(compare([week], [made("b"), limit])) == [("g", "l")], "the limit that it grows to"


def test_a_cause_that_is_ranked_differently_is_the_same_incident() -> None:
    table = made("a", members=[finding(PUT)])
    assert ids(compare([table], [made("b", PUT)])) == [("a", "b")]
    assert ids(compare([made("b", PUT)], [table])) == [("b", "a")]
    assert ids(compare([table], [made("b", SERVICE)])) == []


def test_the_same_scope_by_another_measure_is_the_last_that_counts() -> None:
    calls = made("calls", measure=Measure.REQUESTS)
    assert ids(compare([made("a")], [calls])) == [("a", "calls")]
    assert ids(compare([made("a")], [calls, made("units", start=500)])) == [("a", "units")]


def test_of_several_the_longest_overlaps_together_win() -> None:
    long = made("long", lasts=3600)
    pieces = [made("p1", lasts=300), made("p2", start=600, lasts=1200), made("p3", start=2400, lasts=600)]
    assert ids(compare([long], pieces)) == [("long", "p2")]
    # Taking the longest first would leave one on each side alone.
    first, second = made("a1", lasts=1300), made("a2", start=1400, lasts=800)
    left, right = made("b1", lasts=600), made("b2", start=650, lasts=1550)
    assert ids(compare([first, second], [left, right])) == [("a1", "b1"), ("a2", "b2")]
    early, chain = made("c1", start=300, lasts=1000), made("c2", start=0, lasts=900)
    assert ids(
        compare([early, made("c3", start=1350, lasts=60)], [chain, made("c4", start=950, lasts=410)])
    ) == [
        ("c1", "c2"),
        ("c3", "c4"),
    ]


def test_what_differs_is_said_the_most_important_first() -> None:
    page = made("a")
    assert differs(page, made("b")) == ()
    assert differs(page, made("b", sent="digest", verdict=Verdict.SHIFT, after=300)) == (
        Difference.SENT,
        Difference.VERDICT,
        Difference.LATER,
    )
    assert differs(made("a", after=300), made("b", after=120)) == (Difference.EARLIER,)
    assert differs(page, made("b", sent="none", after=300)) == (Difference.SENT,), (
        "there is no time to compare"
    )
    moved = differs(made("a", members=[finding(PUT)]), made("b", PUT))
    assert moved == (Difference.ABOUT,), "the message names something else"
    quiet = made("a", sent="none")
    assert differs(quiet, made("b", sent="none", verdict=Verdict.SHIFT)) == (), "nobody is paged either way"


def test_new_pages_are_those_that_page_nobody_in_the_other() -> None:
    a = [made("held", sent="none"), made("same", start=2000), made("lost", start=4000)]
    b = [
        made("held", after=120),
        made("same", start=2000),
        made("fresh", LEDGER),
        made("entry", PUT, sent="digest"),
    ]
    found = compare(a, b)
    assert [new_page.id for new_page in found.new_pages] == ["fresh", "held"]
    assert [lost_page.id for lost_page in found.lost_pages] == ["lost"]
    assert [incident.id for incident in found.only_b] == ["entry", "fresh"], "and what is no page is shown"
    split = compare([made("a", lasts=3600)], [made("b", lasts=600), made("c", start=1200, lasts=900)])
    assert [new_page.id for new_page in split.new_pages] == ["b"], (
        "two messages in the place of one are one more"
    )


def test_pages_a_week_are_over_judged_time() -> None:
    found = compare([made("a"), made("b", LEDGER)], [made("a")], first=T0, last=T0 + 14 * 86400)
    written = found.to_json()
    assert (written["a"], written["b"]) == (
        {"pages": 2, "digest": 0, "none": 0, "pages_per_week": 1.0},
        {"pages": 1, "digest": 0, "none": 0, "pages_per_week": 0.5},
    )
    assert compare([], [], first=5, last=5).weeks is None


def test_two_empty_histories_are_alike() -> None:
    nothing = compare([], [])
    assert (nothing.pairs, nothing.new_pages, nothing.lost_pages, nothing.changed) == ((), [], [], [])
    assert [incident.id for incident in compare([], [made("a")]).only_b] == ["a"]


_TIED = (  # either of the one overlaps with either of the other as long
    [made("a0", start=600, lasts=900), made("a1", start=600, lasts=900)],
    [made("b0", start=300, lasts=300), made("b1", start=600, lasts=900)],
)


@having(several("a"), several("b"))
@example(*_TIED)
def test_exchanging_the_two_exchanges_everything(a: list[Incident], b: list[Incident]) -> None:
    forth, back = compare(a, b), compare(b, a)
    assert [(two.b, two.a, two.differs, two.later) for two in forth.pairs] == [
        (
            two.a,
            two.b,
            tuple(_MIRROR.get(differ, differ) for differ in two.differs),
            None if two.later is None else -two.later,
        )
        for two in back.pairs
    ]
    assert (forth.only_a, forth.only_b) == (back.only_b, back.only_a)
    assert (forth.new_pages, forth.lost_pages) == (back.lost_pages, back.new_pages)


_MIRROR = {Difference.LATER: Difference.EARLIER, Difference.EARLIER: Difference.LATER}


@having(several("a"), several("b"), st.randoms())
def test_the_order_of_the_lists_changes_nothing(a: list[Incident], b: list[Incident], chance: object) -> None:
    shuffled = sorted(a, key=lambda _: chance.random())  # type: ignore[attr-defined]
    assert compare(shuffled, b[::-1]) == compare(a, b)


@having(several("a"), several("b"))
def test_each_has_at_most_one_counterpart_and_none_is_lost(a: list[Incident], b: list[Incident]) -> None:
    found = compare(a, b)
    assert sorted([two.a.id for two in found.pairs] + [incident.id for incident in found.only_a]) == sorted(
        incident.id for incident in a
    )
    assert sorted([two.b.id for two in found.pairs] + [incident.id for incident in found.only_b]) == sorted(
        incident.id for incident in b
    )


@having(several("a"))
@example([made("a"), made("b", start=0), made("c", lasts=None)])
def test_a_history_compared_with_itself_is_alike(a: list[Incident]) -> None:
    found = compare(a, [replace(incident) for incident in a])
    assert all(two.a == two.b for two in found.pairs)
    assert (len(found.pairs), found.changed, found.new_pages, found.lost_pages) == (len(a), [], [], [])


@having(several("a", shared=0, most=4), several("b", shared=0, most=4))
def test_no_other_pairing_of_the_same_series_overlaps_more(a: list[Incident], b: list[Incident]) -> None:
    found = compare(a, b)
    same = [two for two in found.pairs if _related(two.a, two.b)]
    assert sum(_overlap(two.a, two.b, [*a, *b]) for two in same) == _best(a, b)


def _related(one: Incident, other: Incident) -> bool:
    grows = {one.verdict is Verdict.GROWTH, other.verdict is Verdict.GROWTH}
    falls = {incident.verdict is Verdict.DROP for incident in (one, other)}
    about = {(incident.primary.about, incident.primary.measure) for incident in (one, other)}
    return len(grows) == len(falls) == len(about) == 1


def _overlap(one: Incident, other: Incident, every: list[Incident]) -> int:
    until = max(
        max(incident.start, incident.end or 0, incident.alerted or 0, incident.primary.seen)
        for incident in every
    )
    ends = (until if incident.end is None else incident.end for incident in (one, other))
    return max(0, min(ends) - max(one.start, other.start) + 1)


def _best(a: list[Incident], b: list[Incident]) -> int:
    """Return the most that the overlaps of the same series add up to, by trying all pairings."""
    few, many = sorted((a, b), key=len)
    best = 0
    for chosen in itertools.permutations(many, len(few)):
        pairs = [(x, y) for x, y in zip(few, chosen, strict=True) if _related(x, y)]
        best = max(best, sum(_overlap(x, y, [*a, *b]) for x, y in pairs))
    return best
