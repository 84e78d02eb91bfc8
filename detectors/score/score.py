"""Judges one plain series of timestamps and values with the judge of live buckets.

``score`` ranks rows; the verdicts are the judge's own. Two things make a row stand out: a deviation that the
judge measures, and novelty, the rarity of its present behaviour in all its past, which works without weeks to
compare with.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

import config.settings
from detectors.judge.growth import Growing
from detectors.judge.judge import Judge
from detectors.judge.kernel.arrays import CODES, SHIFT, Output
from detectors.judge.kernel.scale import COUNTS_OF_ROOT, LARGEST
from detectors.model.array_types import Bools, Floats, Ints, Places
from detectors.model.measures import Measure, Series, value_of
from detectors.model.scope import SERVICE, Scope
from detectors.score.novelty import novelty
from detectors.state.past_values import DAY

LEARNING: Final = 10
"""Rows from which the interval is learnt, the median of their differences. They are not judged."""

NO_INTERVAL: Final = 60
"""Seconds of a step if all timestamps are equal."""

MANY: Final = 4 * COUNTS_OF_ROOT
"""Mean of counts above which Poisson noise no longer dominates on the scale of the judge."""

_SECONDS = "1 2 5 10 15 20 30 60 120 180 300 600 900 1200 1800 3600 7200 10800 14400 21600 43200 86400"
INTERVALS: Final = np.array([int(seconds) for seconds in _SECONDS.split()])
"""Common intervals, all of which divide a day; anything within a tenth of one of them counts as it."""

PLAIN: Final = value_of("value")
"""A business value, in any unit, possibly negative."""

CLUMPS: Final = 3.0
"""Multiple of the Poisson variance above which counts come in clumps."""

COUNTS: Final = Measure.REQUESTS
"""Series of counts are judged as requests."""

HALF_DAY: Final = 43200
"""Seconds judged at once, where neighbours of the same time yesterday leave no room for a whole day."""

RARE: Final = 3.0
"""Novelty that counts like a deviation that is reported."""

STEEP: Final = 10.0
"""Power of novelty: less than rare hardly counts beside a deviation."""


class Scored(NamedTuple):
    """One entry per row. ``score`` is in [0, 1); ``kind`` is the open verdict or empty."""

    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats
    alert: Bools
    kind: list[str]


def score(timestamps: Ints, values: Floats, settings: config.settings.JudgeSettings | None = None) -> Scored:
    """Judge a series; row i depends only on rows up to i.

    Parameters
    ----------
    timestamps : (n,) int64
        Epoch seconds in ascending order. Of equal ones, the first is judged; of the others only the novelty
        is measured.
    values : (n,) float64
        NaN where nothing was measured.

    Examples
    --------
    >>> minutes = np.arange(3 * 10080) * 60
    >>> curve = 100 + 20 * np.sin(minutes / 86400 * 2 * np.pi) + np.random.default_rng(1).normal(0, 2, 30240)
    >>> curve[25000:25010] *= 2
    >>> found = score(minutes, curve)
    >>> np.flatnonzero(found.alert).tolist(), found.kind[25000]
    ([25000], 'spike')
    """
    count = len(timestamps)
    scored = _nothing(count)
    strength = (novelty(values) / RARE) ** STEEP
    stretches = _stretches(timestamps, values)
    ends = [*(first for first, _ in stretches), count][1:]
    for (begin, known), end in zip(stretches, ends, strict=True):
        judged = _judge(timestamps[:end], values[:end], known, settings or config.settings.JudgeSettings())
        for into, column in zip(scored[:-1], judged[:-1], strict=True):
            into[begin:end] = column[begin:]
        scored.kind[begin:end] = judged.kind[begin:]
    scored.score[:] = np.maximum(scored.score, strength)
    root = np.sqrt(scored.score)  # so that even the rarest rows stay below 1, and distinct
    scored.score[:] = root / (1 + root)
    return scored


def _judge(
    timestamps: Ints,
    values: Floats,
    known: "SeriesTraits",
    settings: config.settings.JudgeSettings,
) -> Scored:
    """Judge rows of a series with these traits."""
    scored = _nothing(len(timestamps))
    judge = Judge(settings, known.step)
    judge.add([Series(Scope(SERVICE, "", "", "", ""), COUNTS if known.counts else PLAIN)])
    writer = _Writer(scored)
    for rows, at, start, curve in _pieces(timestamps, values, known.step, judge.most_steps):
        out, growth = judge.judge_steps(start, curve[:, None])
        writer.write(rows, at, start // known.step, out, growth)
    return scored


def _nothing(count: int) -> Scored:
    expected, lower, upper = np.full((3, count), np.nan)
    return Scored(expected, lower, upper, np.zeros(count), np.zeros(count, bool), [""] * count)


class SeriesTraits(NamedTuple):
    """The traits of a series, as learnt from its first rows."""

    step: int  # seconds
    counts: bool


def _stretches(timestamps: Ints, values: Floats) -> list[tuple[int, SeriesTraits]]:
    """Return the rows from which on the traits of a series change, and the traits, learnt from earlier rows.

    They are learnt again each time the rows have doubled, so that judging all rows again at most doubles the
    cost.
    """
    found: list[tuple[int, SeriesTraits]] = []
    begin = LEARNING + 1
    while begin < len(timestamps):
        known = SeriesTraits(interval(timestamps[:begin]), counts(values[:begin]))
        if not found or found[-1][1] != known:
            found.append((begin, known))
        begin *= 2
    return found


def interval(timestamps: Ints) -> int:
    """Return the width of a step in seconds: the usual difference, rounded to a common interval.

    Equal timestamps do not count; if all are equal it is a minute.

    Examples
    --------
    >>> interval(np.array([0, 301, 599, 900])), interval(np.array([0, 47, 47, 94])), interval(np.zeros(3))
    (300, 47, 60)
    """
    apart = np.diff(timestamps)
    if not apart.any():
        return NO_INTERVAL
    usual = float(np.median(apart[apart > 0]))
    near = int(INTERVALS[np.argmin(np.abs(np.log(INTERVALS / usual)))])
    return near if abs(usual - near) <= near / 10 else max(1, round(usual))


def counts(values: Floats) -> bool:
    """Return whether values look like counts of independent events: whole, few, with Poisson noise.

    For Poisson counts, half the mean square of successive differences is their mean. Values half as noisy,
    such as a queue or a temperature, are not counts; those ``CLUMPS`` times as noisy come in clumps, to which
    Poisson noise does not apply. Above ``MANY`` the noise of counts is proportional, as that of an amount.

    Examples
    --------
    >>> drawn = np.random.default_rng(1)
    >>> counts(drawn.poisson(4, 100) * 1.0), counts(drawn.poisson(4, 100) / 2), counts(np.full(9, 4.0))
    (True, False, False)
    """
    there = values[np.isfinite(values)]
    if len(there) < LEARNING or there.min() < 0 or there.max() > LARGEST or (there != np.floor(there)).any():
        return False
    mean = float(there.mean())
    apart = float(np.square(np.diff(there)).mean()) / 2
    return 0 < mean <= MANY and mean / 2 <= apart <= CLUMPS * mean


def _pieces(
    timestamps: Ints, values: Floats, step: int, most: int
) -> Iterator[tuple[Places, Places, int, Floats]]:
    """Yield pieces to judge at once: rows, the step of each within the piece, its start, values by step.

    Steps are a grid that starts at the first row, so that timestamps may be off by half a step. Of several
    rows in one step, the first is judged.
    """
    grid = np.round((timestamps - timestamps[0]) / step).astype(np.int64) + timestamps[0] // step
    part = grid * step // (DAY if most * step >= DAY else HALF_DAY)
    edges = np.flatnonzero(np.diff(part, prepend=part[0] - 1))
    for begin, end in zip(edges, [*edges[1:], len(grid)], strict=True):
        for first in range(int(grid[begin]), int(grid[end - 1]) + 1, most):
            rows = begin + np.flatnonzero((grid[begin:end] >= first) & (grid[begin:end] < first + most))
            if rows.size:
                at = grid[rows] - grid[rows[0]]
                curve = np.full(int(at[-1]) + 1, np.nan)
                curve[at[::-1]] = values[rows[::-1]]
                yield rows, at, int(grid[rows[0]]) * step, curve


class _Writer:
    """Writes the results of steps to the rows of a series."""

    def __init__(self, scored: Scored) -> None:
        self._scored = scored
        self._growing = False
        self._pending = False  # growth that started while another verdict was open
        self._last = -1  # step of the row before

    def write(self, rows: Places, at: Places, first: int, out: Output, growth: list[Growing]) -> None:
        scored = self._scored
        new = np.diff(at, prepend=self._last - first) > 0  # the first row of its step
        self._last = first + int(at[-1])
        scored.expected[rows], scored.lower[rows], scored.upper[rows] = (
            column[at, 0] for column in (out.expected, out.lower, out.upper)
        )
        scored.score[rows] = np.where(new, np.abs(out.size[at, 0]), 0.0)
        scored.alert[rows] = out.opened[at, 0] & new
        for growing in growth:
            self._pending = growing.state == "open" or (self._pending and growing.state != "end")
            self._growing = growing.state != "end"
        codes = out.code[at, 0]
        kinds = [CODES[code] or "" for code in range(SHIFT + 1)]
        calm = codes == 0
        if self._growing:
            kinds[0] = "growth"
            if self._pending and calm.any():
                scored.alert[rows[np.argmax(calm)]] = True
                self._pending = False
        names = [str(kinds[code]) for code in codes.tolist()]
        scored.kind[rows[0] : rows[-1] + 1] = names
