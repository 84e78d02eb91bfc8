"""The requests of a source partition whose other records may still come, by their keys.

Most have one record and get no other. Of these nothing is made but an entry for each key: the columns of
their run are kept, and a request is made of them if another record comes.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.state.state import pack, unpack
from streams.decode.columns import Columns
from streams.decode.paths import Call, Path

WAIT_SECONDS: Final = 900
"""Event time for which records of a request find each other: a function that was frozen reports its last
spans with its next request.
"""

MOST: Final = 50_000
"""Requests of one source partition that are remembered; beyond it the oldest is forgotten."""

ALONE: Final = "alone"
CROWDED: Final = "crowded"

_NO_KEY: Final = 0
_PER_PART: Final = 60  # seconds of event time in one part of a snapshot
_VERSION: Final = 1
_OF_RECORD: Final = ("ts", "weight", "error", "cold", "throttled", "busy", "gb_seconds")
_OF_CALL: Final = ("call_weight", "call_kind", "call_rcu", "call_wcu", "call_throttled")

Ints = NDArray[np.int64]
Keys = tuple[int, ...]
Names = tuple[tuple[str, ...] | None, tuple[str, ...] | None, tuple[str, ...] | None]
"""Route, function and client of a request; None for what nobody has named yet."""


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


class JoinedRequest(msgspec.Struct, array_like=True, gc=False):
    """A request and the records of it that have come."""

    keys: Keys
    since: float  # stamp of its first record
    names: Names
    parts: tuple[RecordPart, ...]
    more: int = 0  # records of it beyond the first


NOBODY: Final[Names] = (None, None, None)


def names_of(path: Path) -> Names:
    """Return what a path names."""
    client = path.client, path.version, path.tenant
    return (
        (path.route,) if path.route else None,
        (path.function,) if path.function else None,
        client if any(client) else None,
    )


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
        ends = np.concatenate(([0], np.cumsum(last - first)))
        places = np.repeat(first - ends[:-1], last - first) + np.arange(ends[-1])
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
        calls = [CallPart(*[amounts[each] for amounts in lists.call_amounts]) for each in lists.calls[at]]
        return RecordPart(path, ts, weight, error, cold, throttled, busy, tuple(calls), gb_seconds)

    def _listed(self) -> _Lists:
        call, *amounts = (array.tolist() for array in self.call_amounts)
        tables = [self.names[number].table for number in call]
        ends = self.ends.tolist()
        return _Lists(
            [array.tolist() for array in self.amounts], list(map(range, ends, ends[1:])), [tables, *amounts]
        )


class _Alone(NamedTuple):
    """Requests with one record each, of one run."""

    run: PartsOfRun
    before: int  # the number of a request less its place in the run


class WaitingRequests:
    """Requests in the order of their first records, and by their keys.

    Parameters
    ----------
    paths
        Names by id.
    """

    def __init__(self, paths: Callable[[], Sequence[Path]]) -> None:
        self._paths = paths
        self._forget_all()

    def _forget_all(self) -> None:
        self._requests: dict[int, JoinedRequest | _Alone] = {}  # by number, ascending
        self._oldest = self._next = 0  # numbers
        self._of: dict[int, int] = {}  # key -> number of its request
        self._due = math.inf  # watermark beyond which the oldest is forgotten
        self.unjoined = Counter[str]()  # records that count only a part and found no other, by reason

    def strange(self, joins: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return which records have keys that no request has and no other record of the run.

        Parameters
        ----------
        joins
            (k, JOINS) keys of the records of a run.
        """
        _, place, often = np.unique(joins, return_inverse=True, return_counts=True)
        flat = joins.ravel().tolist()
        known = np.fromiter(map(self._of.__contains__, flat), np.bool_, len(flat)).reshape(joins.shape)
        known |= (often[place].reshape(joins.shape) > 1) & (joins != _NO_KEY)
        found: NDArray[np.bool_] = np.logical_not(known.any(axis=1))
        return found

    def keep(self, run: PartsOfRun, begin: int, end: int) -> None:
        """Add a request for each of the records from ``begin`` to ``end``, whose keys are strange."""
        numbers = range(self._next, self._next + end - begin)
        self._requests.update(dict.fromkeys(numbers, _Alone(run, self._next - begin)))
        self._next = numbers.stop
        self._of.update(zip(run.first_keys[begin:end], numbers, strict=True))
        self._of.update(zip(run.second_keys[begin:end], numbers, strict=True))
        self._of.pop(_NO_KEY, None)
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
                request.keys += other.keys
                request.more += other.more + 1
                self._of.update(dict.fromkeys(other.keys, number))
                self._set_due()
        else:
            number, self._next = self._next, self._next + 1
            request = self._requests[number] = JoinedRequest(keys, since, NOBODY, ())
            self._make_room()
        for key in keys:
            if key not in request.keys:
                request.keys = *request.keys, key
            self._of[key] = number
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
        for _ in range(len(self._requests) - MOST):
            self._forget_oldest(CROWDED)
        self._set_due()

    def _forget_oldest(self, reason: str) -> None:
        while (found := self._requests.pop(self._oldest, None)) is None:  # that it has is another's
            self._oldest += 1
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
        """Return the requests in parts, which change little once their minute is over."""
        by_minute: dict[int, list[JoinedRequest]] = {}
        for number in self._requests:
            request = self._made(number)
            by_minute.setdefault(int(request.since // _PER_PART), []).append(request)
        parts = {
            f"joins/{minute}": pack("joins", _VERSION, requests, {}) for minute, requests in by_minute.items()
        }
        order = [self._made(number).keys[0] for number in self._requests]
        if order or self.unjoined:
            parts["joins"] = pack("joining", _VERSION, (dict(sorted(self.unjoined.items())), order), {})
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot."""
        self._forget_all()
        if "joins" not in parts:
            return
        (counts, order), _ = unpack(parts["joins"], "joining", _VERSION, tuple[dict[str, int], list[int]])
        self.unjoined.update(counts)
        found: dict[int, JoinedRequest] = {}
        for name, part in parts.items():
            if name.startswith("joins/"):
                requests, _ = unpack(part, "joins", _VERSION, list[JoinedRequest])
                found |= {request.keys[0]: request for request in requests}
        for self._next, first in enumerate(order, 1):
            self._requests[self._next - 1] = found[first]
            self._of |= dict.fromkeys(found[first].keys, self._next - 1)
        self._set_due()
