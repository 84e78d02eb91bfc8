"""The judge: what is expected of every series of a shard at a step, and whether what came is a verdict.

Two views must agree before anything is told: the same time in the last weeks at the present level
(``baseline``), and the last hour (``recent``). Each measures a deviation in units of its own noise
(``noise``); the smaller one counts. What an incident does is not learnt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

import config.settings
from detectors.baseline import Baseline
from detectors.finding import Trace
from detectors.growth import Growing, GrowthWatch
from detectors.history import WEEK, History
from detectors.measures import COUNTED_BY, GROWS, NATURE, Nature
from detectors.noise import OFFSET, Spread, Wildness, deviation
from detectors.recent import KEPT_SECONDS, LastHour, Recent
from detectors.row_state import Field, RowState
from detectors.series import Series
from detectors.verdicts import Verdicts

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

THRESHOLD: Final = 3.0
"""Units of noise that both views must see, at sensitivity 1."""

BAND: Final = 3.0
"""Half-width of the expected interval in units of noise."""

LONGEST_SECONDS: Final = 6 * 3600
"""A spike or drop that stayed longer is no incident any more but a level: it ends, and is learnt."""

OFTEN_ZERO: Final = 3.0
"""A series that is zero on one step in so many is one of single portions, and compared in portions."""

PORTION_GAIN: Final = 0.1
"""Step of the median of the portions (logarithm); any portion moves it by no more."""

COUNTS_OF_LEVEL: Final = 10.0
"""Counts that are added on both sides of the ratio of the last hours to the same hours of earlier weeks."""

COUNTS_OF_DOUBT: Final = 3.0
"""Counts the same times must have shown before a count is expected there alone, not of the usual level."""

LARGEST_CHANGE: Final = 50.0
"""A new level is followed at once up to this factor."""

LARGEST_VALUE: Final = 1e15
"""More than any measure: what is above is taken as this, so that single precision holds the bands."""

USUAL_SECONDS: Final = 86400
"""Half-life of the usual level of a series."""


@dataclass(slots=True)
class Judgement:
    """One step, one entry a series. ``score`` is 0.5 where a deviation begins to be told, and never 1."""

    start: int  # epoch seconds at which the step starts
    observed: Floats  # sums over the step (ms for latency), NaN where missing
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats
    verdict: NDArray[np.int8]  # open now: index into detectors.verdicts.CODES
    opened: Bools
    ended: Bools
    since: NDArray[np.int64]  # epoch seconds at which the open verdict began
    young: Bools
    growth: list[Growing] = field(default_factory=list)


class _Basics(RowState):
    """What is remembered of every series besides its curve."""

    KIND = "basics"
    first: NDArray[np.int64]  # epoch seconds of the first value, -1 before it
    usual: Floats  # slow mean of what was learnt
    busy: Floats  # share of steps that were not zero
    portion: Floats  # median of what a step brings when it brings anything
    steps: Floats  # how many steps were learnt

    def __init__(self) -> None:
        super().__init__(
            {
                "first": Field(-1, dtype=np.int64),
                "usual": Field(0.0),
                "busy": Field(0.0),
                "portion": Field(0.0),
                "steps": Field(0.0),
            }
        )

    def learn_portions(self, value: Floats, use: Bools, gain: float) -> None:
        """Learn how often a series is not zero, and what it brings then, where ``use`` says so."""
        some = use & (value > 0)
        rate = np.where(use, np.maximum(gain, 1 / (self.steps + 1)), 0.0)
        self.busy += rate * (some - self.busy)
        self.portion = np.where(some & (self.portion == 0), value, self.portion)
        self.portion *= np.exp(np.where(some, PORTION_GAIN * np.sign(value - self.portion), 0.0))


class Judge:
    """Judges all series of a shard, one call a step.

    Parameters
    ----------
    settings : config.settings.Judge
    step : int
        Seconds between two judgements.
    """

    def __init__(self, settings: config.settings.Judge, step: int) -> None:
        self.step = step
        self.series: list[Series] = []
        self._settings = settings
        self._threshold = THRESHOLD / settings.sensitivity
        self._history = History(step, settings.weeks)
        self._baseline = Baseline(step, settings.weeks)
        self._hour = LastHour(step)
        self._recent = Recent(step)
        self._weekly, self._hourly, self._wild = Spread(), Spread(), Wildness()
        self._verdicts = Verdicts(settings.persist, settings.recover, max(1, LONGEST_SECONDS // step))
        self._growth = GrowthWatch(settings.growth_per_day, step)
        self._basics = _Basics()
        self._usual_gain = 1 - 0.5 ** (step / USUAL_SECONDS)
        self._states: dict[str, RowState] = {
            "baseline": self._baseline,
            "hour": self._hour,
            "recent": self._recent,
            "weekly": self._weekly,
            "hourly": self._hourly,
            "wild": self._wild,
            "verdicts": self._verdicts,
            "growth": self._growth,
            "basics": self._basics,
        }
        self._places: dict[object, int] = {}
        self._index_rows()

    def add(self, series: Sequence[Series]) -> None:
        """Append rows; they start without history."""
        self.series.extend(series)
        self._history.add(len(series))
        for state in self._states.values():
            state.add(len(series))
        self._index_rows()

    def judge(self, start: int, values: Floats, completeness: float = 1.0) -> Judgement:
        """Judge one step.

        Parameters
        ----------
        start : int
            Epoch seconds at which the step starts, later than at the call before. Steps left out are missing.
        values : (n,) float64
            Sums over the step, p95 in ms for latency; not a number where nothing was measured. What is
            not finite is missing, what is below zero is taken as zero.
        completeness : float
            Share of the data that had arrived, in (0, 1]: counts and amounts are judged as if the rest
            had been like it.

        Raises
        ------
        ValueError
            When time did not move forward, or the number of values is not that of the series.
        """
        index = start // self.step
        if len(values) != len(self.series):
            raise ValueError(
                f"{len(values)} values for {len(self.series)} series: give one a series, in their order"
            )
        if index <= self._recent.at:
            raise ValueError(f"the step at {start} was judged before: steps are judged in order, once")
        value = np.where(np.isfinite(values), np.clip(values, 0.0, LARGEST_VALUE), np.nan)
        if completeness < 1:
            value[self._sums] /= max(completeness, 1e-3)
        missing = np.isnan(value)
        basics = self._basics
        basics.first[(basics.first < 0) & ~missing] = start
        frozen = self._frozen()

        with np.errstate(invalid="ignore", divide="ignore"):
            grain = self._grain()
            weekly = self._baseline.expect(index, self._history, COUNTS_OF_LEVEL * grain)
            hourly = self._hour.median
            offset = (
                OFFSET * basics.usual + np.minimum(OFTEN_ZERO * (1 - basics.busy), 1) * basics.portion + 1e-12
            )
            # a count that was hardly ever seen at these times is expected of the usual level in part
            vague = np.zeros_like(value)
            grained = np.flatnonzero(grain > 0)
            if grained.size:
                seen = self._baseline.evidence(grained) / grain[grained]
                vague[grained] = basics.usual[grained] * COUNTS_OF_DOUBT / (COUNTS_OF_DOUBT + seen)
            expected = np.where(np.isnan(weekly), hourly, weekly)
            vague[np.isnan(weekly)] = 0.0
            likely = np.maximum(expected, vague)
            by_week = deviation(value, likely, self._weekly.spread, offset, grain)
            by_hour = deviation(value, np.maximum(hourly, vague), self._hourly.spread, offset, grain)
            alone = by_week / self._weekly.tail
            other = by_hour / self._hourly.tail
            agreed = np.where(
                alone * other > 0, np.sign(alone) * np.minimum(np.abs(alone), np.abs(other)), 0.0
            )
            agreed[np.isnan(agreed)] = 0.0
            size = agreed / (self._wild.factor * self._threshold)
            matters = np.abs(value - expected) >= np.maximum(self._floor, self._relative * expected)
            unit = self._weekly.tail * np.sqrt(
                self._weekly.spread**2 + grain / (expected + vague + grain + 1e-300)
            )
            upper = (likely + offset) * np.exp(np.minimum(BAND * unit, 50)) - offset
            lower = np.maximum((expected + offset) * np.exp(-BAND * unit) - offset, 0.0)

        young = (basics.first < 0) | (start - basics.first < self._settings.young)
        opened, ended, overstayed = self._verdicts.decide(
            index,
            np.where(matters, size, 0.0),
            np.where(matters, alone / (self._wild.factor * self._threshold), 0.0),
            missing,
            self._judged & ~young,
        )
        judgement = Judgement(
            start=start,
            observed=value,
            expected=expected,
            lower=lower,
            upper=upper,
            score=size**2 / (1 + size**2) if not missing.all() else np.zeros(len(value)),
            verdict=self._verdicts.code.copy(),
            opened=opened,
            ended=ended,
            since=self._verdicts.since * self.step,
            young=young,
        )
        # the onset too: on a calm series it is rare, and a series of single portions is made of onsets
        basics.learn_portions(value, ~missing & ~frozen, self._usual_gain)
        self._wild.learn(agreed, ~missing & ~frozen)
        frozen |= self._frozen()
        self._learn(index, judgement, frozen, ~np.isnan(weekly))
        use = ~missing & ~frozen
        self._weekly.learn(by_week, use & ~np.isnan(by_week))
        self._hourly.learn(by_hour, use & ~np.isnan(by_hour))
        for row in np.flatnonzero(opened):
            self._spoil(int(row), index)
        if overstayed.size:
            self._settle(np.flatnonzero(np.isin(self._place, self._place[overstayed])), index)
        return judgement

    def window(self, rows: Sequence[int], since: int, until: int) -> tuple[Floats, Floats]:
        """Return what was observed and expected of ``rows`` from ``since`` up to ``until``.

        Sums over the steps that start in the interval (of latencies too: divide by the steps), shape
        (len(rows),) each. A step counts where it was measured; before a series was first seen, nothing
        was expected of it. At most the last seven hours are remembered.
        """
        at = np.asarray(rows, np.intp)
        slots = self._recent.span(since // self.step, -(-until // self.step))
        value = self._recent.value[np.ix_(slots, at)].astype(np.float64)
        expected = self._recent.expected[np.ix_(slots, at)].astype(np.float64)
        expected[np.isnan(value)] = 0.0
        return np.nansum(value, axis=0), np.nansum(expected, axis=0)

    def trace(self, row: int, until: int, seconds: int = 4 * 3600) -> Trace:
        """Return the hours before ``until`` as a chart shows them."""
        last = -(-until // self.step)
        first = max(last - min(seconds, KEPT_SECONDS) // self.step, 0)
        week = round(WEEK / self.step)
        per = 1.0 if self._is_latency[row] else float(self.step)

        def listed(values: Floats) -> list[float | None]:
            return [None if np.isnan(x) else float(x) / per for x in values]

        slots = np.arange(first, last) % self._recent.steps
        known = (np.arange(first, last) <= self._recent.at) & (
            np.arange(first, last) > self._recent.at - self._recent.steps
        )

        def kept(array: NDArray[np.float32]) -> list[float | None]:
            return listed(np.where(known, array[slots, row].astype(np.float64), np.nan))

        return Trace(
            start=first * self.step,
            step=self.step,
            now=kept(self._recent.value),
            last_week=listed(self._history.measured([row], first - week, last - week)[:, 0]),
            lower=kept(self._recent.lower),
            upper=kept(self._recent.upper),
        )

    def weeks(self, row: int) -> tuple[list[int], list[int]]:
        """Return the weeks (1 = last) the last expectation rests on, and those left out as spoilt."""
        return self._baseline.weeks(row, self._recent.at, self._history)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state; the series themselves are given again with ``add`` before ``restore``."""
        return {
            **{name: state.snapshot() for name, state in self._states.items()},
            **self._history.snapshot(),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take back what ``snapshot`` returned, after ``add`` of the same series in the same order.

        Raises
        ------
        detectors.state.StateError
            When a part is damaged or does not fit.
        """
        for name, state in self._states.items():
            state.restore(parts[name], len(self.series))
        self._history.restore(parts, len(self.series))

    def _learn(self, index: int, seen: Judgement, frozen: Bools, rests_on_weeks: Bools) -> None:
        value, basics = seen.observed, self._basics
        missing = np.isnan(value)
        use = ~missing & ~frozen
        with np.errstate(invalid="ignore"):
            tame = np.clip(value, seen.lower, seen.upper)  # winsorised to the expected interval
            tame = np.where(np.isnan(tame), value, tame)
            self._baseline.learn(tame, use)
            # the last hour follows an incident, which the last weeks hold open; without weeks it must not
            self._hour.learn(index, value, use | (~missing & rests_on_weeks))
        basics.steps += use
        gain = np.where(use, np.maximum(self._usual_gain, 1 / np.maximum(basics.steps, 1)), 0.0)
        basics.usual += gain * (np.where(use, tame, 0.0) - basics.usual)
        instead = np.where(frozen & ~missing & ~np.isnan(seen.expected), seen.expected, tame)
        seen.growth = self._growth.learn(index, instead, self._grows & ~seen.young, self._limits)
        self._recent.append(index, value, seen.expected, seen.lower, seen.upper)
        self._history.append(index, value, frozen & ~missing)

    def _spoil(self, row: int, index: int) -> None:
        """Leave the steps between the onset and its telling out of what is learnt, too."""
        same = np.flatnonzero(self._place == self._place[row])
        for at in range(int(self._verdicts.since[row]), index):
            self._history.spoil(at, same)

    def _settle(self, rows: NDArray[np.intp], index: int) -> None:
        """Make the level of the last hour the expected one."""
        slots = self._recent.span(index + 1 - max(3600 // self.step, 6), index + 1)
        value = self._recent.value[np.ix_(slots, rows)].astype(np.float64)
        expected = self._recent.expected[np.ix_(slots, rows)].astype(np.float64)
        known = ~np.isnan(value) & ~np.isnan(expected)
        kept = known.any(axis=0)
        rows, value, expected, known = rows[kept], value[:, kept], expected[:, kept], known[:, kept]
        now = np.where(known, value, 0.0).sum(axis=0)
        then = np.where(known, expected, 0.0).sum(axis=0)
        self._baseline.rescale(
            rows, np.maximum(now / np.maximum(then, now / LARGEST_CHANGE + 1e-300), 1 / LARGEST_CHANGE)
        )
        self._hour.fill(rows, now / known.sum(axis=0))

    def _frozen(self) -> Bools:
        """Rows whose scope has an open verdict: whatever happens there now is not learnt."""
        open_rows = self._verdicts.code != 0
        if not open_rows.any():
            return np.zeros(len(self.series), bool)
        places = np.zeros(len(self._places), bool)
        places[self._place[open_rows]] = True
        return places[self._place]

    def _grain(self) -> Floats:
        """Return what one independent happening brings to each series, 0 where nobody knows."""
        grain = self._is_count.copy()
        if self._amounts.size:
            usual, calls = self._basics.usual[self._amounts], self._basics.usual[self._calls_of]
            grain[self._amounts] = np.where(calls > 0, usual / np.maximum(calls, 1e-9), 0.0)
        return grain

    def _index_rows(self) -> None:
        for one in self.series:
            self._places.setdefault(one.place, len(self._places))
        self._place = np.array([self._places[one.place] for one in self.series], np.intp)
        self._judged = np.array([one.judged for one in self.series], bool)
        self._grows = self._judged & np.array([one.measure in GROWS for one in self.series], bool)
        natures = [NATURE[one.measure] for one in self.series]
        self._is_count = np.array([nature is Nature.COUNT for nature in natures], float)
        self._is_latency = np.array([nature is Nature.LATENCY for nature in natures], bool)
        self._sums = ~self._is_latency
        per_step = np.where(self._is_latency, 1.0, float(self.step))
        self._floor = np.array([one.floor_absolute for one in self.series], float) * per_step
        self._relative = np.array([one.floor_relative for one in self.series], float)
        limits = [np.nan if one.limit is None else one.limit for one in self.series]
        self._limits = np.array(limits, float) * per_step
        rows = {(one.about, one.measure): row for row, one in enumerate(self.series)}
        counted = [
            (row, rows[one.about, COUNTED_BY[one.measure]])
            for row, one in enumerate(self.series)
            if one.measure in COUNTED_BY and (one.about, COUNTED_BY[one.measure]) in rows
        ]
        pairs = np.array(counted, np.intp).reshape(-1, 2)
        self._amounts, self._calls_of = pairs[:, 0], pairs[:, 1]
