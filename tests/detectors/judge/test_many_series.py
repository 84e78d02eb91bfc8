"""A judge of many series compresses the past, which must not change its results."""

import numpy as np
import pytest

from config.settings import JudgeSettings as Settings
from detectors.judge.judge import Judge
from detectors.judge.memory import MANY
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

STEP, DAY = 300, 288
STEPS = 3 * DAY
FEW = 6
ROWS = MANY + 60
SETTINGS = Settings(young=43_200, weeks=1)


def series(count: int) -> list[Series]:
    return [
        Series(Scope("function", "aws", "1", "eu", f"f{row // 2}"), measure)
        for row, measure in zip(
            range(count), [Measure.REQUESTS, Measure.ERRORS_BACKEND] * count, strict=False
        )
    ]


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """Days with a morning peak and a nightly job, at the end a spike, a drop and failures."""
    draw = np.random.default_rng(3)
    at = np.arange(STEPS)[:, None]
    rate = 40 * (1.5 + np.sin(2 * np.pi * at / DAY)) * (1 + np.arange(ROWS)[None] % 5)
    rate[:, 1::2] = 0.2
    rate[(np.arange(STEPS) % DAY) == 30] *= 3
    rate[-40:-20, 0] *= 8
    rate[-40:-20, 2] *= 0.05
    rate[-40:-20, 5] = 20
    found = draw.poisson(rate).astype(float)
    found[draw.random(found.shape) < 0.01] = np.nan
    return found


def judged(values: np.ndarray, restarts: tuple[int, ...] = ()) -> tuple[list[np.ndarray], Judge]:
    rows = values.shape[1]
    judge = Judge(SETTINGS, STEP)
    judge.add(series(rows))
    results = []
    for at, step in enumerate(values):
        if at in restarts:
            parts, judge = judge.snapshot(), Judge(SETTINGS, STEP)
            judge.add(series(rows))
            judge.restore(parts)
            assert judge.snapshot() == parts
        one = judge.judge(at * STEP, step)
        kept = (one.expected, one.lower, one.upper, one.score, one.verdict, one.since, one.opened)
        results.append(np.array([array[:FEW] for array in kept], float))
    return results, judge


@pytest.mark.release
def test_a_series_is_judged_alike_among_few_and_among_many(values: np.ndarray) -> None:
    few, one = judged(values[:, :FEW])
    many, other = judged(values)
    assert np.array_equal(few, many, equal_nan=True)
    assert {0, 2, 5} <= set(np.flatnonzero(np.array(few)[:, 4].any(axis=0)).tolist()), (
        "not all three reported"
    )
    end = STEPS * STEP
    for row in range(FEW):
        assert one.evidence.trace(row, end) == other.evidence.trace(row, end)
        assert one.baseline.weeks(row) == other.baseline.weeks(row)
        ours, theirs = (judge.evidence.course(row, end - 9000, end) for judge in (one, other))
        assert np.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.release
def test_restarts_of_a_judge_of_many_change_nothing(values: np.ndarray) -> None:
    plain, one = judged(values)
    restarted, other = judged(values, (1, 14, 100, 301, DAY + 7, STEPS - 30))
    assert np.array_equal(plain, restarted, equal_nan=True)
    assert one.snapshot() == other.snapshot()
