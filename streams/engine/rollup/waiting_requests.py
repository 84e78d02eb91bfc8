"""The requests of a source partition whose other records may still come, by their keys.

Most have one record and get no other. These are an entry for each key and the columns of their run; an object
is made of them if another record comes. A snapshot, too, has the columns of many runs: tens of thousands wait
where spans come alone, and making objects of them all takes longer than everything else.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Ints, Words
from detectors.state.state import pack, unpack
from streams.engine.decode.columns import Columns
from streams.engine.decode.hashing import JOINS
from streams.engine.decode.paths import Call, Path
from streams.engine.rollup.blocks.packing import narrowed

Keys = tuple[int, ...]

_KIND: Final = "lone"
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
    """The counted parts of a record: everything that an edge into one of its scopes has."""

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
    """The columns of records as lists, which are read much faster than arrays, one by one."""

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
        """Return some records of a run with the decoder's ids."""
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
        """Return the columns of records; ``partial`` is left to the caller, which knows the paths."""
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
            [self.first_keys[row] for row in at],
            [self.second_keys[row] for row in at],
            [self.partial[row] for row in at],
            [amounts[rows] for amounts in self.amounts],
            ends,
            self.places[calls],
            [amounts[calls] for amounts in self.call_amounts],
            self.names,
            [self.path[row] for row in at],
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
    """Return the records of a part as one run; ``is_partial``: whether those of a path count a part.

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


WAIT_SECONDS: Final = 900
"""Event time for which records of a request find each other: a function that was frozen reports its last
spans with its next request.
"""

MOST: Final = 50_000
"""Requests of one source partition that are remembered; beyond it the oldest is forgotten."""

MOST_CALLS: Final = 1_000_000
"""Table calls that these have together; beyond it the oldest request is forgotten, too."""

MOST_KEYS: Final = 128
"""Keys of one request: a chain of records, each with a key of the one before, would take ever longer."""

ALONE: Final = "alone"  # no other record had its key in time
CROWDED: Final = "crowded"  # too many requests waited

_NO_KEY: Final = 0
_PER_PART: Final = 60  # seconds of event time in one part of a snapshot
_VERSION: Final = 1
_LONE: Final = "lone/"  # the parts with requests of one record each
Names = tuple[tuple[str, ...] | None, tuple[str, ...] | None, tuple[str, ...] | None]
"""Route, function and client of a request; None where no record has named it yet."""


class JoinedRequest(msgspec.Struct, array_like=True, gc=False):
    """A request and the records of it that have come."""

    keys: Keys
    since: float  # stamp of its first record
    names: Names
    parts: tuple[RecordPart, ...]
    more: int = 0  # records of it beyond the first

    def count_calls(self) -> int:
        """Return the table calls of its records."""
        return sum(len(part.calls) for part in self.parts)


NOBODY: Final[Names] = (None, None, None)


def names_of(path: Path) -> Names:
    """Return the names of a path."""
    client = path.client, path.version, path.tenant
    return (
        (path.route,) if path.route else None,
        (path.function,) if path.function else None,
        client if any(client) else None,
    )


class _Alone(NamedTuple):
    """Requests with one record each, of one run."""

    run: PartsOfRun
    before: int  # the number of a request less its place in the run


class WaitingRequests:
    """Requests in the order of their first records, and by their keys."""

    def __init__(self, paths: Callable[[], Sequence[Path]]) -> None:
        self._paths = paths
        self._forget_all()

    def _forget_all(self) -> None:
        self._requests: dict[int, JoinedRequest | _Alone] = {}  # by number, ascending
        self._oldest = self._next = 0  # numbers
        self._of: dict[int, int] = {}  # key -> number of its request
        self._calls = 0  # of tables, of all
        self._due = math.inf  # watermark beyond which the oldest is forgotten
        self.unjoined = Counter[str]()  # records that count only a part and found no other, by reason

    def strange(self, joins: Words) -> Bools:
        """Return which records have keys, (k, JOINS), that no request has and no other record of the run."""
        _, place, often = np.unique(joins, return_inverse=True, return_counts=True)
        flat = joins.ravel().tolist()
        known = np.fromiter(map(self._of.__contains__, flat), np.bool_, len(flat)).reshape(joins.shape)
        known |= (often[place].reshape(joins.shape) > 1) & (joins != _NO_KEY)
        found: Bools = np.logical_not(known.any(axis=1))
        return found

    def keep(self, run: PartsOfRun, begin: int, end: int) -> None:
        """Add a request for each of the records from ``begin`` to ``end``, whose keys are strange."""
        numbers = range(self._next, self._next + end - begin)
        self._requests.update(dict.fromkeys(numbers, _Alone(run, self._next - begin)))
        self._next = numbers.stop
        self._of.update(zip(run.first_keys[begin:end], numbers, strict=True))
        self._of.update(zip(run.second_keys[begin:end], numbers, strict=True))
        self._of.pop(_NO_KEY, None)
        self.note_calls(int(run.ends[end] - run.ends[begin]))

    def note_calls(self, more: int) -> None:
        """Count table calls that requests have beyond those that they had, and make room for them."""
        self._calls += more
        self._make_room()

    def find(self, keys: Keys, since: float) -> tuple[JoinedRequest, JoinedRequest | None]:
        """Return the request of these keys, a new one if none has them; and another that turns out to be it.

        Both keys lead to the first from now on.
        """
        numbers = [number for key in keys if (number := self._of.get(key)) is not None]
        other = None
        if numbers:
            number = numbers[0]
            request = self._made(number)
            request.more += 1
            if numbers[-1] != number:
                other = self._made(numbers[-1])
                del self._requests[numbers[-1]]
                for key in other.keys:
                    self._of.pop(key, None)
                request.more += other.more + 1
                keys = *other.keys, *keys
                self._set_due()
        else:
            number, self._next = self._next, self._next + 1
            request = self._requests[number] = JoinedRequest((), since, NOBODY, ())
            self._make_room()
        fresh = dict.fromkeys(key for key in keys if key not in self._of)
        kept = [*fresh][: max(MOST_KEYS - len(request.keys), 0)]
        request.keys = *request.keys, *kept
        self._of |= dict.fromkeys(kept, number)
        return request, other

    def _made(self, number: int) -> JoinedRequest:
        """Return a request as one that records can be added to."""
        found = self._requests[number]
        if isinstance(found, _Alone):
            at = number - found.before
            part = found.run.part(at, found.run.path[at])
            names = names_of(self._paths()[part.path])
            found = self._requests[number] = JoinedRequest(found.run.keys(at), part.ts, names, (part,))
        return found

    def _make_room(self) -> None:
        while self._requests and (len(self._requests) > MOST or self._calls > MOST_CALLS):
            self._forget_oldest(CROWDED)
        self._set_due()

    def _forget_oldest(self, reason: str) -> None:
        while (found := self._requests.pop(self._oldest, None)) is None:  # that it has is another's
            self._oldest += 1
        self._calls -= self._calls_of(self._oldest, found)
        if isinstance(found, _Alone):
            at = self._oldest - found.before
            keys, partial = found.run.keys(at), found.run.partial[at]
        else:
            names = self._paths()
            keys = found.keys
            partial = not found.more and any(names[part.path].counts for part in found.parts)
        self._oldest += 1
        for key in keys:
            self._of.pop(key, None)
        if partial:
            self.unjoined[reason] += 1

    def _calls_of(self, number: int, request: "JoinedRequest | _Alone") -> int:
        if isinstance(request, _Alone):
            return len(request.run.calls(number - request.before))
        return request.count_calls()

    def _set_due(self) -> None:
        while self._oldest < self._next and self._oldest not in self._requests:
            self._oldest += 1
        oldest = self._requests.get(self._oldest)
        if isinstance(oldest, _Alone):
            self._due = float(oldest.run.amounts[0][self._oldest - oldest.before]) + WAIT_SECONDS
        else:
            self._due = math.inf if oldest is None else oldest.since + WAIT_SECONDS

    def purge(self, watermark: int) -> None:
        """Forget requests whose other records would come too late."""
        while watermark > self._due:
            self._forget_oldest(ALONE)
            self._set_due()

    def snapshot(self) -> dict[str, bytes]:
        """Return the requests in parts, which change little once their minute is over.

        Those with one record are columns, whether an object was made of them or not.
        """
        by_minute: dict[int, list[JoinedRequest]] = {}
        lone: dict[int, list[_Alone]] = {}  # ``before`` is the place in the run here
        order = []
        for number, found in self._requests.items():
            if isinstance(found, _Alone):
                at = number - found.before
                order.append(found.run.first_keys[at])
                minute = int(found.run.amounts[0][at] // _PER_PART)
                lone.setdefault(minute, []).append(_Alone(found.run, at))
                continue
            order.append(found.keys[0])
            if self._is_lone(found):
                run = PartsOfRun.of_parts([found.keys], found.parts)
                lone.setdefault(int(found.since // _PER_PART), []).append(_Alone(run, 0))
            else:
                by_minute.setdefault(int(found.since // _PER_PART), []).append(found)
        parts = {
            f"joins/{minute}": pack("joins", _VERSION, requests, {}) for minute, requests in by_minute.items()
        }
        parts |= {f"{_LONE}{minute}": packed_parts(_runs_of(alone)) for minute, alone in lone.items()}
        if order or self.unjoined:
            parts["joins"] = pack("joining", _VERSION, (dict(sorted(self.unjoined.items())), order), {})
        return parts

    def _is_lone(self, request: JoinedRequest) -> bool:
        if len(request.parts) != 1 or request.more or len(request.keys) > JOINS:
            return False
        return request.names == names_of(self._paths()[request.parts[0].path])

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot."""
        self._forget_all()
        if "joins" not in parts:
            return
        (counts, order), _ = unpack(parts["joins"], "joining", _VERSION, tuple[dict[str, int], list[int]])
        self.unjoined.update(counts)
        paths = self._paths()
        found: dict[int, JoinedRequest | _Alone] = {}
        for name, part in parts.items():
            if name.startswith("joins/"):
                requests, _ = unpack(part, "joins", _VERSION, list[JoinedRequest])
                found |= {request.keys[0]: request for request in requests}
            elif name.startswith(_LONE):
                run = unpacked_parts(part, lambda path: bool(paths[path].counts))
                found |= {key: _Alone(run, at) for at, key in enumerate(run.first_keys)}
        for self._next, first in enumerate(order, 1):
            number, request = self._next - 1, found[first]
            keys = request.run.keys(request.before) if isinstance(request, _Alone) else request.keys
            if isinstance(request, _Alone):
                request = _Alone(request.run, number - request.before)
            self._requests[number] = request
            self._of |= dict.fromkeys(keys, number)
        self._calls = sum(self._calls_of(*item) for item in self._requests.items())
        self._set_due()


def _runs_of(alone: Sequence[_Alone]) -> list[PartsOfRun]:
    """Return the records at some places of runs, those that follow each other in one run together."""
    grouped = groupby(alone, key=lambda lone: id(lone.run))
    several = [list(group) for _, group in grouped]
    return [group[0].run.some([at for _, at in group]) for group in several]
