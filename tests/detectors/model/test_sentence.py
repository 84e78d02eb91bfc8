"""The sentence that says why."""

from typing import Any

import msgspec
import pytest

from alerting.words.numbers import number
from detectors.model.finding import Finding, Growth, Plan, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Edge, Scope
from detectors.model.sentence import explain_change

ITEMS = Scope("table", "aws", "1", "eu-west-1", "items")
PUT = Scope("function", "aws", "1", "eu-west-1", "put-item")


def deviation(verdict: Verdict = Verdict.SPIKE, measure: Measure = Measure.WCU, **changed: Any) -> str:
    found = Finding(
        id="a",
        revision=0,
        state="open",
        verdict=verdict,
        scope=ITEMS,
        measure=measure,
        start=0,
        seen=60,
        observed=41.0,
        expected=8.2,
        lower=6.1,
        upper=10.9,
        score=0.9,
        weeks_used=[1, 2, 3, 4],
        sentence="",
    )
    return explain_change(msgspec.structs.replace(found, **changed))


def test_a_spike_says_how_much_against_what_and_from_which_weeks() -> None:
    assert deviation() == (
        "Write capacity units of table items rose to 41/s, 5 times the 8.2/s (6.1 to 11) "
        "expected from the same time in 4 earlier weeks."
    )


def test_a_drop_is_in_percent_of_the_expected_value() -> None:
    assert "fell to 2/s, 25 % of the 8.2/s" in deviation(Verdict.DROP, observed=2.05)


def test_where_nothing_was_expected_no_factor_is_claimed() -> None:
    sentence = deviation(expected=0.0, lower=0.0, upper=0.1)
    assert "rose to 41/s, compared with the 0/s (0 to 0.1)" in sentence
    assert "rose to 0.02/s, compared with the 0/s (0 to 0.001)" in deviation(
        observed=0.02, expected=5e-5, lower=0.0, upper=0.001
    ), "no factor of what reads as nothing"


def test_the_numbers_of_a_sentence_are_those_of_the_fields_beside_it() -> None:
    said = deviation(observed=7.95, expected=1.56, upper=10.2)
    assert said.startswith(f"Write capacity units of table items rose to {number(7.95)}/s, ")
    assert f"the {number(1.56)}/s (6.1 to {number(10.2)})" in said


def test_latency_is_in_milliseconds() -> None:
    assert deviation(measure=Measure.LATENCY).startswith(
        "P95 latency of table items rose to 41 ms, 5 times the 8.2 ms"
    )


@pytest.mark.parametrize(
    ("used", "left_out", "words"),
    [
        ([1], [], "expected from the same time last week."),
        (
            [2, 3],
            [1],
            "expected from the same time in 2 earlier weeks (1 more excluded because of an incident).",
        ),
    ],
)
def test_the_weeks_of_the_baseline_are_named(used: list[int], left_out: list[int], words: str) -> None:
    assert words in deviation(weeks_used=used, weeks_left_out=left_out)


@pytest.mark.parametrize(
    ("used", "compared_with", "words"),
    [
        ([1, 2], "holidays", "expected from the same time on the last 2 holidays and Sundays."),
        ([], "yesterday", "expected from the same time yesterday."),
        ([], "minutes", "expected from the last few minutes."),
    ],
)
def test_a_baseline_without_weeks_is_named(used: list[int], compared_with: str, words: str) -> None:
    assert words in deviation(weeks_used=used, weeks_left_out=[], compared_with=compared_with)


def test_a_missing_planned_rise_is_explained_with_its_plan_and_the_usual_level() -> None:
    said = deviation(
        Verdict.DROP, Measure.REQUESTS, observed=0.183, expected=1.27, planned=Plan(name="Sale", factor=3.0)
    )
    assert said.startswith("Calls of table items fell to 0.18/s, 14 % of the 1.3/s (")
    assert said.endswith(
        ") planned for “Sale”, 3 times the 0.42/s expected from the same time in 4 earlier weeks."
    )


def growth(to_limit: float | None = None, soon: float | None = None, late: float | None = None) -> Growth:
    return Growth(
        per_day=0.031,
        per_day_lower=0.025,
        per_day_upper=0.037,
        days=14,
        days_to_limit=to_limit,
        days_to_limit_lower=soon,
        days_to_limit_upper=late,
    )


def grown(growth: Growth, measure: Measure = Measure.WCU, **changed: Any) -> str:
    return deviation(Verdict.GROWTH, measure, growth=growth, **changed)


def test_growth_states_its_rate_interval_and_when_the_limit_is_reached() -> None:
    assert grown(growth(20.4, 17.0, 25.6), limit=100.0) == (
        "Write capacity units of table items have grown by 3.1 % a day (2.5 to 3.7 %) over 14 days; "
        "they reach the limit of 100/s in 17 to 26 days (80 %)."
    )


def test_growth_without_a_limit_names_no_day() -> None:
    assert grown(growth(), Measure.REQUESTS, scope=None, edge=Edge(PUT, ITEMS)) == (
        "Requests of function put-item → table items have grown by 3.1 % a day (2.5 to 3.7 %) over 14 days."
    )


def test_a_rise_whose_interval_holds_zero_is_not_claimed() -> None:
    unsure = msgspec.structs.replace(growth(20.4), per_day=0.011, per_day_lower=-0.023, per_day_upper=0.058)
    assert grown(unsure, Measure.REQUESTS, limit=100.0) == (
        "Growth of calls of table items is no longer certain: 1.1 % a day (-2.3 to 5.8 %) over 14 days."
    )
    flat = msgspec.structs.replace(unsure, per_day=-0.0001, days=21)
    assert "certain: 0.0 % a day (-2.3" in grown(flat, Measure.REQUESTS)
    unknown = Growth(per_day=0.0, per_day_lower=0.0, per_day_upper=0.0, days=0)
    assert grown(unknown, Measure.LATENCY) == (
        "Growth of p95 latency of table items is no longer certain: too few recent days have data."
    )


def test_growth_that_has_reached_its_limit_says_so() -> None:
    assert grown(growth(0.0, 0.0, 0.0), limit=100.0).endswith("peaks already reach the limit of 100/s.")
