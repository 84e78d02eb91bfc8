"""Makes the record that a judged step leaves for the history."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.judge.judge import Judgement
from detectors.model.array_types import Float32s, Floats, Ints, Places
from detectors.model.measures import LATENCIES, Measure, Series
from detectors.model.scope import ScopeOrEdge
from detectors.state.declared import Held, Stateful, StatePart
from streams.engine.decode.columns import THROTTLE
from streams.engine.detect.step_record import (
    VERDICTS,
    Correction,
    Layer,
    StepRecord,
    encode_names,
    encode_step,
)
from streams.engine.measure.step import LateStep, MeasuredStep

NAMED_EVERY: Final = 3600
"""Seconds of event time after which a record names all series again."""

_BITS: Final = 12
_DROPPED: Final = 23 - _BITS
_HALF: Final = np.uint32(1 << (_DROPPED - 1))
_KEPT: Final = np.uint32(0xFFFFFFFF << _DROPPED & 0xFFFFFFFF)


class _Named(msgspec.Struct, array_like=True):
    hour: int | None
    count: tuple[int, int]


class StepRecorder(Stateful):
    """The series of a shard in the order in which they began, and the records of its steps.

    Without its part, it goes on with all names.
    """

    STATE = (Held(StatePart("recorder", _Named), "_hour", "_named", later=True),)

    def __init__(self, shard: int, seconds: int) -> None:
        self._shard = shard
        self._seconds = seconds
        self._series: list[Series] = []
        self._edges: list[Series] = []
        self._throttles: dict[ScopeOrEdge, int] = {}
        self._latencies = 0
        self._limits: dict[int, float] = {}
        self._named = 0, 0
        self._hour: int | None = None  # of the newest record
        self._all_names: bytes | None = None
        self._records: list[bytes] = []

    def add(self, series: Sequence[Series], edges: Sequence[Series]) -> None:
        """Add series that begin."""
        first = len(self._series)
        self._throttles |= {
            item.about: row for row, item in enumerate(series, first) if item.measure is Measure.THROTTLES
        }
        self._limits |= {row: item.limit for row, item in enumerate(series, first) if item.limit is not None}
        self._all_names = None
        self._series += series
        self._edges += edges
        self._latencies += sum(item.measure in LATENCIES for item in series)

    def limit(self, changed: Mapping[int, Series]) -> None:
        """Replace series whose limits have changed."""
        for row, series in changed.items():
            if series.limit is None:
                self._limits.pop(row, None)
            else:
                self._limits[row] = series.limit

    def feed(
        self,
        step: MeasuredStep,
        observed: Floats,
        judgement: Judgement,
        verdicts: NDArray[np.int8],
        ages: Floats,
    ) -> None:
        """Record a step.

        ``observed`` (series,) are the measured values, also those hidden from the judge; ``verdicts``
        are those that are reported, and ``ages`` the seconds since the first value of each.
        """
        hour = step.start // NAMED_EVERY
        first = self._named if hour == self._hour else (0, 0)
        self._hour, self._named = hour, (len(self._series), len(self._edges))
        names = b""
        if first != self._named:
            names = self._names(first)
        edge_rows = np.flatnonzero(step.of_edges)
        unknown = np.full(self._latencies, np.nan)
        # people see the p95 of the same calls as the p50, also where the judge waits until it is no chance
        p50, p99, p95 = step.quantiles or (unknown, unknown, observed)
        observed = np.where(np.isnan(observed), p95, observed)
        record = StepRecord(
            self._shard,
            step.start,
            self._seconds,
            step.completeness,
            first,
            names,
            observed.astype(np.float32),
            rounded(judgement.expected),
            rounded(judgement.lower),
            rounded(judgement.upper),
            verdicts.astype(np.uint8),
            VERDICTS,
            p50.astype(np.float32),
            p99.astype(np.float32),
            edge_rows.astype(np.uint32),
            step.of_edges[edge_rows].astype(np.float32),
            self._reasons(step),
            [_correction(late) for late in step.late],
            sorted(self._limits.items()),
            [_layer(*layer) for layer in step.layers],
            float(np.fmax.reduce(ages, initial=0.0)),
        )
        self._records.append(encode_step(record))

    def _names(self, first: tuple[int, int]) -> bytes:
        """Return the names from ``first`` on; those of all are mostly the same as an hour before."""
        if first != (0, 0):
            return encode_names(self._series[first[0] :], self._edges[first[1] :])
        if self._all_names is None:
            self._all_names = encode_names(self._series, self._edges)
        return self._all_names

    def name_anew(self) -> None:
        """Name all series with the next record: those before it are of a judge with another order."""
        self._hour = None

    def take_records(self) -> list[bytes]:
        """Return the records since the last call."""
        records, self._records = self._records, []
        return records

    def _reasons(self, step: MeasuredStep) -> list[tuple[int, str, float]]:
        throttles = self._throttles
        return sorted(
            (throttles[step.scopes[row]], text, count)
            for (row, key, text), count in step.tags.items()
            if key == THROTTLE and step.scopes[row] in throttles
        )


def _layer(kind: str, measure: Measure, histogram: Ints) -> Layer:
    bins = np.flatnonzero(histogram)
    return Layer(kind, measure.value, bins.tolist(), histogram[bins].tolist())


def rounded(values: Floats) -> Float32s:
    """Return values with thirteen significant bits, within 0.013 %: an expectation is no better known.

    Examples
    --------
    >>> rounded(np.array([0.0, 1.0, 1234.5678, np.nan])).tolist()
    [0.0, 1.0, 1234.5, nan]
    """
    single = values.astype(np.float32)
    bits = single.view(np.uint32)
    bits += _HALF  # what is not a number stays none
    bits &= _KEPT
    return single


def _correction(late: LateStep) -> Correction:
    rows, edge_rows = (_that_arrived(values) for values in (late.values, late.of_edges))
    return Correction(
        late.start,
        rows.astype(np.uint32),
        late.values[rows].astype(np.float32),
        edge_rows.astype(np.uint32),
        late.of_edges[edge_rows].astype(np.float32),
    )


def _that_arrived(values: Floats) -> Places:
    found: Places = np.flatnonzero(np.nan_to_num(values) != 0)
    return found
