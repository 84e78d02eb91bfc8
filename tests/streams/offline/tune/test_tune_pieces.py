"""The parts of a search: periods, knobs, the rule, the front, the chart."""

import re
from collections.abc import Sequence
from functools import partial
from xml.etree import ElementTree as ET

import pytest

from alerting.commands.labels import Label, LabelKind
from alerting.evaluation.evaluation import evaluate
from config.settings import DigestSettings, Floor, Floors, JudgeSettings, Settings
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation
from streams.offline.sources.replay_error import ReplayError
from streams.offline.tune.periods import periods_of
from streams.offline.tune.pick import Rule, front, gain
from streams.offline.tune.recording import Totals
from streams.offline.tune.space import Choice, changed, space_for_budget, space_for_labels
from streams.offline.tune.tradeoff_chart import draw_tradeoff
from streams.offline.tune.trial import TrialOutcome
from tests.streams.offline.tune.tuning_history import labels_of

DAY = 86400
SETTINGS = Settings(judge=JudgeSettings(young=DAY))
TOTALS = Totals(records=9, steps=10 * 1440, series=1, first=0, last=10 * DAY)


def label(start: int, end: int | None = None, measure: str = "wcu") -> Label:
    return Label(kind=LabelKind.INCIDENT, start=start, end=end, measure=measure)


def outcome(
    found: int, false_pages: int, pages: int | None = None, delay: float | None = None
) -> TrialOutcome:
    missed = tuple(label(at) for at in range(10 - found))
    return TrialOutcome(missed, 10, found + false_pages if pages is None else pages, false_pages, 1.0, delay)


# -- periods


def test_the_first_part_after_the_warm_up_is_searched_and_the_last_third_is_not() -> None:
    assert periods_of(TOTALS, SETTINGS, None, 1 / 3) == (0, DAY, 7 * DAY, 10 * DAY)


def test_the_split_moves_before_an_incident_that_spans_it() -> None:
    known = [label(2 * DAY), label(7 * DAY - 1800, 7 * DAY + 60)]
    assert periods_of(TOTALS, SETTINGS, known, 1 / 3).split == 7 * DAY - 1800 - 600


def test_growth_and_incidents_of_days_do_not_move_the_split() -> None:
    grows = Label(kind=LabelKind.INCIDENT, start=2 * DAY, end=8 * DAY, verdict="growth")
    lasts = [label(3 * DAY, 9 * DAY), label(4 * DAY)]
    assert periods_of(TOTALS, SETTINGS, [grows, *lasts], 1 / 3).split == 7 * DAY


def test_the_split_moves_until_no_label_spans_it() -> None:
    known = [label(2 * DAY), label(7 * DAY - 9000, 7 * DAY - 1000), label(7 * DAY - 1800, 7 * DAY + 60)]
    assert periods_of(TOTALS, SETTINGS, known, 1 / 3).split == 7 * DAY - 9000 - 600


def test_a_label_without_an_end_lasts_until_the_end_of_the_history() -> None:
    known = [label(2 * DAY), label(10 * DAY - 80_000)]
    assert periods_of(TOTALS, SETTINGS, known, 0.05).split <= 10 * DAY - 80_000 - 600
    # by which it lasts for days here, as a longer one does
    assert periods_of(TOTALS, SETTINGS, known, 1 / 3).split == 7 * DAY


@pytest.fixture(scope="module")
def week() -> tuple[Totals, list[Label]]:
    simulation = Simulation(load_scenario("week-of-incidents"))
    return Totals(steps=9, first=simulation.start, last=simulation.end), labels_of(simulation)


def test_the_shipped_week_of_incidents_has_labels_to_search_by(week: tuple[Totals, list[Label]]) -> None:
    totals, known = week
    for share in (0.25, 0.2, 0.15, 0.1):
        at = periods_of(totals, Settings(), known, share)
        assert any(at.first <= label.start < at.split for label in known)


def test_a_share_that_leaves_labels_to_search_by_is_suggested(week: tuple[Totals, list[Label]]) -> None:
    totals, known = week
    with pytest.raises(ReplayError, match=r"all labels, .* --validate-share 0.3") as caught:
        periods_of(totals, Settings(), known, 1 / 3)
    assert "\n" not in str(caught.value)
    periods_of(totals, Settings(), known, 0.3)


