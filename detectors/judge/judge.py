"""The judge: what is expected of every series of a shard at a step, and whether what came is a verdict.

This module knows the series, their calendar and their past; how a value is judged is in ``kernel``, which
takes all series of a step at once, or many steps of one series: live buckets and ``uneri score`` alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import config.settings
from detectors.judge.calendar import Calendar, SameTimes
from detectors.judge.correction import Course
from detectors.judge.growth import Growing, GrowthWatch
from detectors.judge.kernel import LARGEST, OF_CALLS, Out, Pace, Rows, advance, out_of, scratch_of, turn
from detectors.judge.memory import Memories
from detectors.model.finding import ComparedWith, Plan, Trace
from detectors.model.measures import COUNTED_BY, GROWS, NATURE, RATIO_OF, Measure, Nature
from detectors.model.scope import ScopeOrEdge
from detectors.model.series import Series
from detectors.state.history import DAY, WEEK, ValueHistory
from detectors.state.recent import EXPECTED, KEPT_SECONDS, LOWER, UPPER, Recent
from detectors.state.row_state import RowState

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

THRESHOLD: Final = 3.0
"""Units of noise that both views must see, at sensitivity 1."""

_COUNTING: Final = frozenset((*COUNTED_BY.values(), *RATIO_OF.values(), Measure.REQUESTS))
"""The measures that another may be made or a part of."""

MANY: Final = 5.0
"""Units that sums over minutes must show."""

EXTRAORDINARY: Final = 1.35
"""A deviation so many times as large as the one that has to persist is told on its first step."""

BESIDE_SECONDS: Final = 120
"""Neighbours this far on each side count as the same time: clocks and cron jobs wander a little."""

MOST_BESIDE: Final = 6

WIDEST_WITH_NEIGHBOURS: Final = 600
"""Up to this step (seconds) one neighbour on each side counts all the same."""

WIDE: Final = 600
"""From this step (seconds) on five steps are most of an hour, in which a day goes its way."""

SHORT_SECONDS: Final = 600
"""The last minutes, whose median is one view: ten steps of a minute, at least five of any width."""

FAST_SECONDS: Final = 180
"""Half-life of the means over minutes; at least three steps."""

MIDDLE_SECONDS: Final = 720
"""The same of half an hour: the mean reaches back about twice its half-life; at least twelve steps."""

SLOW_SECONDS: Final = 1200
"""Half-life of the level: slow enough that minutes of trouble stand out, fast enough to follow a morning."""

HOURS_SECONDS: Final = 7200
"""Half-life of the level over hours: against the other, half an hour of trouble would be its own level."""

HABIT_DAYS: Final = 4
"""Days in which a habit is half forgotten."""

SLOTS: Final = 144
"""Ten minutes are one time of day to a habit; steps that are wider have a slot each."""

OFTEN: Final = 2
"""Weeks in which the same time was spoilt, and no other knows better, until that is no incident but usual."""

SHIFT_SECONDS: Final = 7200
"""A spike or drop that stays so long is a shift."""

FEWEST_SHIFT_STEPS: Final = 6

MOST: Final = 1e4
"""A larger deviation has no larger score: the next number to 1 must stay below it."""

SETTLE_SECONDS: Final = 3600
"""So long a shift is told until its level is the usual one."""

BACK_STEPS: Final = 7
"""A shift may find its way back for a day, at least for so many steps."""


@dataclass(slots=True)
class Judgement:
    """One step, one entry a series. ``score`` is 0.5 where a deviation begins to be told, and never 1."""

    start: int  # epoch seconds at which the step starts
    observed: Floats  # sums over the step (ms for latency), NaN where missing
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats
    verdict: NDArray[np.int8]  # open now: index into detectors.judge.verdicts.CODES
    opened: Bools
    ended: Bools
    since: NDArray[np.int64]  # epoch seconds at which the open verdict began
    young: Bools
    rests: NDArray[np.int8]  # what ``expected`` rests on: NOTHING, MINUTES, YESTERDAY or WEEKS of ``kernel``
    level: Floats  # the present level that ``expected`` has beside its shape, on the scale of the kernel
    hours: Floats  # the level over hours, in place of that
    growth: list[Growing] = field(default_factory=list)


class Judge:
    """Judges all series of a shard, one call a step.

    Parameters
    ----------
    settings : config.settings.JudgeSettings
    step : int
        Seconds between two judgements.
    calendar : Calendar, optional
        Local time, holidays and planned events; without one every week is like the last.
    """

    def __init__(
        self, settings: config.settings.JudgeSettings, step: int, calendar: Calendar | None = None
    ) -> None:
        self.step = step
        self.series: list[Series] = []
        self._settings = settings
        self._calendar = calendar
        self._day = max(1, round(DAY / step))
        self._plain = (DAY, *(WEEK * k for k in range(1, settings.weeks + 1)))
        self._pace = _pace(settings, step)
        self._slots = min(SLOTS, self._day)
        self._history = ValueHistory(step, settings.weeks)
        self._recent = Recent(step)
        self._memory = Memories(
            short=self._pace.short,
            freed=self._pace.short if self._pace.wide else 0,
            lags=len(self._plain),
            slots=self._slots,
        )
        self._growth = GrowthWatch(settings.growth_per_day, step, calendar.begins if calendar else None)
        self._states: dict[str, RowState] = {
            "memory": self._memory,
            "growth": self._growth,
        }
        self._past = np.zeros((0, 0, 0))  # what was learnt around the same times of the step last judged
        self._past_at = (-1, self._plain)
        self._head = 0
        self._places: dict[object, int] = {}
        self._counting: dict[tuple[ScopeOrEdge, Measure], int] = {}  # rows that others are made or a part of
        self._unrelated: list[tuple[int, Series]] = []  # rows whose other was not there yet
        ints, none, floats = np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0)
        self._rows = Rows(np.zeros(0, np.int8), ints, ints, none, none, ints, floats, floats)
        self._is_latency, self._grows, self._limits = none, none, floats
        self._index(())

    def add(self, series: Sequence[Series]) -> None:
        """Append rows; they start without history."""
        if not series:
            return
        self._history.add(len(series))
        self._recent.add(len(series))
        for state in self._states.values():
            state.add(len(series))
        self._index(series)

    @property
    def most_steps(self) -> int:
        """How many steps ``judge_steps`` can take: what they are compared with must be known before."""
        return max(1, self._day - self._pace.beside)

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
        if len(values) != len(self.series):
            raise ValueError(
                f"{len(values)} values for {len(self.series)} series: give one a series, in their order"
            )
        value = np.array(values, np.float64)
        if completeness < 1:
            value[self._sums] /= max(completeness, 1e-3)
        memory = self._memory
        level, hours = memory.level.copy(), memory.lasting[0].copy()
        out, growth = self.judge_steps(start, value[None])
        size = np.minimum(np.abs(out.size[0]), MOST)
        return Judgement(
            start=start,
            observed=self._seen[0],
            expected=out.expected[0],
            lower=out.lower[0],
            upper=out.upper[0],
            score=size**2 / (1 + size**2),
            verdict=out.code[0],
            opened=out.opened[0],
            ended=out.ended[0],
            since=memory.since * self.step,
            young=(memory.first < 0) | (start // self.step - memory.first < self._pace.young),
            rests=self._rests,
            level=level,
            hours=hours,
            growth=growth,
        )

    def judge_steps(self, start: int, values: Floats) -> tuple[Out, list[Growing]]:
        """Judge steps in a row at once: the same as one after the other.

        Parameters
        ----------
        start : int
            Epoch seconds at which the first of them starts.
        values : (steps, n) float64
            At most ``most_steps``, none of them later than the day of the first.

        Returns
        -------
        out : Out
        growth : list of Growing
            What is said of the days before, when the first step is the first of a day.
        """
        index, steps = start // self.step, len(values)
        if index <= self._recent.at:
            raise ValueError(f"the step at {start} was judged before: steps are judged in order, once")
        value = np.where(np.isfinite(values), np.clip(values, -LARGEST, LARGEST), np.nan)
        value[:, self._positive] = np.maximum(value[:, self._positive], 0.0)
        self._seen = value
        same = self._calendar.at(start) if self._calendar else SameTimes("", self._plain, ())
        self._look_back(index, steps, same)
        out = out_of(value.shape)
        of_day = (start + self.step * np.arange(steps)) % DAY * self._slots // DAY
        scratch = scratch_of(self._pace.beside, self._pace.short, len(self._plain), len(self.series))
        self._rests = scratch.rests  # of the last step
        advance(
            index,
            value,
            self._factor(start),
            self._past,
            self._head,
            self._turn(of_day),
            self._rows,
            self._memory.arrays(),
            self._pace._replace(aligned=not same.holiday),
            self._open_places,
            scratch,
            out,
        )
        self._history.extend(index, value, out.spoilt)
        for at, row in np.argwhere(out.opened).tolist():
            self._spoil(row, index + at)
        self._recent.extend(index, out.expected, out.lower, out.upper)
        return out, self._learn_growth(index, value, out)

    def _turn(self, of_day: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the slot of each step and the one that ended before it; hold what is asked of habits."""
        slots = self._memory.turn(of_day)
        habits = self._memory.habits
        if len(slots) > 1:
            habits.unfold()
            return slots
        habits.fold()
        if habits.folded:
            slot, over = slots[0].tolist()
            if over >= 0:
                habits.hold([over])
                turn(over, self._memory.arrays(), self._pace)
                habits.change(over)
                slots[0, 1] = -1
            habits.hold_around(slot)
        return slots

    def window(self, rows: Sequence[int], since: int, until: int) -> tuple[Floats, Floats]:
        """Return what was observed and expected of ``rows`` from ``since`` up to ``until``.

        Sums over the steps that start in the interval (of latencies too: divide by the steps), shape
        (len(rows),) each. A step counts where it was measured; before a series was first seen, nothing
        was expected of it. At most the last seven hours are remembered.
        """
        first, last = self._recent.span(since // self.step, -(-until // self.step))
        value = self._history.measured(rows, first, last)
        expected = self._recent.of(EXPECTED, rows, first, last)
        expected[np.isnan(value)] = 0.0
        return np.nansum(value, axis=0), np.nansum(expected, axis=0)

    def correct(self, start: int, more: Floats) -> None:
        """Add to what was observed in a step what came late, (n,): NaN or zero where nothing did.

        Charts, attribution and the weeks to come see it, and the sums over minutes begin anew. What was
        learnt of level and noise stays: it follows the present within minutes anyway.
        """
        self._history.correct(start // self.step, more)
        self._memory.forget_sums(np.nan_to_num(more) != 0)

    def course(self, row: int, since: int, until: int) -> Course:
        """Return how a series went from ``since`` up to ``until``: rates a second, ms of a latency."""
        first, last = self._recent.span(since // self.step, -(-until // self.step))
        per = 1.0 if self._is_latency[row] else float(self.step)
        value = self._history.measured([row], first, last)
        kept = (self._recent.of(what, [row], first, last) for what in (EXPECTED, LOWER, UPPER))
        return Course(*(array[:, 0] / per for array in (value, *kept)))

    def trace(self, row: int, until: int, seconds: int = 4 * 3600) -> Trace:
        """Return the hours before ``until`` as a chart shows them."""
        last = -(-until // self.step)
        first = max(last - min(seconds, KEPT_SECONDS) // self.step, 0)
        week = round(WEEK / self.step)
        per = 1.0 if self._is_latency[row] else float(self.step)

        def listed(values: Floats) -> list[float | None]:
            return [None if np.isnan(x) else float(x) / per for x in values]

        begin, end = self._recent.span(first, last)
        now = np.full(last - first, np.nan)
        now[begin - first : end - first] = self._history.measured([row], begin, end)[:, 0]

        return Trace(
            start=first * self.step,
            step=self.step,
            now=listed(now),
            last_week=listed(self._history.measured([row], first - week, last - week)[:, 0]),
            lower=listed(self._recent.of(LOWER, [row], first, last)[:, 0]),
            upper=listed(self._recent.of(UPPER, [row], first, last)[:, 0]),
        )

    def weeks(self, row: int) -> tuple[list[int], list[int]]:
        """Return the weeks (1 = last) the last expectation rests on, and those left out as spoilt."""
        index, lags = self._past_at
        used, left_out = [], []
        for week, lag in enumerate(lags):
            if not week or lag < 0:
                continue
            at = index - lag
            first, last = at - self._pace.beside, at + self._pace.beside + 1
            there = ~np.isnan(self._history.measured([row], first, last)[:, 0])
            learnt = there & ~self._history.spoilt([row], first, last)[:, 0]
            if learnt.sum() > self._pace.beside:
                used.append(week)
            elif there.any():
                left_out.append(week)
        return used, left_out

    def compared_with(self, row: int) -> ComparedWith:
        """Return what the last expectation rests on."""
        index, lags = self._past_at
        if self.weeks(row)[0]:
            holiday = self._calendar.at(index * self.step).holiday if self._calendar else ""
            return "holidays" if holiday else "weeks"
        beside = self._pace.beside
        at = index - lags[0]
        there = ~np.isnan(self._history.measured([row], at - beside, at + beside + 1)[:, 0])
        spoilt = self._history.spoilt([row], at - beside, at + beside + 1)[:, 0]
        return "yesterday" if lags[0] > 0 and (there & ~spoilt).sum() > beside else "minutes"

    def snapshot(self) -> dict[str, bytes]:
        """Return the state; the series themselves are given again with ``add`` before ``restore``."""
        return {
            **{name: state.snapshot() for name, state in self._states.items()},
            **self._memory.habits.snapshot(),
            **self._recent.snapshot(),
            **self._history.snapshot(),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take back what ``snapshot`` returned, after ``add`` of the same series in the same order.

        Raises
        ------
        detectors.state.state.StateError
            When a part is damaged or does not fit.
        """
        for name, state in self._states.items():
            state.restore(parts[name], len(self.series))
        self._memory.habits.restore(parts, len(self.series))
        self._recent.restore(parts, len(self.series))
        self._history.restore(parts, len(self.series))
        self._past_at = (-1, self._plain)
        self._count_open()

    def _look_back(self, index: int, steps: int, same: SameTimes) -> None:
        """Gather what was learnt around the same times; a step after the last needs only what came new."""
        beside = self._pace.beside
        lags = tuple(
            -1 if same.spoilt and same.spoilt[at] else max(1, round(lag / self.step))
            for at, lag in enumerate(same.lags)
        )
        lags += (-1,) * (len(self._plain) - len(lags))
        around = 2 * beside + steps
        shape = (around, len(lags), len(self.series))
        next_on = self._past_at == (index - 1, lags) and self._past.shape == shape and steps == 1
        self._past_at = (index + steps - 1, lags)
        if next_on:
            newest = self._past[self._head][None]
            self._head = (self._head + 1) % around
            self._recall(index + beside, lags, newest)
        else:
            self._head = 0
            self._past = np.empty(shape)
            self._recall(index - beside, lags, self._past)

    def _recall(self, first: int, lags: tuple[int, ...], past: Floats) -> None:
        """Write into ``past`` (steps, lags, n) what was learnt so many steps before ``first`` and after."""
        steps = len(past)
        for at, lag in enumerate(lags):
            if lag > 0:
                self._history.learnt_steps(first - lag, past[:, at])
            else:
                past[:, at] = np.nan
        spoilt = [self._history.spoilt_steps(first - lag, steps) if lag > 0 else None for lag in lags[1:]]
        known = [flags for flags in spoilt if flags is not None]
        if len(known) < OFTEN:
            return
        # what was told week after week at this time, and came again, is how it is
        again = (np.sum(known, axis=0) >= OFTEN) & np.isnan(past[:, 1:]).all(axis=1)
        rows = np.flatnonzero(again.any(axis=0))
        if rows.size:
            for at, (lag, flags) in enumerate(zip(lags[1:], spoilt, strict=True), 1):
                if flags is not None:
                    raw = self._history.measured(rows, first - lag, first - lag + steps)
                    use = again[:, rows] & flags[:, rows]
                    past[:, at, rows] = np.where(use, raw, past[:, at, rows])

    def plan(self, row: int, start: int) -> Plan | None:
        """Return what is planned for a series at ``start``, None where nothing is."""
        about, sums = self.series[row].about, self._sums[row]
        return self._calendar.plan(start, about) if self._calendar and sums else None

    def _factor(self, start: int) -> Floats:
        """Return how many times the usual is planned, one number a series."""
        if self._calendar is None or not self._calendar.planned(start):
            return self._one
        summed = zip(self.series, self._sums.tolist(), strict=True)
        return np.array(
            [self._calendar.factor(start, one.about) if sums else 1.0 for one, sums in summed], float
        )

    def _learn_growth(self, index: int, value: Floats, out: Out) -> list[Growing]:
        with np.errstate(invalid="ignore"):
            tame = np.clip(value, out.lower, out.upper)  # winsorised to the expected interval
        tame = np.where(np.isnan(tame), value, tame)
        instead = np.where(out.spoilt & ~np.isnan(value) & ~np.isnan(out.expected), out.expected, tame)
        old = index - self._memory.first >= self._pace.young
        starts = (index + np.arange(len(value), dtype=np.int64)) * self.step
        if self._calendar is None:
            hours = starts // 3600
        else:
            hours = np.array([self._calendar.hour(start) for start in starts.tolist()], np.int64)
        return self._growth.learn(hours, instead, self._grows & (self._memory.first >= 0) & old, self._limits)

    def _spoil(self, row: int, index: int) -> None:
        """Leave the steps between the onset and its telling out of what is learnt, too."""
        same = np.flatnonzero(self._rows.place == self._rows.place[row])
        for at in range(index - self._pace.persist + 1, index):
            self._history.spoil(at, same)

    def _index(self, fresh: Sequence[Series]) -> None:
        """Learn what the kernel has to know of new rows: it costs nothing for those that are known."""
        first = len(self.series)
        self.series.extend(fresh)
        natures = [NATURE[one.measure] for one in fresh]
        latency = np.array([nature is Nature.LATENCY for nature in natures], bool)
        per_step = np.where(latency, 1.0, float(self.step))
        counted = np.array([nature is Nature.COUNT for nature in natures], np.int8)
        places = [self._places.setdefault(one.place, len(self._places)) for one in fresh]
        rows = Rows(
            counted=counted,
            calls=np.full(len(fresh), -1, np.int64),
            whole=np.full(len(fresh), -1, np.int64),
            rises=np.array([one.measure in RATIO_OF for one in fresh], bool),
            judged=np.array([one.judged for one in fresh], bool),
            place=np.array(places, np.int64),
            floor=np.array([one.floor_absolute for one in fresh], float) * per_step,
            relative=np.array([one.floor_relative for one in fresh], float),
        )
        both: list[tuple[NDArray[Any], NDArray[Any]]] = list(zip(self._rows, rows, strict=True))
        self._rows = Rows(*map(np.concatenate, both))
        self._relate(first, fresh)
        self._is_latency = np.concatenate((self._is_latency, latency))
        self._sums = ~self._is_latency
        self._positive = (self._rows.counted > 0) | self._is_latency
        grows = np.array([one.judged and one.measure in GROWS for one in fresh], bool)
        self._grows = np.concatenate((self._grows, grows))
        self._one = np.ones(len(self.series))
        limits = np.array([np.nan if one.limit is None else one.limit for one in fresh], float)
        self._limits = np.concatenate((self._limits, limits * per_step))
        self._count_open()

    def _relate(self, first: int, fresh: Sequence[Series]) -> None:
        """Find the rows of which new ones are made or a part, and those that waited for one of them."""
        for row, one in enumerate(fresh, first):
            if one.measure in _COUNTING:
                self._counting[one.about, one.measure] = row
        asked = [*self._unrelated, *enumerate(fresh, first)]
        self._unrelated = []
        for row, one in asked:
            # `in` before a look-up: a relation holds of all business values, too
            calls = COUNTED_BY[one.measure] if one.measure in COUNTED_BY else None  # noqa: SIM401
            whole = RATIO_OF.get(one.measure)
            for other, into in ((calls, self._rows.calls), (whole, self._rows.whole)):
                if other is not None:
                    into[row] = self._counting.get((one.about, other), -1)
                    if into[row] < 0:
                        self._unrelated.append((row, one))
            if calls is not None and self._rows.calls[row] >= 0:
                self._rows.counted[row] = OF_CALLS

    def _count_open(self) -> None:
        is_open = self._memory.code != 0
        place = self._rows.place[is_open]
        self._open_places = np.bincount(place, minlength=len(self._places)).astype(np.int64)


def _pace(settings: config.settings.JudgeSettings, step: int) -> Pace:
    beside = min(MOST_BESIDE, BESIDE_SECONDS // step)
    if step > BESIDE_SECONDS:
        beside = int(step <= WIDEST_WITH_NEIGHBOURS)

    def gain(seconds: float, fewest: int) -> float:
        return float(1 - 0.5 ** (1 / max(seconds / step, fewest)))

    return Pace(
        beside=beside,
        short=max(5, min(10, round(SHORT_SECONDS / step))),
        fast=gain(FAST_SECONDS, 3),
        middle=gain(MIDDLE_SECONDS, 12),
        slow=gain(SLOW_SECONDS, 20),
        hours=gain(HOURS_SECONDS, 120),
        day=gain(DAY, 1),
        usual=gain(DAY, 1) / 3,
        habit=0.5 ** (1 / HABIT_DAYS),
        young=-(-settings.young // step),
        persist=settings.persist,
        extraordinary=EXTRAORDINARY,
        recover=settings.recover,
        shift=max(SHIFT_SECONDS // step, FEWEST_SHIFT_STEPS),
        settle=max(SETTLE_SECONDS // step, 1) + settings.recover,
        back=max(BACK_STEPS, DAY // step),
        threshold=THRESHOLD / settings.sensitivity,
        many=MANY / settings.sensitivity,
        aligned=True,
        wide=step >= WIDE,
    )
