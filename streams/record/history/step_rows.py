"""Records of judged steps become rows of the history."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bytes, Float32s, Ints, Places
from detectors.model.measures import LATENCIES, Measure
from detectors.state.state import StateError
from streams.engine.detect.step_record import (
    VERDICTS,
    Correction,
    StepRecord,
    decode_names,
    decode_step,
    head_of,
)
from streams.record.history.history_rows import AMOUNTS, HistoryRows, bare, joined
from streams.record.history.segments import HOUR
from streams.record.history.series_names import SeriesKey, SeriesNames, key_of

P50: Final = "_p50"
P99: Final = "_p99"
"""Suffixes of the measure of a latency, which is a p95, for other quantiles of the same calls."""

_Column = TypeVar("_Column", np.float32, np.uint8)

_ODD: Final = (msgspec.MsgspecError, LookupError, ValueError)
"""Errors of steps that are damaged (``StateError`` is a ``ValueError``), or that another program wrote."""


class UnnamedSeriesError(StateError):
    """A record refers to series that no record before it has named."""


class _Ids(NamedTuple):
    """The numbers of the series that records of one shard refer to."""

    keys: list[SeriesKey]
    series: Ints
    p50: Ints  # of the latencies among them
    p99: Ints
    edges: Ints
    ordered: Ints  # all of these, sorted
    places: Sequence[Places]  # of series, p50, p99 and edges among them


class StepRows:
    """Makes rows of records, and adds the names of their series to ``names``."""

    def __init__(self, names: SeriesNames) -> None:
        self.names = names
        self._newest: dict[int, _Ids] = {}  # by shard
        self._named: dict[int, tuple[bytes, _Ids]] = {}  # by shard: mostly the same names in every hour

    def rows(self, records: Iterable[StepRecord]) -> HistoryRows:
        """Return the rows of records, which are in order for each shard.

        Raises
        ------
        UnnamedSeriesError
            When the records do not begin with one that names all series.
        """
        return joined([self._rows_of_run(run) for run in _runs_by_shard(records)])

    def rows_of_hour(self, bodies: Sequence[bytes]) -> HistoryRows:
        """Return the rows of the steps of an hour.

        Raises
        ------
        detectors.state.state.StateError
            When they are damaged or odd.
        """
        try:
            return self.rows(map(decode_step, bodies))
        except StateError:
            raise
        except _ODD as error:
            raise StateError(f"its steps are damaged ({error})") from error

    def read_hours(self, bodies: Iterable[bytes]) -> Iterator[tuple[list[bytes], list[StepRecord]]]:
        """Yield the steps of each hour of a shard, in order, and learn the names of their series.

        An hour names them all: one with a damaged step is left out, and the others are read.
        """
        of_hours: dict[tuple[int, int], list[bytes]] = {}
        for body in bodies:
            head = head_of(body)
            of_hours.setdefault((head.start // HOUR, head.shard), []).append(body)
        for (_, shard), hour in sorted(of_hours.items(), key=lambda item: item[0]):
            try:
                steps = [decode_step(body) for body in hour]
                ids = [self._ids(run) for run in _runs(steps)]
            except _ODD:
                continue
            self._newest[shard] = ids[-1]
            yield hour, steps

    def ids_of(self, shard: int) -> list[int]:
        """Return the numbers of the series of scopes that the newest record of a shard refers to."""
        ids = self._newest.get(shard)
        return [] if ids is None else ids.series.tolist()

    def _rows_of_run(self, run: Sequence[StepRecord]) -> HistoryRows:
        ids = self._newest[run[0].shard] = self._ids(run)
        late = [(record.seconds, correction) for record in run for correction in record.late]
        return joined(
            [
                _measured(run, ids),
                self._of_reasons(run, ids.keys),
                *(_corrected(seconds, correction, ids) for seconds, correction in late),
            ]
        )

    def _ids(self, run: Sequence[StepRecord]) -> _Ids:
        first, *others = run
        known = self._named.get(first.shard)
        if known is None or known[0] != first.names:
            known = first.names, self._added(None, first.names)
            self._named[first.shard] = known
        ids = known[1]
        for record in others:
            if record.names:
                ids = self._added(ids, record.names)
        return ids

    def _added(self, before: _Ids | None, names: bytes) -> _Ids:
        series, edges = decode_names(names)
        keys = [key_of(named) for named in series]
        latencies = [key for key, named in zip(keys, series, strict=True) if named.measure in LATENCIES]
        add = self.names.add
        p50, p99 = (
            np.array(add(key._replace(measure=key.measure + suffix) for key in latencies), np.int64)
            for suffix in (P50, P99)
        )
        fresh = (
            np.array(add(keys), np.int64),
            p50,
            p99,
            np.array(add(key_of(edge) for edge in edges), np.int64),
        )
        if before is None:
            return _sorted(keys, *fresh)
        known = before.series, before.p50, before.p99, before.edges
        return _sorted(before.keys + keys, *(np.concatenate(both) for both in zip(known, fresh, strict=True)))

    def _of_reasons(self, run: Sequence[StepRecord], keys: Sequence[SeriesKey]) -> HistoryRows:
        """Return the throttles by reason, as the measure ``throttles:reason``."""
        reasons = [(record, *reason) for record in run for reason in record.reasons]
        ids = self.names.add(
            keys[row]._replace(measure=f"{Measure.THROTTLES}:{reason}") for _, row, reason, _ in reasons
        )
        return bare(
            np.array(ids, np.int64),
            np.array([record.start for record, *_ in reasons], np.int64),
            np.array([record.seconds for record, *_ in reasons], np.int32),
            np.array([count for *_, count in reasons], np.float32),
        )


def _runs_by_shard(records: Iterable[StepRecord]) -> list[list[StepRecord]]:
    by_shard: dict[int, list[StepRecord]] = {}
    for record in records:
        by_shard.setdefault(record.shard, []).append(record)
    return [run for of_shard in by_shard.values() for run in _runs(of_shard)]


def _runs(records: Sequence[StepRecord]) -> list[list[StepRecord]]:
    """Divide records so that each list names its series once, in its first record and in later ones."""
    runs: list[list[StepRecord]] = []
    named: tuple[int, int] | None = None
    for record in records:
        count = len(record.observed)
        if record.first == (0, 0):
            runs.append([])
        elif named is None or named[0] > count or (record.first[0] != named[0]):
            raise UnnamedSeriesError(
                f"the step of {record.start} names its series from number {record.first[0]} on, and "
                f"{named[0] if named else 'none'} are known"
            )
        runs[-1].append(record)
        named = count, record.first[1]
    return runs


def _sorted(keys: list[SeriesKey], series: Ints, p50: Ints, p99: Ints, edges: Ints) -> _Ids:
    parts = series, p50, p99, edges
    numbers = np.concatenate(parts)
    order = np.argsort(numbers)
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    return _Ids(keys, *parts, numbers[order], np.split(place, np.cumsum([len(part) for part in parts[:-1]])))


def _measured(run: Sequence[StepRecord], ids: _Ids) -> HistoryRows:
    """Return observations and expectations, laid out in the order of the rows: no need to sort them."""
    of_series, of_p50, of_p99, of_edges = ids.places
    observed = np.full((len(ids.ordered), len(run)), np.nan, np.float32)
    expected, lower, upper = (np.full((len(ids.series), len(run)), np.nan, np.float32) for _ in AMOUNTS[1:])
    verdict = np.zeros(expected.shape, np.uint8)
    for step, record in enumerate(run):
        observed[of_p50[: len(record.p50)], step] = record.p50
        observed[of_p99[: len(record.p99)], step] = record.p99
        observed[of_edges[record.edge_rows], step] = record.edge_values
        if record.completeness > 0:  # else nothing is known of scopes
            count = len(record.observed)
            observed[of_series[:count], step], expected[:count, step] = record.observed, record.expected
            lower[:count, step], upper[:count, step] = record.lower, record.upper
            verdict[:count, step] = _translated(record)[record.verdict]
    there = ~np.isnan(observed)
    there[of_series] |= ~np.isnan(expected)
    row, which = np.nonzero(there)
    judged = np.full(len(ids.ordered), -1, np.intp)
    judged[of_series] = np.arange(len(ids.series))
    of_scopes = np.flatnonzero(judged[row] >= 0)
    source = judged[row[of_scopes]], which[of_scopes]
    start = np.array([record.start for record in run], np.int64)
    seconds = np.array([record.seconds for record in run], np.int32)
    return HistoryRows(
        ids.ordered[row],
        start[which],
        seconds[which],
        observed[there],
        _spread(expected[source], of_scopes, len(row)),
        _spread(lower[source], of_scopes, len(row)),
        _spread(upper[source], of_scopes, len(row)),
        _spread(verdict[source], of_scopes, len(row)),
    )


def _spread(values: NDArray[_Column], places: Places, count: int) -> NDArray[_Column]:
    """Return ``values`` at their places among ``count``; the others are NaN or 0."""
    column = np.full(count, np.nan if values.dtype == np.float32 else 0, values.dtype)
    column[places] = values
    return column


def _translated(record: StepRecord) -> Bytes:
    """Return the places in ``VERDICTS`` of the record's verdicts; 0 for an unknown one."""
    return np.array(
        [VERDICTS.index(verdict) if verdict in VERDICTS else 0 for verdict in record.verdicts], np.uint8
    )


def _corrected(seconds: int, late: Correction, ids: _Ids) -> HistoryRows:
    series = np.concatenate((ids.series[late.rows], ids.edges[late.edge_rows]))
    values: Float32s = np.concatenate((late.values, late.edge_values))
    count = len(series)
    return bare(series, np.full(count, late.start, np.int64), np.full(count, seconds, np.int32), values)