def test_a_label_that_leaves_nothing_to_search_by_is_named() -> None:
    known = [Label(kind=LabelKind.INCIDENT, start=7 * DAY - 3600, end=7 * DAY + 60, scope="table:items")]
    tokyo = Settings(judge=JudgeSettings(young=DAY), digest=DigestSettings(timezone="Asia/Tokyo"))
    with pytest.raises(ReplayError, match="the label for table:items from 1970-01-08 08:00 JST"):
        periods_of(TOTALS, tokyo, known, 1 / 3)


@pytest.mark.parametrize(
    ("totals", "known", "share", "message"),
    [
        (Totals(), None, 0.3, "the history covers 0.0 days"),
        (Totals(steps=9, last=DAY // 2), None, 0.3, "baselines need 1.0 days"),
        (TOTALS, [], 0.3, "no label describes an incident"),
        (TOTALS, [Label(kind=LabelKind.EXPECTED, start=2 * DAY)], 0.3, "no label describes an incident"),
        (TOTALS, [label(99 * DAY)], 0.3, "no label lies within the history"),
        (TOTALS, [label(9 * DAY)], 0.3, "lie in the validation period"),
        (TOTALS, [label(60)], 0.3, "all labels lie in the warm-up"),
    ],
)
def test_what_is_missing_is_reported_in_one_line(
    totals: Totals, known: list[Label] | None, share: float, message: str
) -> None:
    with pytest.raises(ReplayError, match=message) as caught:
        periods_of(totals, SETTINGS, known, share)
    assert "\n" not in str(caught.value)


# -- space


def space_of(settings: Settings, *labels: Label) -> list[str]:
    evaluation = evaluate([], labels, 0, 10 * DAY)
    return [knob.key for knob in space_for_labels(settings, evaluation, []).knobs]


def test_floors_are_searched_for_measures_with_errors() -> None:
    always = ["judge.sensitivity", "judge.persist", "judge.recover"]
    assert space_of(SETTINGS, label(DAY, measure="")) == always
    assert space_of(SETTINGS, label(DAY)) == [*always, "floors.wcu.absolute", "floors.wcu.relative"]
    # a factor of zero is zero
    assert space_of(SETTINGS, label(DAY, measure="value:sales")) == [*always, "floors.values.relative"]


def test_growth_is_searched_if_a_label_is_about_it() -> None:
    grows = Label(kind=LabelKind.INCIDENT, start=DAY, verdict="growth")
    assert space_of(SETTINGS, grows)[3:] == ["judge.growth_per_day", "judge.horizon_days", "judge.near"]


def test_without_labels_no_floor_is_searched_and_persist_at_most_doubles() -> None:
    knobs = space_for_budget(SETTINGS).knobs
    assert [knob.key for knob in knobs] == ["judge.sensitivity", "judge.persist", "judge.recover"]
    assert knobs[1].values == (1, 2, 3, 4)


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        Settings(judge=JudgeSettings(sensitivity=0.2, persist=60, recover=240, near=0.2, growth_per_day=1.0)),
        Settings(judge=JudgeSettings(sensitivity=5, persist=1, recover=1, horizon_days=365)),
        Settings(floors=Floors(wcu=Floor(absolute=0.0001, relative=7.123))),
    ],
)
def test_every_value_of_every_knob_is_a_configuration_and_the_present_one_is_among_them(
    settings: Settings,
) -> None:
    labels = [label(DAY), Label(kind=LabelKind.INCIDENT, start=DAY, verdict="growth")]
    space = space_for_labels(settings, evaluate([], labels, 0, 2 * DAY), [])
    assert changed(settings, space.changes(space.present)) == settings
    for knob in space.knobs:
        assert list(knob.values) == sorted(set(knob.values))
        for value in knob.values:
            Settings.model_validate(changed(settings, {knob.key: value}).model_dump())


# -- rule


def test_with_labels_the_best_f1_wins() -> None:
    rule = Rule(labelled=True, budget=None)
    ordered = [outcome(2, 0), outcome(9, 30), outcome(8, 4), outcome(9, 4), outcome(9, 0)]
    assert sorted(ordered, key=lambda measured: rule.rank(measured, 1.0)) == ordered


def test_with_a_budget_labels_found_within_it_count_first() -> None:
    rule = Rule(labelled=True, budget=10)
    ordered = [outcome(10, 20), outcome(10, 1), outcome(5, 0), outcome(6, 4), outcome(6, 1)]
    assert sorted(ordered, key=lambda measured: rule.rank(measured, 1.0)) == ordered


