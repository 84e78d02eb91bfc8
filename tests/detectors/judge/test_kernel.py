"""Compiled and plain code judge alike."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from config.settings import JudgeSettings
from detectors.judge.judge import Judge
from detectors.judge.kernel import kernel
from detectors.judge.kernel.arrays import DROP, SPIKE, Output
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

Uncompiled = Callable[[ModuleType], ModuleType]
BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
TABLE = Scope("table", "aws", "1", "eu-west-1", "items")
FUNCTION = Scope("function", "aws", "1", "eu-west-1", "put-item")


def three_rows(seed: int, steps: int) -> np.ndarray:
    """Return (steps, 3) calls, an amount made of them and a latency, with incidents and gaps."""
    random = np.random.default_rng(seed)
    day = 1 + 0.5 * np.sin(np.arange(steps) / 24 * 2 * np.pi)
    calls = random.poisson(random.choice([0.5, 20.0, 800.0]) * day).astype(float)
    values = np.stack(
        [calls, calls * random.gamma(8, 0.2, steps), random.lognormal(3, 0.2, steps) * day], axis=1
    )
    for at in random.integers(steps // 2, steps, 4):
        values[at : at + random.integers(1, 9)] *= random.choice([0.0, 3.0, 30.0])
    values[random.random((steps, 3)) < 0.02] = np.nan
    return values


def judged(values: np.ndarray, step: int, at_once: int) -> dict[str, np.ndarray]:
    """Return the results of a new judge on the values, an array per field."""
    judge = Judge(JudgeSettings(young=2 * 86400), step)
    judge.add(
        [
            Series(TABLE, Measure.REQUESTS),
            Series(TABLE, Measure.WCU),
            Series(FUNCTION, Measure.LATENCY, floor_relative=0.3),
        ]
    )
    results = []
    for first in range(0, len(values), at_once):
        out, _ = judge.judge_steps(BEGIN + first * step, values[first : first + at_once])
        results.append(out)
    return {name: np.concatenate([getattr(out, name) for out in results]) for name in Output._fields}


@given(st.integers(0, 2**32 - 1), st.sampled_from([(3600, 1), (3600, 24), (900, 96)]))
@settings(max_examples=8, phases=[Phase.explicit, Phase.generate])  # seeds do not shrink
def test_the_compiled_kernel_judges_as_the_plain_one(
    uncompiled: Uncompiled, seed: int, pace: tuple[int, int]
) -> None:
    step, at_once = pace
    values = three_rows(seed, 240)
    compiled = judged(values, step, at_once)
    plain = uncompiled(kernel)
    assert not hasattr(plain.advance, "py_func")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("detectors.judge.judge.advance", plain.advance)
        expected = judged(values, step, at_once)
    for name, array in compiled.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_curves_on_which_compiled_and_plain_are_compared_hold_verdicts() -> None:
    codes = [judged(three_rows(seed, 240), 3600, 24)["code"] for seed in range(8)]
    assert set(np.unique(codes)) >= {0, SPIKE, DROP}
