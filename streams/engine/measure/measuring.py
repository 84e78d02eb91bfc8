"""Blocks become closed steps with one value per series, independent of the settings of the judge.

So recorded records that are judged many times are measured once (``streams/offline/tune/recording.py``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from config.settings import Settings
from detectors.explain.calling_requests import CALLED
from detectors.explain.examples import at_most
from detectors.latency.histogram import N_BINS
from detectors.model.array_types import Bools, Floats
from detectors.model.measures import COLUMN, LATENCIES, Measure, Series
from detectors.model.scope import FUNCTION, ROUTE, SERVICE, TABLE, Edge, ScopeOrEdge
from detectors.model.stated import LevelName, in_order
from detectors.state.state import pack, unpack
from streams.engine.measure.fan_out import Latency
from streams.engine.measure.latency_window import LatencyWindow, Quantiles
from streams.engine.measure.level_rows import LevelLimit, LevelRows, LevelState, with_delayed
from streams.engine.measure.part_times import PartTimes
from streams.engine.measure.step import (
    Fresh,
    LateStep,
    LayerTimes,
    MeasuredStep,
    Named,
    Step,
    StepRun,
    Stretch,
    scopes_of,
    series_of,
)
from streams.engine.measure.steps import Steps
from streams.engine.rollup.blocks.block import Block

PULSE_MEMORY = 1 / 60  # weight of the newest step in the running mean of records per step
CERTAIN_RECORDS = 20.0
"""Steps without records in which this many are usual are a gap: the chance is e^-20, e^-10 in pairs."""

LONG_GAP: Final = 2
"""Steps of a gap after which the next one begins anew: what is left in an outage has shorter ones."""

BESIDE: Final = (0.5, 0.99)
"""Quantiles of a latency that are kept beside its p95."""

MIXED: Final = (Measure.LATENCY, Measure.LATENCY_CODE)
"""The latencies of scopes whose calls are of several kinds."""

_COST_OF: Final = 1 << 40
"""Added to the row of a scope or edge, where a list means its cost."""

_LATENCY: Final = LATENCIES.index(Measure.LATENCY)


class _Meta(msgspec.Struct, array_like=True):
    added: list[int]
    pulse: float
    empty: int = 0
    levels: list[LevelState] = []
    gap: bool = False


class Measuring:
    """One shard: merges blocks into steps and measures every series at each step.

    Parameters
    ----------
    sources
        Every source partition that feeds it; a step closes when all of them have passed it.
    settings
        Only the ``time`` and ``rollup`` sections matter.
    quantiles
        Also return the p50 and the p99 of every latency, and the times of the layers.
    """

    VERSION = 8

    def __init__(self, sources: Sequence[str], settings: Settings, *, quantiles: bool = False) -> None:
        self._quantiles = quantiles
        self.steps = Steps(sources, settings.time.step, settings.rollup.max_series, settings.money)
        self._most = settings.rollup.max_series
        self._step = settings.time.step
        beside = BESIDE if quantiles else ()
        self._latency = [LatencyWindow(measure, beside) for measure in LATENCIES]
        self._parts = {measure: PartTimes(measure, settings.time.step) for measure in MIXED}
        self._pulse = 0.0  # records in a usual step
        self._empty = 0  # steps without a record, up to now
        self._gap = False  # whether these are a long gap, or were at first
        self._forget_rows()

    def _forget_rows(self) -> None:
        # scopes that have series, by row, in order of their series; of a business value, ~its number; of a
        # cost, _COST_OF and its row
        self._added: list[int] = []
        self._known = np.zeros(0, bool)  # the same as a mask over rows
        self._known_values = np.zeros(0, bool)  # and over business values
        self._known_costs = np.zeros(0, bool)  # and over the rows of costs
        self._levels = LevelRows()
        self._added_before: list[int] = []  # by level, how many of ``_added`` there were
        self._of_scopes = SeriesRows()
        self._of_edges = SeriesRows()
        self._tables: list[int] = []  # their rows
        self._layers = LayerHistograms()

    @property
    def series(self) -> int:
        """The number of series."""
        return len(self._of_scopes) + len(self._of_edges)

    def hand_over(self, sources: Sequence[str]) -> None:
        """Go on with the blocks of other sources, which may begin within a step."""
        self.steps.hand_over(sources)
        self._gap = True

    def feed(self, blocks: Iterable[Block]) -> Iterator[MeasuredStep]:
        """Merge blocks; yield every step that they complete."""
        for stretch in self.stretches(blocks):
            yield from stretch.steps

    def stretches(self, blocks: Iterable[Block]) -> Iterator[Stretch]:
        """Merge blocks; yield the steps that they complete, those of the same series together."""
        for run in self.steps.runs(blocks):
            yield from self._measured(run)

    def counted(self, sums: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the counts of series of scopes, of edges, and of tables as in ``MeasuredStep.called``.

        They are those in (scopes, columns) sums; what is no count is NaN.
        """
        scopes = len(sums)
        unknown = [np.full(n, np.nan) for n in (len(self.steps.values), scopes, len(self._levels))]
        no_times = np.full((len(LATENCIES), scopes), np.nan)
        of_scopes, of_edges = (
            rows.values(sums, no_times, *unknown) for rows in (self._of_scopes, self._of_edges)
        )
        return of_scopes, of_edges, self._called(sums)

    def _called(self, sums: Floats) -> Floats:
        return sums[..., self._tables, :][..., CALLED]

    def times(self, blocks: Iterable[Block]) -> tuple[Floats, Floats]:
        """Return the p95 of each series if these blocks were the next step, and that of its mix, (n,) each.

        NaN where it is no latency, may be due to chance, or the mix is as usual: as in ``MeasuredStep``.
        """
        latency, of_parts = self.steps.early_times(blocks)
        scopes = len(self.steps.scopes)
        p95, mixed = np.full((2, len(LATENCIES), scopes), np.nan)
        for number, (measure, window) in enumerate(zip(LATENCIES, self._latency, strict=True)):
            if measure in latency:
                p95[number] = window.peek(latency[measure], scopes)
            if measure in self._parts and measure in of_parts:
                usual, seen = window.usual(scopes), p95[number]
                mixed[number] = self._parts[measure].peek(of_parts[measure], self.steps.wholes, usual, seen)
        return self._of_scopes.at_latencies(p95), self._of_scopes.at_latencies(mixed)

    def _measured(self, run: StepRun) -> Iterator[Stretch]:
        """Measure steps: together from one that brings something new to the next."""
        scopes = run.sums.shape[1]
        quantiles = [
            window.feed([step.latency[measure] for step in run.steps], scopes)
            for measure, window in zip(LATENCIES, self._latency, strict=True)
        ]
        p95 = np.stack([quantile.p95 for quantile in quantiles], axis=1)
        # what may be due to chance is left out: recent levels would adapt to it before it is certain
        certain = np.where(np.stack([quantile.certain for quantile in quantiles], axis=1), p95, np.nan)
        mixed = self._mixed(run.steps, quantiles, p95)
        amounts = np.stack([step.values for step in run.steps])
        first = 0
        while first < len(run.steps):
            step = run.steps[first]
            levels = with_delayed(step.start, step.levels, [(late.start, late.levels) for late in step.late])
            fresh = [*self._new(step), *self._new_levels(levels)]
            self._add(fresh)
            late = [self._late(late_step) for late_step in step.late]
            end = self._next_new(run, amounts, first + 1)
            here, seconds = slice(first, end), self._step
            stated = [levels, *(other.levels for other in run.steps[first + 1 : end])]
            of_levels = np.stack([self._levels.values(levels, seconds) for levels in stated])
            numbers = run.sums[here], p95[here], amounts[here], run.costs[here], of_levels
            values = self._of_scopes.values(run.sums[here], certain[here], *numbers[2:])
            of_edges = self._of_edges.values(*numbers)
            called = self._called(run.sums[here])
            of_mix = self._of_scopes.at_latencies(mixed[here])
            beside = self._beside(quantiles, p95, here) if self._quantiles else None
            measured = [
                MeasuredStep(
                    start=step.start,
                    records=step.records,
                    completeness=self._completeness(step),
                    fresh=() if at else fresh,
                    values=values[at],
                    of_edges=of_edges[at],
                    called=called[at],
                    requests=step.sums[:, COLUMN[Measure.REQUESTS]],
                    scopes=self.steps.scopes,
                    tags=step.tags,
                    late=() if at else late,
                    between=step.between,
                    partial=self._is_partial(step),
                    limits=self._levels.restate(stated[at]),
                    hourly=(step, p95[first + at, _LATENCY]),
                    changes=in_order(
                        [*step.changes, *(change for late in step.late for change in late.changes)]
                    ),
                    examples=at_most(
                        [*step.examples, *(example for late in step.late for example in late.examples)]
                    ),
                    layers=self._layers.times(step.latency, self.steps.scopes) if self._quantiles else (),
                    quantiles=None if beside is None else (beside[0][at], beside[1][at], beside[2][at]),
                    mixed=of_mix[at],
                )
                for at, step in enumerate(run.steps[here])
            ]
            yield Stretch(measured, values, of_edges, called)
            first = end

    def _next_new(self, run: StepRun, amounts: Floats, first: int) -> int:
        """Return the first step from ``first`` on that has something without series, or their number."""
        if first == len(run.steps):
            return first
        new = np.zeros(len(run.steps) - first, bool)
        for has, known in (
            (run.sums, self._known),
            (amounts, self._known_values),
            (run.costs, self._known_costs),
        ):
            unknown = np.ones(has.shape[1], bool)
            unknown[: len(known)] = ~known[: len(unknown)]
            these = has[first:, unknown] != 0
            new |= these.reshape(len(new), -1).any(axis=1)
        for at, step in enumerate(run.steps[first:]):
            new[at] |= bool(step.levels) and not self._levels.knows(step.levels)
        found = np.flatnonzero(new)
        return first + (int(found[0]) if len(found) else len(new))

    def _mixed(self, steps: Sequence[Step], quantiles: Sequence[Quantiles], p95: Floats) -> Floats:
        """Return the p95 that the present mix of each scope has at usual times, if it is another one."""
        scopes = len(self.steps.scopes)  # late records may bring more than the step has
        found = np.full((len(steps), len(LATENCIES), scopes), np.nan)
        for number, (measure, by_step) in enumerate(zip(LATENCIES, quantiles, strict=True)):
            at = [at for at, step in enumerate(steps) if measure in step.part_times]
            if measure not in self._parts or not at:
                continue
            usual, seen = np.full((2, len(at), scopes), np.nan)
            usual[:, : p95.shape[2]], seen[:, : p95.shape[2]] = by_step.usual[at], by_step.p95[at]
            times = [steps[place].part_times[measure] for place in at]
            found[at, number] = self._parts[measure].feed(times, self.steps.wholes, usual, seen)
        return found

    def _beside(
        self, quantiles: Sequence[Quantiles], p95: Floats, here: slice
    ) -> tuple[Floats, Floats, Floats]:
        """Return the p50 and the p99 of the series that are latencies, of some steps, and the p95 of all."""
        p50, p99 = np.stack([quantile.beside[:, here] for quantile in quantiles], axis=2)
        scopes = self._of_scopes
        return scopes.latencies(p50), scopes.latencies(p99), scopes.at_latencies(p95[here])

    def _late(self, step: Step) -> LateStep:
        """Return late amounts, without quantiles and levels: these cannot be added up."""
        nothing = np.full((len(LATENCIES), len(step.sums)), np.nan)
        unknown = np.full(len(self._levels), np.nan)
        of_scopes = self._of_scopes.values(step.sums, nothing, step.values, step.costs, unknown)
        of_edges = self._of_edges.values(step.sums, nothing, step.values, step.costs, unknown)
        return LateStep(step.start, of_scopes, of_edges, self._called(step.sums))

    def _completeness(self, step: Step) -> float:
        """Return the share of a step's sources that are complete, or 0 when all of them had a gap.

        A source that lags holds the step open, so each source of a closed step has passed it or is idle. What
        arrives afterwards is late and becomes a correction.
        """
        pulse = self._pulse  # decays in a gap, too: no quiet night is a gap for ever
        self._pulse += PULSE_MEMORY * (step.records - pulse)
        self._empty = 0 if step.records else self._empty + 1
        if pulse * self._empty < CERTAIN_RECORDS:
            return step.completeness
        self._gap |= self._empty >= LONG_GAP
        return 0.0

    def _is_partial(self, step: Step) -> bool:
        """Return whether a gap before a step may have ended within it."""
        was, self._gap = self._gap, self._gap and not step.records
        return was and step.records > 0

    def _new(self, step: Step) -> list[Fresh]:
        """Return the new series of this step, in an order independent of the order of sources."""
        active: Bools = np.any(step.sums != 0, axis=1)
        active[: len(self._known)] &= ~self._known[: len(active)]
        scopes = self.steps.scopes
        rows = sorted(np.flatnonzero(active).tolist(), key=lambda row: _sortable(scopes[row]))
        return self._fresh([*rows, *self._new_values(step), *self._new_costs(step)])

    def _new_costs(self, step: Step) -> list[int]:
        active: Bools = step.costs != 0
        active[: len(self._known_costs)] &= ~self._known_costs[: len(active)]
        scopes = self.steps.scopes
        rows = sorted(np.flatnonzero(active).tolist(), key=lambda row: _sortable(scopes[row]))
        return [_COST_OF + row for row in rows]

    def _new_values(self, step: Step) -> list[int]:
        active: Bools = step.values != 0
        active[: len(self._known_values)] &= ~self._known_values[: len(active)]

        def name(number: int) -> tuple[tuple[str, ...], Measure]:
            row, measure = self.steps.values[number]
            return _sortable(self.steps.scopes[row]), measure

        return [~number for number in sorted(np.flatnonzero(active).tolist(), key=name)]

    def _new_levels(self, levels: Iterable[LevelName]) -> list[Fresh]:
        """Return the levels that first appear in this step, as far as there is room."""
        room = max(self._most - self.steps.series - len(self._levels), 0)
        return [self._fresh_level(number) for number in self._levels.add(levels, room)]

    def _fresh_level(self, number: int) -> Fresh:
        return Fresh(number, *self._levels.series[number])

    def _fresh(self, added: Sequence[int]) -> list[Fresh]:
        found = []
        for at in added:
            if at >= _COST_OF:
                found.append(Fresh(at - _COST_OF, self.steps.scopes[at - _COST_OF], Measure.COST))
                continue
            row, value = self.steps.values[~at] if at < 0 else (at, None)
            found.append(Fresh(~at if at < 0 else at, self.steps.scopes[row], value))
        return found

    def _add(self, fresh: Sequence[Fresh]) -> None:
        if not fresh:
            return
        for rows, named in zip((self._of_scopes, self._of_edges), series_of(fresh), strict=True):
            rows.add([_bare(name) for name in named], [name.place for name in named])
        for item in fresh:
            if item.value is not None and item.value.level:
                self._added_before.append(len(self._added))
            elif item.value is Measure.COST:
                self._added.append(_COST_OF + item.place)
            else:
                self._added.append(item.place if item.value is None else ~item.place)
        self._tables += [place for place, scope in scopes_of(fresh).items() if scope.kind == TABLE]
        self._known = np.zeros(len(self.steps.scopes), bool)
        self._known[[row for row in self._added if 0 <= row < _COST_OF]] = True
        self._known_costs = np.zeros(len(self.steps.scopes), bool)
        self._known_costs[[row - _COST_OF for row in self._added if row >= _COST_OF]] = True
        self._known_values = np.zeros(len(self.steps.values), bool)
        self._known_values[[~row for row in self._added if row < 0]] = True

    def settled(self) -> dict[str, bytes]:
        """Return the parts of a snapshot that change only when a step closes."""
        levels = self._levels.state(self._added_before)
        meta = _Meta(self._added, self._pulse, self._empty, levels, self._gap)
        parts = {"detect": pack("detect", self.VERSION, meta, {})}
        for window in self._latency:
            parts |= window.snapshot()
        for times in self._parts.values():
            parts |= times.snapshot()
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> list[Fresh]:
        """Continue from ``settled`` and the snapshot of ``steps``; return everything that has series."""
        meta, _ = unpack(parts["detect"], "detect", self.VERSION, _Meta)
        self.steps.restore(parts)
        self._forget_rows()
        self._levels.restore(meta.levels)
        fresh: list[Fresh] = []
        begin = 0
        for number, state in enumerate(meta.levels):
            fresh += [*self._fresh(meta.added[begin : state.after]), self._fresh_level(number)]
            begin = state.after
        fresh += self._fresh(meta.added[begin:])
        self._add(fresh)
        self._pulse, self._empty, self._gap = meta.pulse, meta.empty, meta.gap
        for window in self._latency:
            window.restore(parts)
        for times in self._parts.values():
            times.restore(parts, self.steps.wholes, len(self.steps.scopes))
        return fresh

    def limits(self) -> list[LevelLimit]:
        """Return the limits of levels that are in force."""
        return self._levels.limits()


