"""Laws that every detector obeys for any input.

A detector is registered in ``DETECTORS`` as a way to run it over curves side by side, and must obey all of
them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from config.settings import JudgeSettings
from detectors.judge.judge import Judge
from detectors.judge.kernel.arrays import CODES
from detectors.model.array_types import Bools, Floats
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope
from detectors.score.score import score

BEGIN: Final = 1_759_708_800  # a Monday, 00:00 UTC
HOUR, DAY, WEEK = 3600, 86400, 604800
PAGES: Final = {"spike", "drop", "shift", "absence", "limit", "fatal"}


class Report(NamedTuple):
    """The results of a detector on curves side by side, (steps, curves) each."""

    score: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    kind: NDArray[np.str_]  # the open verdict
    onset: Bools  # where something is reported

    def equals(self, other: "Report") -> bool:
        """Return whether everything is the same, bit by bit."""
        return all(
            np.array_equal(mine, its, equal_nan=mine.dtype.kind == "f")
            for mine, its in zip(self, other, strict=True)
        )

    def first(self, steps: int) -> "Report":
        columns: list[Any] = [column[:steps] for column in self]
        return Report(*columns)

    def pages(self) -> list[tuple[int, int, str]]:
        """Return (step, curve, kind) of all pages."""
        return [
            (int(step), int(curve), str(self.kind[step, curve]))
            for step, curve in np.argwhere(self.onset)
            if self.kind[step, curve] in PAGES
        ]


class Detector(NamedTuple):
    """A way to judge curves: ``run(values, step, restart)`` restarts before the steps in ``restart``."""

    run: Callable[[Floats, int, tuple[int, ...]], Report]
    counts: bool = False  # judged as counts, which depend on the unit
    has_state: bool = True  # that can be saved and restored


def judge_of(measure: Measure, curves: int, step: int) -> Judge:
    judge = Judge(JudgeSettings(), step)
    judge.add([Series(Scope("table", "aws", "1", "r", f"t{at}"), measure) for at in range(curves)])
    return judge


def by_judge(measure: Measure) -> Callable[[Floats, int, tuple[int, ...]], Report]:
    def run(values: Floats, step: int, restart: tuple[int, ...] = ()) -> Report:
        judge = judge_of(measure, values.shape[1], step)
        columns: list[list[NDArray[Any]]] = []
        for at, row in enumerate(values):
            if at in restart:
                parts = judge.snapshot()
                judge = judge_of(measure, values.shape[1], step)
                judge.restore(parts)
            j = judge.judge(BEGIN + at * step, row.copy())
            kind = np.array([str(CODES[code] or "") for code in j.verdict])
            columns.append(
                [column.copy() for column in (j.score, j.expected, j.lower, j.upper, kind, j.opened)]
            )
        return Report(*(np.array(column) for column in zip(*columns, strict=True)))

    return run


def by_score(values: Floats, step: int, _: tuple[int, ...] = ()) -> Report:
    """Judge each curve as a file of its own, from beginning to end."""
    times = BEGIN + step * np.arange(len(values), dtype=np.int64)
    reported = []
    for curve in values.T:
        found = score(times, curve.copy(), JudgeSettings())
        reported.append(
            (found.score, found.expected, found.lower, found.upper, np.array(found.kind), found.alert)
        )
    return Report(*(np.array(column).T for column in zip(*reported, strict=True)))


DETECTORS: Final = {
    "judge of counts": Detector(by_judge(Measure.REQUESTS), counts=True),
    "judge of amounts": Detector(by_judge(Measure.WCU)),
    "judge of latency": Detector(by_judge(Measure.LATENCY)),
    "score": Detector(by_score, has_state=False),
}

every = pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS.keys())
every_with_units = pytest.mark.parametrize(
    "detector",
    [pytest.param(detector, id=name) for name, detector in DETECTORS.items() if not detector.counts],
)
every_with_state = pytest.mark.parametrize(
    "detector",
    [pytest.param(detector, id=name) for name, detector in DETECTORS.items() if detector.has_state],
)
some = settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])


def shape(weeks: float, step: int) -> Floats:
    """Return a daily and weekly shape around 1, from BEGIN on."""
    at = np.arange(int(weeks * WEEK / step)) * step
    daily: Floats = (1 + 0.6 * np.sin(2 * np.pi * at / DAY)) * np.where(at // DAY % 7 >= 5, 0.7, 1.0)
    return daily


def noise(rows: int, curves: int, seed: int, size: float = 0.06) -> Floats:
    return np.exp(np.random.default_rng(seed).normal(0, size, (rows, curves)))


def busy_curves(seed: int, step: int = HOUR, weeks: float = 2.5) -> Floats:
    """Return curves with a spike, a drop, a shift and gaps after two weeks, (steps, 5)."""
    curve = 200 * shape(weeks, step)[:, None] * noise(int(weeks * WEEK / step), 5, seed)
    at = int(2.3 * WEEK / step)
    curve[at : at + 4, 0] *= 6
    curve[at : at + 5, 1] *= 0.1
    curve[at:, 2] *= 3
    curve[at : at + 30 : 3, 3] = np.nan
    curve[at : at + 40, 4] = 0
    return curve


@cache
def of_busy_curves(detector: Detector, seed: int) -> Report:
    return detector.run(busy_curves(seed), HOUR, ())


anything = st.one_of(
    st.floats(0, 1e4),
    st.sampled_from([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, -1.0, 1e-300, 1e300, 5e-324, 1.7e308]),
)


@every
@some
@given(
    pieces=st.lists(st.tuples(anything, st.integers(1, 60)), min_size=1, max_size=20),
    step=st.sampled_from([10, 60, 3600, DAY]),
)
def test_a_score_is_finite_and_in_range_for_any_values(
    detector: Detector, pieces: list[tuple[float, int]], step: int
) -> None:
    values = np.concatenate([np.full(length, value) for value, length in pieces])[:, None]
    reported = detector.run(values, step, ())
    assert ((reported.score >= 0) & (reported.score <= 1)).all()
    known = ~np.isnan(reported.expected)
    assert np.isfinite(reported.expected[known]).all()
    assert np.isfinite(reported.upper[known]).all()
    assert (reported.lower[known] <= reported.expected[known]).all()
    assert (reported.expected[known] <= reported.upper[known]).all()


@every
@some
@given(seed=st.integers(0, 2), cut=st.integers(1, 420))
@example(seed=0, cut=2)
@example(seed=0, cut=11)
def test_the_result_of_a_step_does_not_depend_on_later_ones(detector: Detector, seed: int, cut: int) -> None:
    part = detector.run(busy_curves(seed)[:cut], HOUR, ())
    assert part.equals(of_busy_curves(detector, seed).first(cut))


@every_with_state
@some
@given(seed=st.integers(0, 2), cuts=st.sets(st.integers(0, 419), max_size=4))
def test_a_restart_anywhere_changes_nothing(detector: Detector, seed: int, cuts: set[int]) -> None:
    reported = detector.run(busy_curves(seed), HOUR, tuple(cuts))
    assert reported.equals(of_busy_curves(detector, seed))


@every
@pytest.mark.parametrize("step", [600, HOUR, DAY])
def test_nothing_is_reported_for_a_constant_series(detector: Detector, step: int) -> None:
    levels = np.array([0.0, 1e-3, 1.0, 7.0, 123.456, 1e6, 1e12])
    reported = detector.run(np.tile(levels, (int(3.2 * WEEK / step), 1)), step, ())
    assert not reported.onset.any()
    assert set(np.unique(reported.kind)) == {""}
    assert reported.score.max() < 1e-3


@every_with_units
@pytest.mark.parametrize("factor", [1e-3, 1 / 60, 1000.0])
def test_the_same_series_in_other_units_gives_the_same_verdicts(detector: Detector, factor: float) -> None:
    plain, scaled = of_busy_curves(detector, 0), detector.run(busy_curves(0) * factor, HOUR, ())
    assert plain.pages()
    assert scaled.pages() == plain.pages()
    assert np.array_equal(scaled.kind, plain.kind)
    assert np.allclose(scaled.score, plain.score, rtol=1e-3, atol=1e-4)


def calm_curves() -> Floats:
    """Return three weeks of daily and weekly shape with some noise, (steps, 8)."""
    return 200 * shape(3, 900)[:, None] * noise(3 * WEEK // 900, 8, seed=5)


@every
def test_a_calm_curve_pages_nobody(detector: Detector) -> None:
    assert detector.run(calm_curves(), 900, ()).pages() == []


@every
def test_a_step_that_was_not_measured_is_neither_spike_nor_drop(detector: Detector) -> None:
    values = calm_curves()
    rng = np.random.default_rng(6)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[rng.random(values.shape) < 0.01] = np.inf
    reported = detector.run(values, 900, ())
    gaps = ~np.isfinite(values)
    assert (reported.score[gaps] == 0).all()
    assert not reported.onset[gaps].any()
    assert reported.pages() == []


@every
@pytest.mark.parametrize("per_day", [0.005, 0.02, 0.05])
def test_growth_alone_pages_nobody(detector: Detector, per_day: float) -> None:
    step = 900
    rows = int(5 * WEEK / step)
    days = np.arange(rows) * step / DAY
    grows = np.stack([np.exp(per_day * days), 1 + per_day * days], axis=1)
    values = 300 * np.repeat(grows, 4, axis=1) * shape(5, step)[:, None] * noise(rows, 8, seed=7)
    assert detector.run(values, step, ()).pages() == []


@every
def test_every_detector_reports_a_spike(detector: Detector) -> None:
    values = busy_curves(seed=11)
    at = int(2.3 * WEEK / HOUR)
    reported = [(step, kind) for step, curve, kind in detector.run(values, HOUR, ()).pages() if curve == 0]
    assert any(at <= step < at + 3 and kind == "spike" for step, kind in reported), reported


@pytest.mark.parametrize("measure", [Measure.REQUESTS, Measure.WCU, Measure.LATENCY])
def test_state_is_bounded(measure: Measure) -> None:
    sizes = []
    judge = judge_of(measure, 3, HOUR)
    values = 50 * shape(14, HOUR)[:, None] * noise(14 * WEEK // HOUR, 3, seed=8)
    for at, row in enumerate(values):
        judge.judge(BEGIN + at * HOUR, row)
        if at % (WEEK // HOUR) == 0:
            sizes.append(sum(len(part) for part in judge.snapshot().values()))
    assert max(sizes[8:]) <= max(sizes[5:8]) * 1.01, sizes