def test_without_labels_most_pages_within_the_budget_win_then_the_more_sensitive() -> None:
    rule = Rule(labelled=False, budget=10)
    ordered = [(14, 1.0), (11, 1.0), (2, 2.0), (9, 0.5), (9, 1.0), (10, 0.3)]
    ranks = [rule.rank(outcome(0, pages, pages), sensitivity) for pages, sensitivity in ordered]
    assert ranks == sorted(ranks)


def test_the_front_is_what_no_other_dominates_and_the_nearest_of_equals() -> None:
    space = space_for_budget(SETTINGS)
    here = space.present

    def moved(by: int) -> Choice:
        return (here[0] + by, *here[1:])

    points = {moved(0): (0.5, 4.0), moved(-1): (0.5, 1.0), moved(-2): (0.5, 1.0), moved(3): (0.9, 6.0)}
    assert front(points | {moved(2): (0.8, 7.0)}, space) == [moved(-1), moved(3)]


def test_a_gain_is_stated_in_labels_and_pages() -> None:
    best = Rule(labelled=True, budget=None)
    assert gain(outcome(8, 5), outcome(8, 2), best) == "3.0 fewer false pages a week, no label lost"
    assert gain(outcome(7, 2), outcome(9, 3), best) == "2 more labels found, 1.0 more false pages a week"
    assert gain(outcome(9, 3), outcome(8, 0), best) == "1 label lost, 3.0 fewer false pages a week"
    alone = Rule(labelled=False, budget=4)
    assert gain(outcome(0, 5), outcome(0, 3), alone) == "2.0 fewer pages a week"
    assert gain(outcome(0, 3), outcome(0, 3), alone) == "as many pages, and smaller deviations are reported"


def test_a_gain_under_a_budget_is_stated_in_pages() -> None:
    rule = Rule(labelled=True, budget=10)
    many, few = outcome(8, 2, pages=30), outcome(8, 2, pages=12)
    assert rule.rank(few, 1.0) > rule.rank(many, 1.0)
    assert gain(many, few, rule) == "18.0 fewer pages a week, no label lost"
    assert gain(many, outcome(8, 1, pages=12), rule) == (
        "18.0 fewer pages a week, 1.0 fewer false pages a week, no label lost"
    )


# -- chart


def test_the_chart_contains_every_point_and_is_well_formed() -> None:
    points = [(0.0, 0.0), (3.0, 0.5), (9.0, 1.0)]
    chart = partial(
        draw_tradeoff,
        title="a < b & c",
        titles=("pages a week", "labels found"),
        share=True,
        tried=points,
        front=points,
        present=(9.0, 1.0),
        pick=(3.0, 0.5),
        budget=5.0,
    )
    written = chart()
    root = ET.fromstring(written)  # noqa: S314  # our own
    by_class: dict[str, int] = {}
    for element in root.iter():
        by_class[element.get("class", "")] = by_class.get(element.get("class", ""), 0) + 1
    legend = 1
    assert by_class["tried"] == 3 + legend
    assert by_class["on"] == 3 + legend
    assert (by_class["now"], by_class["pick"], by_class["budget"], by_class["front"]) == (2, 2, 2, 1)
    assert "prefers-color-scheme:dark" in written
    assert chart() == written


def of_points(points: Sequence[tuple[float, float]], budget: float | None = None) -> str:
    ends = {"present": points[0], "pick": points[-1]}
    return draw_tradeoff(
        title="t", titles=("x", "y"), share=True, tried=points, front=points, budget=budget, **ends
    )


def test_a_chart_of_a_single_point_can_be_drawn() -> None:
    ET.fromstring(of_points([(0.0, 1.0)]))  # noqa: S314  # our own


@pytest.mark.parametrize(("budget", "drawn"), [(5.0, True), (15.0, True), (1e6, False)])
def test_a_budget_far_from_all_points_does_not_squash_them(budget: float, drawn: bool) -> None:
    written = of_points([(0.0, 0.2), (8.0, 0.9)], budget)
    assert ('class="budget"' in written) == drawn
    legend = 48
    places = re.findall(r'class="on" cx="([0-9.]+)" cy="([0-9.]+)"', written)
    assert max(float(x) for x, y in places if float(y) != legend) > 300


def test_a_budget_is_written_out() -> None:
    assert Rule(True, 1e6).text.startswith("most labels found within 1,000,000 pages a week")
    assert Rule(False, 0.5).text.startswith("most pages within 0.5 pages a week")
