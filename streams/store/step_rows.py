"""Records of judged steps become rows of the history."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.measures import LATENCIES, Measure
from detectors.state.state import StateError
from streams.detect.step_record import VERDICTS, Correction, StepRecord, decode_names
from streams.store.history_rows import AMOUNTS, HistoryRows, Singles, bare, merged
from streams.store.series_names import SeriesKey, SeriesNames, key_of

P50: Final = "_p50"
P99: Final = "_p99"
"""What is appended to the measure of a latency, which is a p95, for other quantiles of the same calls."""

Ids = NDArray[np.int64]


class UnnamedSeriesError(StateError):
    """A record refers to series that no record before it has named."""


class _Ids(NamedTuple):
    """The numbers of the series that records of one shard refer to."""

    keys: list[SeriesKey]
    series: Ids
    p50: Ids  # of the latencies among them
    p99: Ids
    edges: Ids


class StepRows:
    """Makes rows of records; knows the series by name.

    Parameters
    ----------
    names
        Receives the names of the series.
    """

    def __init__(self, names: SeriesNames) -> None:
        self.names = names
        self._newest: dict[int, _Ids] = {}  # by shard
        self._named: dict[int, tuple[bytes, _Ids]] = {}  # by shard: mostly the same names, hour after hour

    def rows(self, records: Iterable[StepRecord]) -> HistoryRows:
        """Return the rows of records, which are in order for each shard.

        Raises
        ------
        UnnamedSeriesError
            When the records do not begin with one that names all series.
        """
        parts: list[HistoryRows] = []
        for run in _runs_by_shard(records):
            parts += self._rows_of_run(run)
        return merged(parts)

    def learn(self, records: Iterable[StepRecord]) -> None:
        """Learn the names of series from records, as ``rows`` does."""
        for run in _runs_by_shard(records):
            self._newest[run[0].shard] = self._ids(run)

    def ids_of(self, shard: int) -> list[int]:
        """Return the numbers of the series of scopes that the newest record of a shard refers to."""
        ids = self._newest.get(shard)
        return [] if ids is None else ids.series.tolist()

    def _rows_of_run(self, run: Sequence[StepRecord]) -> list[HistoryRows]:
        ids = self._newest[run[0].shard] = self._ids(run)
        late = [(record.seconds, one) for record in run for one in record.late]
        return [
            _of_scopes(run, ids.series),
            _of_quantile(run, ids.p50, "p50"),
            _of_quantile(run, ids.p99, "p99"),
            _of_edges(run, ids.edges),
            self._of_reasons(run, ids.keys),
            *(_corrected(seconds, one, ids) for seconds, one in late),
        ]

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
        keys = [key_of(one) for one in series]
        latencies = [key for key, one in zip(keys, series, strict=True) if one.measure in LATENCIES]
        add = self.names.add
        p50, p99 = (
            np.array(add(key._replace(measure=key.measure + suffix) for key in latencies), np.int64)
            for suffix in (P50, P99)
        )
        fresh = _Ids(
            keys,
            np.array(add(keys), np.int64),
            p50,
            p99,
            np.array(add(key_of(one) for one in edges), np.int64),
        )
        if before is None:
            return fresh
        return _Ids(
            before.keys + keys,
            np.concatenate((before.series, fresh.series)),
            np.concatenate((before.p50, fresh.p50)),
            np.concatenate((before.p99, fresh.p99)),
            np.concatenate((before.edges, fresh.edges)),
        )

    def _of_reasons(self, run: Sequence[StepRecord], keys: Sequence[SeriesKey]) -> HistoryRows:
        """Return how often each reason was given for throttles: in the measure, ``throttles:reason``."""
        told = [(record, *reason) for record in run for reason in record.reasons]
        ids = self.names.add(
            keys[row]._replace(measure=f"{Measure.THROTTLES}:{reason}") for _, row, reason, _ in told
        )
        return bare(
            np.array(ids, np.int64),
            np.array([record.start for record, *_ in told], np.int64),
            np.array([record.seconds for record, *_ in told], np.int32),
            np.array([count for *_, count in told], np.float32),
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


def _of_scopes(run: Sequence[StepRecord], ids: Ids) -> HistoryRows:
    known = [record for record in run if record.completeness > 0]
    shape = len(ids), len(known)
    observed, expected, lower, upper = (np.full(shape, np.nan, np.float32) for _ in AMOUNTS)
    verdict = np.zeros(shape, np.uint8)
    for step, record in enumerate(known):
        count = len(record.observed)
        observed[:count, step], expected[:count, step] = record.observed, record.expected
        lower[:count, step], upper[:count, step] = record.lower, record.upper
        verdict[:count, step] = _translated(record)[record.verdict]
    there = np.flatnonzero(~(np.isnan(observed) & np.isnan(expected)))
    return HistoryRows(
        *_named(known, ids, there),
        observed.ravel()[there],
        expected.ravel()[there],
        lower.ravel()[there],
        upper.ravel()[there],
        verdict.ravel()[there],
    )


def _translated(record: StepRecord) -> NDArray[np.uint8]:
    """Return the places in ``VERDICTS`` of the record's verdicts; an unknown one is none."""
    return np.array([VERDICTS.index(one) if one in VERDICTS else 0 for one in record.verdicts], np.uint8)


def _named(
    run: Sequence[StepRecord], ids: Ids, places: NDArray[np.intp]
) -> tuple[Ids, NDArray[np.int64], NDArray[np.int32]]:
    """Return series, start and seconds of places in a matrix (series, steps)."""
    if not run:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32)
    row, step = np.divmod(places, len(run))
    start = np.array([record.start for record in run], np.int64)
    return ids[row], start[step], np.array([record.seconds for record in run], np.int32)[step]


def _of_quantile(run: Sequence[StepRecord], ids: Ids, name: str) -> HistoryRows:
    values = np.full((len(ids), len(run)), np.nan, np.float32)
    for step, record in enumerate(run):
        of_record = getattr(record, name)
        values[: len(of_record), step] = of_record
    return _known(run, ids, values)


def _of_edges(run: Sequence[StepRecord], ids: Ids) -> HistoryRows:
    values = np.full((len(ids), len(run)), np.nan, np.float32)
    for step, record in enumerate(run):
        values[record.edge_rows, step] = record.edge_values
    return _known(run, ids, values)


def _known(run: Sequence[StepRecord], ids: Ids, values: Singles) -> HistoryRows:
    there = np.flatnonzero(~np.isnan(values))
    return bare(*_named(run, ids, there), values.ravel()[there])


def _corrected(seconds: int, one: Correction, ids: _Ids) -> HistoryRows:
    series = np.concatenate((ids.series[one.rows], ids.edges[one.edge_rows]))
    values: Singles = np.concatenate((one.values, one.edge_values))
    count = len(series)
    return bare(series, np.full(count, one.start, np.int64), np.full(count, seconds, np.int32), values)