def _bare(named: Named) -> Series:
    return Series(named.about, named.measure)


def _sortable(about: ScopeOrEdge) -> tuple[str, ...]:
    return (*about.target, *about.source) if isinstance(about, Edge) else about


LAYERS: Final = (
    (SERVICE, Measure.LATENCY),
    (FUNCTION, Measure.LATENCY),
    (FUNCTION, Measure.LATENCY_CODE),
    (ROUTE, Measure.LATENCY_AUTH),
    (TABLE, Measure.LATENCY),
)
"""API, function, its code, authorizer and table: by the scopes of whose calls each consists."""


class LayerHistograms:
    """Adds the calls of the scopes of a kind up; knows the kind of each row."""

    def __init__(self) -> None:
        self._kinds: dict[str, int] = {kind: number for number, (kind, _) in enumerate(LAYERS)}
        self._rows = np.zeros(0, np.int8)  # (scopes,) number of the kind; -1 for others

    def times(self, latency: dict[Measure, Latency], scopes: Sequence[ScopeOrEdge]) -> list[LayerTimes]:
        """Return the layers of a step that were called at all."""
        if len(scopes) > len(self._rows):
            fresh = [self._kinds.get(scope.kind, -1) for scope in scopes[len(self._rows) :]]
            self._rows = np.concatenate((self._rows, np.array(fresh, np.int8)))
        found = []
        for kind, measure in LAYERS:
            rows, bins, counts = latency[measure]
            mine = self._rows[rows] == self._kinds[kind]
            if mine.any():
                added = np.bincount(bins[mine], counts[mine], N_BINS)
                found.append(LayerTimes(kind, measure, added.astype(np.int64)))
        return found


