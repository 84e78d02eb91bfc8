"""What waits of records whose request may have more of them: what an edge into one of their scopes counts.

A run of records is kept as the columns that it came in, and so are, in a snapshot, those of many runs: tens
of thousands wait where spans come alone, and making objects of them all takes longer than everything else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Ints
from detectors.state.state import pack, unpack
from streams.engine.decode.columns import Columns
from streams.engine.decode.paths import Call, Path
from streams.engine.rollup.blocks.narrow import narrowed

Keys = tuple[int, ...]

_KIND: Final = "lone"
_VERSION: Final = 1
_OF_RECORD: Final[dict[str, Any]] = {
    "ts": np.float64,
    "weight": np.float64,
    "error": np.int8,
    "cold": np.bool_,
    "throttled": np.bool_,
    "busy": np.float64,
    "gb_seconds": np.float64,
}
_OF_CALL: Final[dict[str, Any]] = {
    "call_weight": np.float64,
    "call_kind": np.int8,
    "call_rcu": np.float64,
    "call_wcu": np.float64,
    "call_throttled": np.bool_,
}


class CallPart(msgspec.Struct, array_like=True, gc=False):
    """A table call of a record."""

    table: str
    weight: float
    kind: int
    rcu: float
    wcu: float
    throttled: bool


class RecordPart(msgspec.Struct, array_like=True, gc=False):
    """What is counted of a record: everything that an edge into one of its scopes has."""

    path: int
    ts: float
    weight: float
    error: int
    cold: bool
    throttled: bool
    busy: float
    calls: tuple[CallPart, ...]
    gb_seconds: float = 0.0


class _Lists(NamedTuple):
    """What records are made of: lists are read much faster than arrays, one by one."""

    amounts: list[list[Any]]  # (k,) each, as in ``RecordPart``
    calls: list[range]  # (k,)
    call_amounts: list[list[Any]]  # (m,) each, as in ``CallPart``


@dataclass(slots=True)
class PartsOfRun:
    """k records of a run, with their m table calls."""

    rows: Ints  # (k,) in the run
    first_keys: list[int]  # (k,)
    second_keys: list[int]  # (k,), 0 without one
    partial: list[bool]  # (k,) whether they count only a part of their requests
    amounts: list[NDArray[Any]]  # (k,) each, as in ``RecordPart``
    ends: Ints  # (k + 1,) where the calls of each begin, and where those of the last end
    places: Ints  # (m,) of the calls in the run
    call_amounts: list[NDArray[Any]]  # (m,) each, the first is the decoder's id of the call
    names: Sequence[Call]  # by the decoder's id
    path: list[int] = field(default_factory=list)  # (k,) once the run is numbered
    lists: _Lists | None = None

    @classmethod
    def of(cls, columns: Columns, rows: Ints, paths: Sequence[Path], calls: Sequence[Call]) -> "PartsOfRun":
        """Take records out of a run with the decoder's ids, by which the names are."""
        first, last = (np.searchsorted(columns.call_event, rows, side) for side in ("left", "right"))
        ends, places = _stretches(first, last)
        return cls(
            rows,
            columns.joins[rows, 0].tolist(),
            columns.joins[rows, 1].tolist(),
            [bool(paths[path].counts) for path in columns.path[rows].tolist()],
            [getattr(columns, name)[rows] for name in _OF_RECORD],
            ends,
            places,
            [getattr(columns, name)[places] for name in ("call", *_OF_CALL)],
            calls,
        )

    def keys(self, at: int) -> Keys:
        """Return the keys of the record at ``at``."""
        first, second = self.first_keys[at], self.second_keys[at]
        return (first, second) if second else (first,)

    def calls(self, at: int) -> Ints:
        """Return the places in the run of the calls of the record at ``at``."""
        return self.places[self.ends[at] : self.ends[at + 1]]

    def part(self, at: int, path: int) -> RecordPart:
        """Return the record at ``at``."""
        lists = self.lists = self.lists or self._listed()
        ts, weight, error, cold, throttled, busy, gb_seconds = (amounts[at] for amounts in lists.amounts)
        calls = [CallPart(*[amounts[call] for amounts in lists.call_amounts]) for call in lists.calls[at]]
        return RecordPart(path, ts, weight, error, cold, throttled, busy, tuple(calls), gb_seconds)

    def _listed(self) -> _Lists:
        call, *amounts = (array.tolist() for array in self.call_amounts)
        tables = [self.names[number].table for number in call]
        ends = self.ends.tolist()
        return _Lists(
            [array.tolist() for array in self.amounts], list(map(range, ends, ends[1:])), [tables, *amounts]
        )

    @classmethod
    def of_parts(cls, keys: Sequence[Keys], parts: Sequence[RecordPart]) -> Self:
        """Return records of which objects were made; ``partial`` is left to whoever knows the paths."""
        calls = [call for part in parts for call in part.calls]
        places: dict[str, int] = {}
        numbers = [places.setdefault(call.table, len(places)) for call in calls]
        return cls(
            np.arange(len(parts)),
            [key[0] for key in keys],
            [key[1] if len(key) > 1 else 0 for key in keys],
            [False] * len(parts),
            [np.array([getattr(part, name) for part in parts], kind) for name, kind in _OF_RECORD.items()],
            np.cumsum([0, *(len(part.calls) for part in parts)]),
            np.arange(len(calls)),
            [
                np.array(numbers, np.int64),
                *(
                    np.array([getattr(call, name.removeprefix("call_")) for call in calls], kind)
                    for name, kind in _OF_CALL.items()
                ),
            ],
            [Call(0, table) for table in places],
            [part.path for part in parts],
        )

    def some(self, at: Sequence[int]) -> Self:
        """Return some of the records."""
        rows = np.array(at, np.int64)
        ends, calls = _stretches(self.ends[rows], self.ends[rows + 1])
        return type(self)(
            self.rows[rows],
            [self.first_keys[each] for each in at],
            [self.second_keys[each] for each in at],
            [self.partial[each] for each in at],
            [amounts[rows] for amounts in self.amounts],
            ends,
            self.places[calls],
            [amounts[calls] for amounts in self.call_amounts],
            self.names,
            [self.path[each] for each in at],
        )


