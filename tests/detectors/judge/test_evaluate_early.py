"""An early evaluation equals the judgement of its minute as the next step, and teaches nothing."""

from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import JudgeSettings
from detectors.judge.judge import Judge
from detectors.model.array_types import Floats
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

BEGIN: Final = 1_759_708_800
STEP, HOUR = 60, 3600
NOBODY: Final = np.zeros(0, np.intp)
SETTINGS: Final = JudgeSettings(young=6 * HOUR)


def scope(name: str) -> Scope:
    return Scope("function", "aws", "1", "eu", name)


PUT, GET = scope("put"), scope("get")
SERIES: Final = [
    Series(PUT, Measure.REQUESTS),
    Series(GET, Measure.REQUESTS),
    Series(PUT, Measure.ERRORS_BACKEND),
    Series(PUT, Measure.LATENCY),
]
REQUESTS, OTHER, ERRORS, LATENCY = range(4)


def step(draw: np.random.Generator) -> Floats:
    return np.array([*draw.poisson((40, 25, 0.2)).astype(float), 80.0 * np.exp(0.1 * draw.normal())])


def judged(hours: float, seed: int = 1) -> tuple[Judge, int]:
    """Return a judge of quiet hours, and where its newest step ends."""
    draw, judge = np.random.default_rng(seed), Judge(SETTINGS, STEP)
    judge.add(SERIES)
    end = BEGIN + int(hours * HOUR)
    for start in range(BEGIN, end, STEP):
        judge.judge(start, step(draw))
    return judge, end


def changed(**values: float) -> Floats:
    usual = {"requests": 40.0, "other": 25.0, "errors": 0.0, "latency": 80.0}
    return np.array(list((usual | values).values()))


@pytest.fixture(scope="module")
def quiet() -> tuple[Judge, int]:
    return judged(8)


def sizes(judge: Judge, end: int, values: Floats, empty: Any = NOBODY) -> dict[int, float]:
    early = judge.evaluate_early(end + STEP, values, np.array(empty, np.intp))
    return {} if early is None else dict(zip(early.rows.tolist(), early.size.tolist(), strict=True))


def test_usual_values_are_not_evaluated(quiet: tuple[Judge, int]) -> None:
    assert sizes(*quiet, changed()) == {}


@pytest.mark.parametrize(
    ("values", "row"),
    [({"requests": 160.0}, REQUESTS), ({"errors": 15.0}, ERRORS), ({"latency": 400.0}, LATENCY)],
)
def test_several_times_the_usual_has_twice_the_size_that_is_reported(
    quiet: tuple[Judge, int], values: dict[str, float], row: int
) -> None:
    found = sizes(*quiet, changed(**values))
    assert set(found) == {row}
    assert found[row] >= 2


def test_only_named_series_are_evaluated_as_empty(quiet: tuple[Judge, int]) -> None:
    assert sizes(*quiet, changed(requests=0.0)) == {}
    assert sizes(*quiet, changed(), [REQUESTS])[REQUESTS] <= -1.35


def test_a_series_with_an_open_verdict_is_not_evaluated() -> None:
    judge, end = judged(7)
    judge.judge(end, changed(requests=400.0))
    assert REQUESTS not in sizes(judge, end + STEP, changed(requests=400.0))


def test_no_series_is_evaluated_that_is_too_young_or_before_the_first_step() -> None:
    judge, end = judged(2)
    assert sizes(judge, end, changed(requests=400.0)) == {}
    fresh = Judge(SETTINGS, STEP)
    fresh.add(SERIES)
    assert fresh.evaluate_early(BEGIN + STEP, changed(), NOBODY) is None


def test_series_that_were_added_since_the_newest_step_are_left_out() -> None:
    judge, end = judged(7)
    judge.add([Series(scope("new"), Measure.REQUESTS)])
    early = judge.evaluate_early(end + STEP, np.array([*changed(requests=400.0), 500.0]), NOBODY)
    assert early is not None
    assert early.rows.tolist() == [REQUESTS]


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from((0.0, 0.5, 1.0, 1.5, 3.0, 10.0)), min_size=4, max_size=4),
)
def test_the_early_evaluation_of_a_step_equals_its_judgement_and_changes_nothing(
    seed: int, times: list[float]
) -> None:
    plain, end = judged(7, seed % 5)
    evaluated, _ = judged(7, seed % 5)
    values = step(np.random.default_rng(seed)) * np.array(times)
    early = evaluated.evaluate_early(end + STEP, values, NOBODY)
    before, after = plain.judge(end, values), evaluated.judge(end, values)
    np.testing.assert_array_equal(before.score, after.score)
    np.testing.assert_array_equal(before.verdict, after.verdict)
    assert plain.snapshot() == evaluated.snapshot()
    if early is None:
        return
    score = early.size**2 / (1 + early.size**2)
    np.testing.assert_allclose(score, after.score[early.rows])
    np.testing.assert_array_equal(early.expected, after.expected[early.rows])
    np.testing.assert_array_equal(early.upper, after.upper[early.rows])
