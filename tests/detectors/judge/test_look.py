"""A look says what the judge would say if its minute were the next step, and teaches nothing."""

from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import JudgeSettings
from detectors.judge.judge import Judge
from detectors.model.array_types import Floats
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.model.series import Series

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
    look = judge.look(end + STEP, values, np.array(empty, np.intp))
    return {} if look is None else dict(zip(look.rows.tolist(), look.size.tolist(), strict=True))


def test_what_is_usual_needs_no_look(quiet: tuple[Judge, int]) -> None:
    assert sizes(*quiet, changed()) == {}


@pytest.mark.parametrize(
    ("values", "row"),
    [({"requests": 160.0}, REQUESTS), ({"errors": 15.0}, ERRORS), ({"latency": 400.0}, LATENCY)],
)
def test_what_is_several_times_as_much_is_twice_what_it_has_to_be(
    quiet: tuple[Judge, int], values: dict[str, float], row: int
) -> None:
    found = sizes(*quiet, changed(**values))
    assert set(found) == {row}
    assert found[row] >= 2


def test_nobody_but_those_named_is_looked_at_as_empty(quiet: tuple[Judge, int]) -> None:
    assert sizes(*quiet, changed(requests=0.0)) == {}
    assert sizes(*quiet, changed(), [REQUESTS])[REQUESTS] <= -1.35


def test_a_series_with_an_open_verdict_is_not_looked_at() -> None:
    judge, end = judged(7)
    judge.judge(end, changed(requests=400.0))
    assert REQUESTS not in sizes(judge, end + STEP, changed(requests=400.0))


def test_nobody_is_looked_at_who_is_too_young_or_before_the_first_step() -> None:
    judge, end = judged(2)
    assert sizes(judge, end, changed(requests=400.0)) == {}
    fresh = Judge(SETTINGS, STEP)
    fresh.add(SERIES)
    assert fresh.look(BEGIN + STEP, changed(), NOBODY) is None


def test_series_that_were_added_since_the_newest_step_are_left_out() -> None:
    judge, end = judged(7)
    judge.add([Series(scope("new"), Measure.REQUESTS)])
    look = judge.look(end + STEP, np.array([*changed(requests=400.0), 500.0]), NOBODY)
    assert look is not None
    assert look.rows.tolist() == [REQUESTS]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from((0.0, 0.5, 1.0, 1.5, 3.0, 10.0)), min_size=4, max_size=4),
)
def test_a_look_at_the_next_step_says_what_its_judgement_says_and_changes_nothing(
    seed: int, times: list[float]
) -> None:
    plain, end = judged(7, seed % 5)
    looked, _ = judged(7, seed % 5)
    values = step(np.random.default_rng(seed)) * np.array(times)
    look = looked.look(end + STEP, values, NOBODY)
    before, after = plain.judge(end, values), looked.judge(end, values)
    np.testing.assert_array_equal(before.score, after.score)
    np.testing.assert_array_equal(before.verdict, after.verdict)
    assert plain.snapshot() == looked.snapshot()
    if look is None:
        return
    score = look.size**2 / (1 + look.size**2)
    np.testing.assert_allclose(score, after.score[look.rows])
    np.testing.assert_array_equal(look.expected, after.expected[look.rows])
    np.testing.assert_array_equal(look.upper, after.upper[look.rows])