def _stretches(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Return (k + 1,) where each of k stretches begins and the last ends, and the places in them.

    Examples
    --------
    >>> [each.tolist() for each in _stretches(np.array([2, 9]), np.array([4, 10]))]
    [[0, 2, 3], [2, 3, 9]]
    """
    ends = np.concatenate(([0], np.cumsum(last - first)))
    return ends, np.repeat(first - ends[:-1], last - first) + np.arange(ends[-1])


def packed_parts(runs: Sequence[PartsOfRun]) -> bytes:
    """Return the records of some runs, one after the other, as bytes."""
    found = [np.unique(run.call_amounts[0], return_inverse=True) for run in runs]
    named = [
        [run.names[number].table for number in ids.tolist()]
        for run, (ids, _) in zip(runs, found, strict=True)
    ]
    tables = sorted({table for names in named for table in names})
    numbers = {table: number for number, table in enumerate(tables)}
    calls = [
        np.array([numbers[table] for table in names], np.int64)[places]
        for names, (_, places) in zip(named, found, strict=True)
    ]
    columns = {
        "first": np.array([key for run in runs for key in run.first_keys], np.uint64),
        "second": np.array([key for run in runs for key in run.second_keys], np.uint64),
        "path": narrowed(np.array([path for run in runs for path in run.path], np.int64)),
        "calls": narrowed(np.concatenate([np.diff(run.ends) for run in runs])),
        "call": narrowed(np.concatenate(calls)),
    }
    for at, name in enumerate(_OF_RECORD):
        columns[name] = _plain(np.concatenate([run.amounts[at] for run in runs]))
    for at, name in enumerate(_OF_CALL, 1):
        columns[name] = _plain(np.concatenate([run.call_amounts[at] for run in runs]))
    return pack(_KIND, _VERSION, tables, columns)


def unpacked_parts(part: bytes, is_partial: Callable[[int], bool]) -> PartsOfRun:
    """Return the records of a part as one run; ``is_partial`` tells whether those of a path count a part.

    Raises
    ------
    detectors.state.state.StateError
        When the part is damaged or of another version.
    """
    tables, columns = unpack(part, _KIND, _VERSION, list[str])
    path = columns["path"].tolist()
    return PartsOfRun(
        np.arange(len(path)),
        columns["first"].tolist(),
        columns["second"].tolist(),
        list(map(is_partial, path)),
        [columns[name].astype(kind) for name, kind in _OF_RECORD.items()],
        np.concatenate(([0], np.cumsum(columns["calls"].astype(np.int64)))),
        np.arange(len(columns["call"])),
        [columns["call"].astype(np.int64), *(columns[name].astype(kind) for name, kind in _OF_CALL.items())],
        [Call(0, table) for table in tables],
        path,
    )


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    return narrowed(values.astype(np.uint8) if values.dtype == np.bool_ else values)
