"""Fans the counts of closed steps out to scopes and edges: of as many steps at once as have the same names.

A step of thin traffic has hundreds of numbers, and most of its cost is the overhead of numpy calls. Catching
up, replays and learning close hours at once, and pay that once.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

import numpy as np
import structlog

from detectors.model.array_types import Floats, Ints
from detectors.model.measures import COLUMN, LATENCIES, SUMMED, Measure, value_of
from detectors.model.stated import in_order, kept_levels
from streams.engine.decode.paths import Call, Path
from streams.engine.decode.values import COLUMNS, Value, scopes_of
from streams.engine.measure.fan_out import FanOut, Latency, Times
from streams.engine.measure.path_costs import PathCosts, ProvisionedCosts
from streams.engine.measure.step import OpenStep, Step, StepRun
from streams.engine.rollup.blocks.counts import Sums, add_rows, group

_SCOPES: Final = 2


class ValueRows:
    """Series of values by number, and the series that each value is added to."""

    def __init__(self, fan_out: FanOut) -> None:
        self.series: list[tuple[int, Measure]] = []  # row of the scope, and measure
        self.order: list[int] = []  # ids as they were added, which determine the numbers
        self._fan_out = fan_out
        self._added = np.zeros(0, np.bool_)
        self._number: dict[tuple[int, Measure], int] = {}
        self._places = np.zeros((0, _SCOPES), np.int64)  # series counted from 1; 0 for another shard
        self._returned = 0  # how often what was folded had got rows when the places were set

    def add(self, names: Sequence[Value], ids: Ints) -> None:
        """Add the values of a step, by id; known ones stay as they are."""
        more = len(names) - len(self._places)
        if more > 0:
            self._places = np.pad(self._places, ((0, more), (0, 0)))
            self._added = np.pad(self._added, (0, more))
        if self._returned != len(self._fan_out.returned):
            self._returned = len(self._fan_out.returned)
            for at in self.order:
                self._set_places(at, names[at])
        fresh = ids[~self._added[ids]]
        for at in np.unique(fresh).tolist():  # sorted, because a snapshot in between may have sorted them
            self._set_places(at, names[at])
            self.order.append(at)
        self._added[fresh] = True

    def _set_places(self, at: int, value: Value) -> None:
        for kind, scope in enumerate(scopes_of(value)):
            row = self._fan_out.row_of(scope)
            if row is None:
                continue
            series = row, value_of(value.key)
            number = self._number.setdefault(series, len(self.series))
            if number == len(self.series):
                self.series.append(series)
            self._places[at, kind] = number + 1

    def numbers(self) -> list[tuple[int, str]]:
        """Return the series for ``restore``."""
        return [(row, str(measure)) for row, measure in self.series]

    def restore(self, names: Sequence[Value], order: Ints, numbers: Sequence[tuple[int, str]]) -> None:
        """Restore the series and places, where there are none and the rows are there.

        Versions before 0.3 kept the order of the values alone.
        """
        self.series = [(row, Measure(measure)) for row, measure in numbers]
        self._number = {series: number for number, series in enumerate(self.series)}
        self._returned = len(self._fan_out.returned)
        self.add(names, order)

    def has(self, ids: Ints) -> bool:
        """Return whether all of these values were added."""
        known = self._added
        return not len(ids) or (int(ids.max()) < len(known) and bool(known[ids].all()))

    def amounts(self, ids: Ints, sums: Floats) -> Floats:
        """Add (k, COLUMNS) sums of values up to (series,) amounts. Ids may repeat."""
        if not len(ids):
            return np.zeros(len(self.series))
        places = self._places[ids].ravel()
        wanted = np.flatnonzero(places)
        added = add_rows(places[wanted] - 1, sums.reshape(-1, COLUMNS)[wanted // _SCOPES], len(self.series))
        whole: Floats = added.sum(axis=1)
        return whole


log = structlog.get_logger("uneri.steps")

MOST_STEPS: Final = 64
"""Steps that are fanned out at once."""

MOST_ROWS: Final = 1 << 15
"""Scopes and edges, times steps, that are fanned out at once: three megabytes."""

_NOTHING: Final[Latency] = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


class _Amounts(NamedTuple):
    """The amounts of k paths and calls in some steps, in order of the steps."""

    ids: Ints
    step: Ints  # 0 for the first
    sums: Floats  # (k, len(SUMMED))
    costs: Floats  # (k, COST_PARTS)
    folded: int  # names that were, before these came


class StepFanning:
    """Makes steps of what was counted."""

    def __init__(
        self,
        names: Sequence[Path | Call],
        values: Mapping[Value, int],
        fan_out: FanOut,
        value_rows: ValueRows,
        costs: tuple[PathCosts, ProvisionedCosts],
    ) -> None:
        self._names = names  # of paths and calls by id, which grow
        self._values = values  # ids of business values, which grow
        self._fan_out = fan_out
        self._value_rows = value_rows
        self._path_costs, self._provisioned = costs

    def runs(self, closed: Sequence[OpenStep]) -> Iterator[StepRun]:
        """Yield the steps, in order; names get their rows only when their step comes."""
        run: list[OpenStep] = []
        for step in closed:
            known = self._is_known(step)
            if run and not (known and self._goes_with(run, step)):
                yield from self._finished(run)
                run = []
            run.append(step)
            if step.late or not known:
                yield from self._finished(run)
                run = []
        yield from self._finished(run)

    def _is_known(self, step: OpenStep) -> bool:
        if not step.has_counts:
            return True
        ids, _ = step.counts.sums.listed()
        values, _ = step.values.listed()
        known = bool(self._fan_out.has(ids).all()) and self._value_rows.has(values)
        return known and not self._fan_out.waits(ids)

    def _goes_with(self, run: Sequence[OpenStep], step: OpenStep) -> bool:
        most = min(MOST_STEPS, MOST_ROWS // max(len(self._fan_out.scopes), 1))
        return len(run) < most and self._path_costs.era(step.start) == self._path_costs.era(run[0].start)

    def _finished(self, run: Sequence[OpenStep]) -> Iterator[StepRun]:
        if not run:
            return
        amounts = self._amounts(run)
        priced = np.flatnonzero(amounts.costs.any(axis=1))
        if new := self._fan_out.first_new_costs(amounts.ids[priced], amounts.step[priced]):
            yield from self._finished(run[:new])
            yield from self._finished(run[new:])
            return
        made = self._fanned_out(run, amounts)
        for closed, step in zip(run, made.steps, strict=True):
            step.costs += self._provisioned.at(closed.start, self._fan_out.scopes)
            step.between, step.completeness = closed.between, closed.completeness
        if not run[-1].late:
            yield made
            return
        *others, last = made.steps
        if others:
            yield StepRun(others, made.sums[:-1], made.costs[:-1])
        for late in run[-1].late:
            last.late += self._fanned_out([late], self._amounts([late], late=True)).steps
        yield StepRun([last], made.sums[-1:], made.costs[-1:])

    def _amounts(self, run: Sequence[OpenStep], *, late: bool = False) -> _Amounts:
        """Return the amounts of paths and calls in each step; those of the first get rows."""
        folded = self._fan_out.folded
        first = run[0]
        if first.has_counts:
            ids, sums = first.counts.sums.listed()
            # of this step alone: what is known of later steps depends on how far each source was read
            self._fan_out.add(self._names, ids, sums[:, COLUMN[Measure.REQUESTS]], late=late)
            self._value_rows.add(list(self._values), first.values.listed()[0])
        opened = [(at, step) for at, step in enumerate(run) if step.has_counts]
        ids, step, sums = self._merged([(at, step.counts.sums) for at, step in opened], len(SUMMED))
        billed_ids, of, billed = self._merged([(at, step.billed) for at, step in opened], COLUMNS)
        gb_seconds = np.zeros(len(ids))
        gb_seconds[np.searchsorted(self._key(ids, step), self._key(billed_ids, of))] = billed.sum(axis=1)
        costs = self._path_costs.of(first.start, self._names, ids, sums, gb_seconds)
        return _Amounts(ids, step, sums, costs, folded)

    def _merged(self, pieces: Sequence[tuple[int, Sums]], columns: int) -> tuple[Ints, Ints, Floats]:
        """Return the distinct ids of each step, ascending, the step of each, and their sums."""
        listed = [(at, *sums.listed()) for at, sums in pieces]
        if not listed:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, columns))
        keys, place = group(
            np.concatenate([self._key(ids, at) for at, ids, _ in listed]), self._key(0, listed[-1][0] + 1)
        )
        step, ids = np.divmod(keys, self._key(0, 1))
        return ids, step, add_rows(place, np.concatenate([sums for *_, sums in listed]), len(keys))

    def _key(self, ids: Any, step: Any) -> Any:
        return ids + step * (len(self._names) + 1)

    def _fanned_out(self, run: Sequence[OpenStep], amounts: _Amounts) -> StepRun:
        ids, at, sums, costs, folded = amounts
        priced = np.flatnonzero(costs.any(axis=1))
        self._fan_out.add_costs(self._names, ids[priced])
        if self._fan_out.folded and not folded:
            log.warning(
                "too many series: new names that are used least are now counted as 'other' until they come "
                "back and find room; raise rollup.max_series, or send fewer distinct names",
                shard=self._fan_out.shard,
                series=self._fan_out.series,
            )
        of_scopes = self._fan_out.sums_of(ids, sums, at, len(run))
        of_costs = self._fan_out.costs(ids[priced], costs[priced], at[priced], len(run))
        times = self._fan_out.times_of(*_times(run))
        steps = [
            self._step(step, *parts) for step, *parts in zip(run, of_scopes, of_costs, times, strict=True)
        ]
        return StepRun(steps, of_scopes, of_costs)

    def _step(self, counted: OpenStep, sums: Floats, costs: Floats, times: Times) -> Step:
        if not counted.has_counts:
            nothing = dict.fromkeys(LATENCIES, _NOTHING)
            return Step(counted.start, sums, np.zeros(len(self._value_rows.series)), costs, nothing)
        latency, part_times = times
        return Step(
            counted.start,
            sums,
            self._value_rows.amounts(*counted.values.listed()),
            costs,
            latency,
            counted.records,
            self._fan_out.tags(counted.counts.tags),
            part_times,
            levels=kept_levels(counted.levels),
            changes=in_order(counted.changes),  # the interleaving of the sources changes nothing
            examples=counted.examples,
        )


def _times(run: Sequence[OpenStep]) -> tuple[Ints, Floats, list[int]]:
    """Return the cells of all steps, their counts, and where those of each step end."""
    cells, counts = zip(*(step.counts.latency.listed() for step in run), strict=True)
    return np.concatenate(cells), np.concatenate(counts), list(accumulate(map(len, cells)))
