"""The record of a judged step for the history: one value a series, and the expected one.

Records of one shard follow each other. A record names the series that those before it have not named; the
first of every hour names all of them, so that an hour can be read by itself.

Encoded, a record begins with its shard, its start and its length, for components that only store it.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.judge.kernel.arrays import CODES
from detectors.model.array_types import Bytes, Float32s
from detectors.model.measures import Measure, Series
from detectors.model.scope import Edge, Scope
from detectors.state import zstd
from detectors.state.state import StateError, pack, unpack

Rows = NDArray[np.uint32]

VERDICTS: Final = tuple("" if code is None else str(code) for code in CODES)
"""The verdict of each code of the judge; the first is none."""

KIND: Final = "step"
VERSION: Final = 1
_LEVEL: Final = -1  # of zstd: a level for speed
_HEAD: Final = struct.Struct("<IqI")


class Correction(NamedTuple):
    """Amounts that arrived late for one judged step, to be added."""

    start: int
    rows: Rows  # of series
    values: Float32s
    edge_rows: Rows
    edge_values: Float32s


class Layer(NamedTuple):
    """The calls of all scopes of one kind in one step, by how long a layer took.

    Histograms of shards and of steps are added up, and then have quantiles.
    """

    kind: str  # of the scopes
    measure: str
    bins: list[int]  # of ``detectors.latency.histogram``
    counts: list[int]


class StepRecord(NamedTuple):
    """One judged step of one shard. Amounts are sums over the step, latencies milliseconds."""

    shard: int
    start: int  # epoch seconds
    seconds: int  # of a step
    completeness: float  # share of the sources with data; 0: nothing is known of the step
    first: tuple[int, int]  # how many series, and series of edges, records before this one have named
    names: bytes  # of those that this one names: of ``encode_names``
    observed: Float32s  # (series,) NaN where there is none
    expected: Float32s  # (series,)
    lower: Float32s
    upper: Float32s
    verdict: Bytes  # (series,) places in ``verdicts``
    verdicts: tuple[str, ...]  # the first is empty: none
    p50: Float32s  # (series that are latencies,) beside ``observed``, which is their p95
    p99: Float32s
    edge_rows: Rows  # of series of edges that are not zero
    edge_values: Float32s
    reasons: list[tuple[int, str, float]]  # series of throttles, reason, how often
    late: list[Correction]
    limits: Sequence[tuple[int, float]] = ()  # series and their limits in force, per second
    layers: Sequence[Layer] = ()
    past: float = 0.0  # seconds since the first value of the oldest series, in a learnt history too


class StepHead(NamedTuple):
    """The head of an encoded record."""

    shard: int
    start: int
    seconds: int


class _Meta(msgspec.Struct, array_like=True):
    shard: int
    start: int
    seconds: int
    completeness: float
    first: tuple[int, int]
    names: bytes
    verdicts: tuple[str, ...]
    reasons: list[tuple[int, str, float]]
    late: list[tuple[int, int, int]]  # start, series and series of edges
    limits: list[tuple[int, float]] = []
    layers: list[Layer] = []
    past: float = 0.0


class _Names(msgspec.Struct, array_like=True):
    scopes: list[Scope]  # the series refer to
    series: list[tuple[int, str]]
    edges: list[tuple[int, int, str]]


_ARRAYS: Final = (
    "observed",
    "expected",
    "lower",
    "upper",
    "verdict",
    "p50",
    "p99",
    "edge_rows",
    "edge_values",
)
_LATE: Final = ("rows", "values", "edge_rows", "edge_values")
_COMPRESSOR: Final = zstd.ZstdCompressor(level=_LEVEL)  # a new one for each step takes a tenth longer


def encode_names(series: Sequence[Series], edges: Sequence[Series]) -> bytes:
    """Return the names of series, and of series of edges; ``decode_names`` returns both."""
    scopes: dict[Scope, int] = {}

    def place(scope: Scope) -> int:
        return scopes.setdefault(scope, len(scopes))

    of_series = [(place(item.place), item.measure.value) for item in series]
    of_edges = [
        (place(edge.about.source), place(edge.about.target), edge.measure.value)
        for edge in edges
        if isinstance(edge.about, Edge)
    ]
    return msgspec.msgpack.encode(_Names(list(scopes), of_series, of_edges))


def decode_names(names: bytes) -> tuple[list[Series], list[Series]]:
    """Return the series of scopes, and those of edges; no bytes are the names of none."""
    if not names:  # of a record that was made before the first series
        return [], []
    read = msgspec.msgpack.decode(names, type=_Names)
    scopes = read.scopes
    return (
        [Series(scopes[scope], Measure(measure)) for scope, measure in read.series],
        [
            Series(Edge(scopes[source], scopes[other]), Measure(measure))
            for source, other, measure in read.edges
        ],
    )


def encode_step(record: StepRecord) -> bytes:
    """Return the bytes of a record."""
    meta = _Meta(
        record.shard,
        record.start,
        record.seconds,
        record.completeness,
        record.first,
        record.names,
        record.verdicts,
        record.reasons,
        [(correction.start, len(correction.rows), len(correction.edge_rows)) for correction in record.late],
        list(record.limits),
        list(record.layers),
        record.past,
    )
    arrays: dict[str, NDArray[Any]] = {name: getattr(record, name) for name in _ARRAYS}
    if record.late:
        arrays |= {
            f"late_{name}": np.concatenate([getattr(correction, name) for correction in record.late])
            for name in _LATE
        }
    head = _HEAD.pack(record.shard, record.start, record.seconds)
    return head + _COMPRESSOR.compress(pack(KIND, VERSION, meta, arrays), zstd.ZstdCompressor.FLUSH_FRAME)


def head_of(body: bytes) -> StepHead:
    """Return the head of an encoded record.

    Raises
    ------
    StateError
        When it ends before.
    """
    if len(body) < _HEAD.size:
        raise StateError("a step of the history is damaged: it is cut off")
    return StepHead(*_HEAD.unpack_from(body))


def part_of(body: bytes) -> bytes:
    """Return the part of ``pack`` that a record holds behind its head.

    Raises
    ------
    StateError
        When the bytes are damaged.
    """
    try:
        return zstd.decompress(memoryview(body)[_HEAD.size :])
    except zstd.ZstdError as error:
        raise StateError(f"a step of the history is damaged: {error}") from error


def decode_step(body: bytes) -> StepRecord:
    """Return the record that ``encode_step`` wrote.

    Raises
    ------
    StateError
        When the bytes are damaged or of a later version.
    """
    head = head_of(body)
    meta, arrays = unpack(part_of(body), KIND, VERSION, _Meta)
    if head != (meta.shard, meta.start, meta.seconds):
        raise StateError("a step of the history is damaged: it begins like another one")
    late, at, edge_at = [], 0, 0
    for start, rows, edge_rows in meta.late:
        of_series, of_edges = slice(at, at + rows), slice(edge_at, edge_at + edge_rows)
        late.append(
            Correction(
                start,
                arrays["late_rows"][of_series],
                arrays["late_values"][of_series],
                arrays["late_edge_rows"][of_edges],
                arrays["late_edge_values"][of_edges],
            )
        )
        at, edge_at = of_series.stop, of_edges.stop
    observed, expected, lower, upper, verdict, *others = (arrays[name] for name in _ARRAYS)
    p50, p99, which, values = others
    return StepRecord(
        meta.shard,
        meta.start,
        meta.seconds,
        meta.completeness,
        meta.first,
        meta.names,
        observed,
        expected,
        lower,
        upper,
        verdict,
        meta.verdicts,
        p50,
        p99,
        which,
        values,
        meta.reasons,
        late,
        meta.limits,
        meta.layers,
        meta.past,
    )