class SeriesRows:
    """Series in the order in which they were added, each with its place in a step's sums."""

    def __init__(self) -> None:
        self._scope = np.zeros(0, np.intp)
        self._column = np.zeros(0, np.intp)
        self._latency = np.zeros(0, np.intp)  # series that are latencies
        self._layer = np.zeros(0, np.intp)  # their places in LATENCIES
        self._value = np.zeros(0, np.intp)  # series that are business values
        self._number = np.zeros(0, np.intp)  # their numbers in ``Steps.values``
        self._cost = np.zeros(0, np.intp)  # series that are costs
        self._level = np.zeros(0, np.intp)  # series that are levels
        self._level_number = np.zeros(0, np.intp)  # their numbers in ``LevelRows``

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self._scope)

    def add(self, series: Sequence[Series], scopes: Sequence[int]) -> None:
        """Append series.

        ``scopes`` are the rows of their scopes or edges; for a business value or a level, its number.
        """
        first = len(self)
        values = [(first + n, scopes[n]) for n, item in enumerate(series) if item.measure.key]
        costs = [first + n for n, item in enumerate(series) if item.measure is Measure.COST]
        self._cost = np.concatenate((self._cost, np.array(costs, np.intp)))
        levels = [(first + n, scopes[n]) for n, item in enumerate(series) if item.measure.level]
        scopes = [
            0 if item.measure.key or item.measure.level else row
            for item, row in zip(series, scopes, strict=True)
        ]
        self._level = np.concatenate((self._level, np.array([row for row, _ in levels], np.intp)))
        numbers = np.array([number for _, number in levels], np.intp)
        self._level_number = np.concatenate((self._level_number, numbers))
        self._value = np.concatenate((self._value, np.array([row for row, _ in values], np.intp)))
        self._number = np.concatenate((self._number, np.array([number for _, number in values], np.intp)))
        latencies = [first + n for n, item in enumerate(series) if item.measure in LATENCIES]
        layers = [LATENCIES.index(item.measure) for item in series if item.measure in LATENCIES]
        columns = [COLUMN.get(item.measure, 0) for item in series]
        self._scope = np.concatenate((self._scope, np.array(scopes, np.intp)))
        self._column = np.concatenate((self._column, np.array(columns, np.intp)))
        self._latency = np.concatenate((self._latency, np.array(latencies, np.intp)))
        self._layer = np.concatenate((self._layer, np.array(layers, np.intp)))

    def latencies(self, by_layer: Floats) -> Floats:
        """Return one value per series that is a latency, from (..., len(LATENCIES), scopes)."""
        picked: Floats = by_layer[..., self._layer, self._scope[self._latency]]
        return picked

    def at_latencies(self, by_layer: Floats) -> Floats:
        """Return one value per series, NaN where it is no latency, from (..., len(LATENCIES), scopes)."""
        spread = np.full((*by_layer.shape[:-2], len(self)), np.nan)
        spread[..., self._latency] = self.latencies(by_layer)
        return spread

    def values(self, sums: Floats, p95: Floats, amounts: Floats, costs: Floats, levels: Floats) -> Floats:
        """Return one value per series, of one step or of several, which are the first axis.

        Parameters
        ----------
        sums
            (..., scopes, columns).
        p95
            (..., len(LATENCIES), scopes).
        amounts
            (..., values).
        costs
            (..., scopes).
        levels
            (..., levels), NaN where unknown.
        """
        values: Floats = (
            sums[..., self._scope, self._column]
            if sums.shape[-2]
            else np.zeros((*sums.shape[:-2], len(self)))  # levels need no scope
        )
        values[..., self._latency] = self.latencies(p95)
        values[..., self._value] = amounts[..., self._number]
        values[..., self._cost] = costs[..., self._scope[self._cost]]
        values[..., self._level] = levels[..., self._level_number]
        return values
