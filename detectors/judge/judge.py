"""The judge: the expectation of every series of a shard at a step, and whether its value opens a verdict.

It knows the series, their calendar and their past. ``decide`` opens and ends verdicts, in the compiled step
of ``kernel``. The judge takes all series of one step at once, or many steps of one series: live buckets
and ``uneri score`` alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import config.settings
from detectors.judge.baseline import Baseline
from detectors.judge.calendar import Calendar, SameTimes
from detectors.judge.evidence import Evidence
from detectors.judge.growth import Growing, GrowthWatch
from detectors.judge.kernel.arrays import (
    FAR_BACK,
    OF_CALLS,
    WEEKS,
    YESTERDAY,
    Output,
    Rows,
    empty_output,
    empty_scratch,
)
from detectors.judge.kernel.evaluate_early import (
    EarlyEvaluation,
    copy_rows,
    dry_run,
    may_be_evaluated,
    may_deviate,
    related,
)
from detectors.judge.kernel.kernel import advance
from detectors.judge.kernel.learn import close_slots
from detectors.judge.kernel.pace import Pace, pace_of
from detectors.judge.memory import CELLS, FEWEST, MANY, BatchEvaluation, Before, MemoryState
from detectors.model.array_types import Bools, Floats, Ints, Places
from detectors.model.finding import Plan
from detectors.model.measures import COUNTED_BY, GROWS, NATURE, RATIO_OF, RISES, Measure, Nature, Series
from detectors.model.scope import ScopeOrEdge
from detectors.state.declared import Owned, Stateful
from detectors.state.past_values import DAY, WEEK, PastExpectations, PastValues

_COUNTING: Final = frozenset(
    (*COUNTED_BY.values(), *RATIO_OF.values(), Measure.REQUESTS, Measure.ERRORS_USER)
)
"""The measures that others are made of, a part of, or told with."""

SLOTS: Final = 144
"""Slots of the day for habits, ten minutes each; wider steps have a slot each."""


@dataclass(slots=True)
class Judgement:
    """One step, one entry per series. A ``score`` of 0.5 and more is reported; it stays below 1."""

    start: int  # epoch seconds at which the step starts
    observed: Floats  # sums over the step (ms for latency), NaN where missing
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats
    verdict: NDArray[np.int8]  # open now: index into detectors.judge.kernel.arrays.CODES
    opened: Bools
    ended: Bools
    since: Ints  # epoch seconds at which the open verdict began
    young: Bools
    by_days: Bools  # ``expected`` is that of earlier weeks, in the first week of yesterday
    level: Floats  # the present level that ``expected`` contains, on the scale of the kernel
    hours: Floats  # the level over hours
    growth: list[Growing] = field(default_factory=list)


class Judge(Stateful):
    """Judges all series of a shard, one call per step.

    ``step`` is in seconds. Without a calendar every week is like the last. ``baseline`` and ``evidence`` are
    the grounds of verdicts: weeks, charts, courses of single series. ``add`` the same series in their order
    before ``restore``.
    """

    STATE = tuple(map(Owned, ("_memory", "_growth", "_memory.habits", "_recent", "_values")))

    def __init__(
        self, settings: config.settings.JudgeSettings, step: int, calendar: Calendar | None = None
    ) -> None:
        self.step = step
        self.series: list[Series] = []
        self._calendar = calendar
        self._day = max(1, round(DAY / step))
        self._pace = pace_of(settings, step)
        self._slots = min(SLOTS, self._day)
        self._values = PastValues(step, settings.weeks)
        self._recent = PastExpectations(step)
        self.baseline = Baseline(self._values, step, self._pace.beside, settings.weeks, calendar)
        self.evidence = Evidence(self._values, self._recent, step)
        self._memory = MemoryState(
            recent=self._pace.short,
            residual=self._pace.short if self._pace.wide else 0,
            lags=self.baseline.lags,
            slots=self._slots,
        )
        self._growth = GrowthWatch(settings.growth_per_day, step, calendar.start_of if calendar else None)
        self._places: dict[object, int] = {}
        self._counting: dict[tuple[ScopeOrEdge, Measure], int] = {}  # rows that others refer to
        self._unrelated: list[tuple[int, Series]] = []  # rows whose counterpart is still missing
        ints, none, floats = np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0)
        self._rows = Rows(np.zeros(0, np.int8), ints, ints, none, none, ints, floats, floats, none)
        self._grows, self._limits, self._sums = none, floats, none
        self._bounds: tuple[Floats, Floats] | None = None  # of the newest step: expected, upper
        self._index(())

    def add(self, series: Sequence[Series]) -> None:
        """Append rows without a past."""
        if not series:
            return
        self._values.add(len(series))
        self._recent.add(len(series))
        self._memory.add(len(series))
        self._growth.add(len(series))
        self._index(series)

    @property
    def until(self) -> int:
        """The end of the newest step that was judged, epoch seconds; 0 before the first one."""
        return (self._recent.at + 1) * self.step

    def ages(self, until: int | None = None) -> Floats:
        """Return (n,) the seconds from the first value of each series to ``until``, NaN without any.

        By default to the end of the newest step; else to the end of one before, epoch seconds.
        """
        first = self._memory.first
        begins, began = first * float(self.step), first >= 0
        if until is None:
            until = self.until
        else:
            began &= begins < until
        return np.where(began, until - begins, np.nan)

    def pass_over(self) -> None:
        """Let no series grow older in the next step, of which nothing is known."""
        first = self._memory.first
        first[first >= 0] += 1

    @property
    def most_steps(self) -> int:
        """Most steps that ``judge_steps`` accepts: their baselines must be known beforehand."""
        return max(1, self._day - self._pace.beside)

    def judge(
        self, start: int, values: Floats, completeness: float = 1.0, *, partial: bool = False
    ) -> Judgement:
        """Judge one step.

        Parameters
        ----------
        start : int
            Epoch seconds at which the step starts, after the previous call; skipped steps are missing.
        values : (n,) float64
            Sums over the step, p95 in ms for latency; NaN where nothing was measured. Values that are not
            finite are missing; negative counts and latencies count as zero.
        completeness : float
            Share of the data that had arrived, in (0, 1]: counts and amounts are extrapolated to the whole.
        partial : bool
            Whether the step follows a gap, and may have begun in it: values that are low are missing.

        Raises
        ------
        ValueError
            When time does not move forward, or the number of values differs from that of the series.
        """
        if len(values) != len(self.series):
            raise ValueError(
                f"{len(values)} values for {len(self.series)} series: pass one per series, in their order"
            )
        value = np.array(values, np.float64)
        if completeness < 1:
            value[self._sums] /= max(completeness, 1e-3)
        begun = self._begin(start, value[None])
        self._advance(begun, 1, stops=False, partial=partial)
        growth = self._remember(begun)
        return self.judgement(begun, 0, growth)

    def judgement(self, of: BatchEvaluation, at: int, growth: list[Growing] | None = None) -> Judgement:
        """Return the judgement of a step of a batch, by its place there; ``since`` is that of the last."""
        out, index = of.out, of.index + at
        return Judgement(
            start=index * self.step,
            observed=of.values[at],
            expected=out.expected[at],
            lower=out.lower[at],
            upper=out.upper[at],
            score=out.score[at],
            verdict=out.code[at],
            opened=out.opened[at],
            ended=out.ended[at],
            since=self._memory.since.astype(np.int64) * self.step,
            young=self.young(index),
            by_days=self.by_days(out.basis[at], index),
            level=out.level[at],
            hours=out.hours[at],
            growth=growth or [],
        )

    def young(self, index: int | Ints) -> Bools:
        """Return (n,) which series are too young at a step to be reported; (steps, n) of (steps, 1)."""
        first = self._memory.first
        return (first < 0) | (index - first < self._pace.young)

    def by_days(self, basis: NDArray[np.int8], index: int | Ints) -> Bools:
        """Return which expectations are those of earlier weeks, in the first week of yesterday.

        Later, yesterday tells nothing of a day of which nothing is known in any week: it is closed. Nor does
        what is doubted.
        ``basis`` is (n,), or (steps, n) with (steps, 1).
        """
        first_week: Bools = index - self._memory.first < WEEK / self.step
        certain: Bools = (basis == WEEKS) | (first_week & (basis == YESTERDAY))
        return certain

    def judge_steps(self, start: int, values: Floats) -> tuple[Output, list[Growing]]:
        """Judge consecutive steps at once, (steps, n), with the same results as one by one.

        ``start`` (epoch seconds) is that of the first of at most ``most_steps`` steps, all on one day.
        Returns the results, and the growth over the days before, when the first step is the first of a day.
        """
        begun = self._begin(start, values)
        self._advance(begun, len(values), stops=False)
        return begun.out, self._remember(begun)

    @property
    def largest_batch(self) -> int:
        """Most steps that are worth a batch; one if none, since of many series a step costs enough."""
        most = min(self.most_steps, CELLS // max(len(self.series), 1))
        return most if most >= FEWEST else 1

    def steps_in_batch(self, start: int, most: int) -> int:
        """Return how many steps from ``start`` on ``evaluate_batch`` may judge; one if none.

        ``most`` is at most ``largest_batch``. While a verdict is open, more than its values may decide a
        step; so it is where a local day begins, growth is still to be forecast, or an event is planned.
        """
        if most <= 1 or self._open_places.any() or self._growth.waits.any() or not self._goes_on(start):
            return 1
        same = self.baseline.same_times(start)
        most = self.baseline.steps_known(same, most)
        slot = self._slot(start) if len(self.series) >= MANY else -1
        for at in range(1, most):
            then = start + at * self.step
            if not self._goes_on(then) or (slot >= 0 and self._slot(then) != slot):
                return at
            if self.baseline.same_times(then) != same:
                return at
        return most

    def _goes_on(self, start: int) -> bool:
        """Return whether a step starts no local day, and nothing is planned for it."""
        if self._calendar is not None and self._calendar.planned(start):
            return False
        return self._growth.is_of_day(self._hour(start))

    def _slot(self, start: int) -> int:
        return start % DAY * self._slots // DAY

    def _hour(self, start: int) -> int:
        return start // 3600 if self._calendar is None else self._calendar.hour(start)

    def evaluate_batch(self, start: int, values: Floats) -> BatchEvaluation:
        """Judge consecutive steps, up to the first in which a verdict opens; ``accept_batch`` must follow.

        ``start`` (epoch seconds) is that of the first of at most ``steps_in_batch`` steps; ``values`` are
        (steps, n) float64.
        """
        begun = self._begin(start, values)
        begun.before = Before(self._memory.arrays(), self._open_places, begun.slots)
        self._advance(begun, len(values), stops=True)
        return begun

    def accept_batch(self, batch: BatchEvaluation, steps: int) -> None:
        """Remember the first ``steps`` of a batch, as if the others had not been judged."""
        if steps < batch.done and batch.before is not None:
            batch.before.bring_back(self._memory.arrays(), self._open_places)
            self._advance(batch, steps, stops=False)
        self._memory.slot = int(batch.slots[steps - 1, 0])
        self.baseline.stay(batch.index + steps - 1)
        self._remember(batch)

    def trust_weeks(self, rows: Places) -> None:
        """Forget how far the present level of series is from the weeks: it followed what is absent."""
        self._memory.trust_weeks(rows)

    def _begin(self, start: int, values: Floats) -> BatchEvaluation:
        """Prepare steps to be judged."""
        index, steps = start // self.step, len(values)
        if index <= self._recent.at:
            raise ValueError(f"the step at {start} was judged before: pass each step once, in order")
        value = np.array(values, np.float64, order="C")
        same = self.baseline.same_times(start)
        self.baseline.move(index, steps, same)
        of_day = (start + self.step * np.arange(steps)) % DAY * self._slots // DAY
        factor, slots = self._factor(start), self._slots_of(of_day)
        return BatchEvaluation(index, value, same, factor, slots, empty_output(value.shape), 0)

    def _advance(self, begun: BatchEvaluation, steps: int, *, stops: bool, partial: bool = False) -> None:
        """Judge the first ``steps`` of a batch, or up to the first in which a verdict opens."""
        beside, short = self._pace.beside, self._pace.short
        with np.errstate(all="ignore"):  # without the compiler, numpy would warn of infinities
            begun.done = advance(
                begun.index,
                begun.values[:steps],
                begun.factor,
                self.baseline.past,
                self.baseline.often,
                self.baseline.head,
                begun.slots,
                self._rows,
                self._memory.arrays(),
                self._pace_of(begun.same)._replace(partial=partial),
                self._open_places,
                empty_scratch(beside, short, self.baseline.lags, len(self.series)),
                begun.out,
                stops,
            )

    def _pace_of(self, same: SameTimes) -> Pace:
        later = same.lags[-1] > same.others[-1]
        return self._pace._replace(aligned=not same.holiday, local_later=later, alike=same.alike)

    def _remember(self, judged: BatchEvaluation) -> list[Growing]:
        """Remember judged steps; return the growth over the days before, where a day starts."""
        index, out, values = judged.index, judged.out, judged.values
        if judged.done < len(values):
            out, values = Output._make(array[: judged.done] for array in out), values[: judged.done]
        self._bounds = out.expected[-1], out.upper[-1]
        self._values.extend(index, values, out.spoilt)
        for at, row in np.argwhere(out.opened).tolist():
            self._spoil(row, index + at)
        self._recent.extend(index, out.expected, out.lower, out.upper)
        return self._learn_growth(index, out.tame)

    @property
    def newly_expected(self) -> Floats | None:
        """The expectation of each series at the newest step, (n,); None after a restore."""
        return None if self._bounds is None else self._bounds[0]

    def evaluate_early(self, end: int, values: Floats, empty: Places) -> EarlyEvaluation | None:
        """Judge the step before ``end`` as far as it is known, without learning from it.

        Returns the series that may deviate, upwards or because they are ``empty``; None if there are none.

        Parameters
        ----------
        end : int
            Epoch seconds, later than the newest judged step.
        values : (n,) float64
            Sums of the counts over the step before ``end``, p95 in ms of latencies; NaN of anything else.
            Series that were added since are missing.
        empty
            Rows without anything for so long that they are judged as if their step were empty.
        """
        if self._bounds is None:
            return None
        index = (end - 1) // self.step
        n = min(len(values), len(self._bounds[0]))
        slots = self._memory.slots_at(index * self.step % DAY * self._slots // DAY)
        memory = self._memory.arrays()
        ready = may_be_evaluated(self._rows, memory, self.evidence.latency, index, self._pace)
        rises = may_deviate(values[:n], *self._bounds, self._rows, ready)
        falls = empty[ready[empty]]
        at = related(np.union1d(rises, falls).astype(np.intp), self._rows)
        at = at[at < n]
        if not len(at):
            return None
        seen = values[at]
        seen[np.isin(at, falls)] = 0.0
        same = self.baseline.same_times(index * self.step)
        past, often = self.baseline.past_of(index, at, same)
        sizes, *interval = dry_run(
            index,
            seen,
            self._factor(index * self.step)[at],
            past,
            often,
            slots,
            *copy_rows(at, self._rows, memory),
            self._pace_of(same),
            self._open_places,
        )
        wanted = np.flatnonzero(np.isin(at, rises) | np.isin(at, falls))
        found = (array[wanted] for array in interval)
        return EarlyEvaluation(at[wanted], sizes[wanted], seen[wanted], *found)

    def _slots_of(self, of_day: Ints) -> Ints:
        """Return the slot of each step and the one that ended before it; load the habits they need."""
        slots = self._memory.move(of_day)
        habits = self._memory.habits
        if slots[0, 0] != slots[-1, 0]:
            habits.unfold()
            return slots
        habits.fold()
        if habits.folded:
            slot, ended = slots[0].tolist()
            if ended >= 0:
                habits.hold([ended])
                close_slots(ended, self._memory.arrays(), self._pace)
                habits.change(ended)
                slots[0, 1] = -1
            habits.hold_around(slot)
        return slots

    def correct(self, start: int, more: Floats) -> None:
        """Add late data to the values of a step, (n,): NaN or zero where none arrived.

        Charts, attribution and the weeks to come use it, and the sums over minutes restart. The learnt level
        and noise stay: they follow the present within minutes anyway.
        """
        self._values.correct(start // self.step, more)
        self.baseline.correct()
        self._memory.restart_sums(np.nan_to_num(more) != 0)

    def derive(self) -> None:
        """Forget what was known of other values."""
        self.baseline.forget()
        self._bounds = None
        self._count_open()

    def has_settled(self, row: int) -> bool:
        """Return whether the newest verdict of a series ended as the level that is expected since."""
        return bool(self._memory.open_at[row] == FAR_BACK)

    def whole(self, row: int) -> int | None:
        """Return the row of which a series is a part: of errors and throttles, the requests."""
        whole = int(self._rows.whole[row])
        return whole if whole >= 0 else None

    def requests(self, row: int) -> int | None:
        """Return the row that counts the requests of what a series is about."""
        return self._counting.get((self.series[row].about, Measure.REQUESTS))

    def refused(self, row: int) -> int | None:
        """Return the row that counts callers' errors, of a series that counts requests."""
        series = self.series[row]
        if series.measure is not Measure.REQUESTS:
            return None
        return self._counting.get((series.about, Measure.ERRORS_USER))

    def plan(self, row: int, start: int) -> Plan | None:
        """Return the plan of a series at ``start``, if any."""
        about, sums = self.series[row].about, self._sums[row]
        return self._calendar.plan(start, about) if self._calendar and sums else None

    def _factor(self, start: int) -> Floats:
        """Return the planned load in times the usual, one number per series."""
        if self._calendar is None or not self._calendar.planned(start):
            return self._one
        summed, factor = zip(self.series, self._sums.tolist(), strict=True), self._calendar.factor
        return np.array([factor(start, series.about) if sums else 1.0 for series, sums in summed], float)

    def _learn_growth(self, index: int, tame: Floats) -> list[Growing]:
        hours = [self._hour((index + at) * self.step) for at in range(len(tame))]
        if len(hours) == 1 and self._growth.adds(hours[0], tame[0]):
            return []
        if not self._growth.waits.any() and self._growth.is_of_day(hours[-1]):
            self._growth.sum_up(hours, tame)
            return []
        old = index - self._memory.first >= self._pace.young
        watched = self._grows & (self._memory.first >= 0) & old
        return self._growth.learn(np.array(hours, np.int64), tame, watched, self._limits)

    def _spoil(self, row: int, index: int) -> None:
        """Exclude the steps between the onset and its report from learning, too."""
        same = np.flatnonzero(self._rows.place == self._rows.place[row])
        for at in range(int(self._memory.since[row]), index):
            self._values.spoil(at, same)

    def limit(self, changed: Mapping[int, Series]) -> None:
        """Replace series, by their rows, that have another limit, and with it may be judged or not."""
        for row, series in changed.items():
            self.series[row] = series
            self._rows.judged[row] = series.judged
            per_step = 1.0 if NATURE[series.measure] is Nature.LATENCY else self.step
            self._limits[row] = np.nan if series.limit is None else series.limit * per_step

    def hold(self, rows: Sequence[int], *, held: bool) -> None:
        """Open no verdict about some rows while they are ``held``; they learn as ever."""
        for row in rows:
            self._rows.judged[row] = self.series[row].judged and not held

    def _index(self, fresh: Sequence[Series]) -> None:
        """Append the arrays of the kernel for new rows."""
        first = len(self.series)
        self.series.extend(fresh)
        natures = [NATURE[series.measure] for series in fresh]
        latency = np.array([nature is Nature.LATENCY for nature in natures], bool)
        levels = np.array([bool(series.measure.level) for series in fresh], bool)
        per_step = np.where(latency, 1.0, float(self.step))
        counted = np.array([nature is Nature.COUNT for nature in natures], np.int8)
        places = [self._places.setdefault(series.place, len(self._places)) for series in fresh]
        rows = Rows(
            counted=counted,
            calls=np.full(len(fresh), -1, np.int64),
            whole=np.full(len(fresh), -1, np.int64),
            rises=np.array([series.measure in RISES for series in fresh], bool),
            judged=np.array([series.judged for series in fresh], bool),
            place=np.array(places, np.int64),
            floor=np.array([series.floor_absolute for series in fresh], float) * per_step,
            relative=np.array([series.floor_relative for series in fresh], float),
            positive=latency,
        )
        both: list[tuple[NDArray[Any], NDArray[Any]]] = list(zip(self._rows, rows, strict=True))
        self._rows = Rows(*map(np.concatenate, both))
        self._relate(first, fresh)
        is_latency = self.evidence.latency = np.concatenate((self.evidence.latency, latency))
        self._sums = np.concatenate((self._sums, ~(latency | levels)))
        self._rows = self._rows._replace(positive=(self._rows.counted > 0) | is_latency)
        grows = np.array([series.measure in GROWS for series in fresh], bool)
        grows &= rows.judged | levels  # a level that has a limit may grow towards it
        self._grows = np.concatenate((self._grows, grows))
        self._one = np.ones(len(self.series))
        limits = np.array([np.nan if series.limit is None else series.limit for series in fresh], float)
        self._limits = np.concatenate((self._limits, limits * per_step))
        self._count_open()

    def _relate(self, first: int, fresh: Sequence[Series]) -> None:
        """Link new rows to those they are made of or a part of, and rows that waited for one of them."""
        for row, series in enumerate(fresh, first):
            if series.measure in _COUNTING:
                self._counting[series.about, series.measure] = row
        waiting = [*self._unrelated, *enumerate(fresh, first)]
        self._unrelated = []
        for row, series in waiting:
            # `in` and not `get`: the relation covers all business values, too
            calls = COUNTED_BY[series.measure] if series.measure in COUNTED_BY else None  # noqa: SIM401
            whole = RATIO_OF.get(series.measure)
            for other, into in ((calls, self._rows.calls), (whole, self._rows.whole)):
                if other is not None:
                    into[row] = self._counting.get((series.about, other), -1)
                    if into[row] < 0:
                        self._unrelated.append((row, series))
            if calls is not None and self._rows.calls[row] >= 0:
                self._rows.counted[row] = OF_CALLS

    def _count_open(self) -> None:
        is_open = self._memory.code != 0
        place = self._rows.place[is_open]
        self._open_places = np.bincount(place, minlength=len(self._places)).astype(np.int64)
