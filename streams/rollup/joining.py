"""One request that several sources report: the names that each knows, put together for the edges.

An access log knows the route and the client of a request, a report its function, a span the tables that it
called. Each counts its own kinds of scope (``streams.decode.counted``), so nothing is counted twice. What
none of them can count alone are the edges between these: the client's requests to a table. Records of one
request have a key in common (``joins``). A record is counted with all names that are known by then. Where a
later one reveals a name, what earlier records counted is counted once more, for the edges from that name
only. So nothing waits for a request to be complete, and every order of the records gives the same totals,
as long as the sources do not name different functions, routes or clients for one key; the first one named
counts then.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.scope import CLIENT, FUNCTION, ROUTE
from detectors.state.state import pack, unpack
from streams.decode.cells import LAYERS
from streams.decode.columns import Columns, inserted
from streams.decode.counted import NOTHING, counted, from_only, without
from streams.decode.hashing import JOINS
from streams.decode.paths import Path
from streams.rollup.names import RollupNames
from streams.rollup.retold import left_to_count

WAIT_SECONDS: Final = 900
"""Event time for which records of a request find each other: a function that was frozen reports its last
spans with its next request.
"""

MOST: Final = 50_000
"""Requests of one source partition that are remembered; beyond it the oldest is forgotten."""

MOST_PARTS: Final = 64
"""Records of one request that are remembered."""

ALONE: Final = "alone"
CROWDED: Final = "crowded"
WITHOUT_KEY: Final = "without_key"
REASONS: Final = (ALONE, CROWDED, WITHOUT_KEY)
"""Why a record was not joined: no other had its key in time, too many requests waited, or it has none."""

_PER_PART: Final = 60  # seconds of event time in one part of a snapshot
_VERSION: Final = 2
_KINDS: Final = (ROUTE, FUNCTION, CLIENT)
_FIELDS: Final = (("route",), ("function",), ("client", "version", "tenant"))

_Names = tuple[tuple[str, ...] | None, tuple[str, ...] | None, tuple[str, ...] | None]
"""What names a request, as in ``_KINDS`` and ``_FIELDS``; None for what nobody has named yet."""

_NOBODY: Final[_Names] = (None, None, None)

_OF_RECORD: Final = ("ts", "weight", "error", "cold", "throttled", "busy")
_OF_CALL: Final = ("call_weight", "call_kind", "call_rcu", "call_wcu", "call_throttled")

_MOST_STEPS: Final = 20_000
"""Steps that are remembered, so that not every request works its names out anew."""


class _Call(msgspec.Struct, array_like=True, gc=False):
    table: str
    weight: float
    kind: int
    rcu: float
    wcu: float
    throttled: bool


class _Part(msgspec.Struct, array_like=True, gc=False):
    """What is counted of a record: everything that an edge into one of its scopes has."""

    path: int
    ts: float
    weight: float
    error: int
    cold: bool
    throttled: bool
    busy: float
    calls: tuple[_Call, ...]


class _Request(msgspec.Struct, array_like=True, gc=False):
    keys: tuple[int, ...]
    since: float  # stamp of its first record
    names: _Names
    parts: tuple[_Part, ...]
    more: int = 0  # records of it beyond the first


class _Step(NamedTuple):
    """What a record does to a request, which depends on paths alone; all paths are ids of the rollup."""

    path: int  # what the record counts of its own
    names: _Names  # of the request from then on
    filled: int | None  # the path that the record counts on, if others revealed names
    again: list[tuple[int, int]]  # earlier records that count once more: their places, and on which path


class Joining:
    """Joins the records of one source partition.

    Parameters
    ----------
    names
        Of the rollup.
    """

    def __init__(self, names: RollupNames) -> None:
        self._names = names
        self._requests = OrderedDict[int, _Request]()  # by its first key, in order of arrival
        self._of: dict[int, int] = {}  # key -> first key of its request
        self._due = math.inf  # watermark beyond which the first request is forgotten
        self._steps: dict[tuple[_Names, int, bool, tuple[int, ...]], _Step] = {}
        self._partial = np.zeros(0, np.bool_)  # by the decoder's path: it counts a part of a request
        self.unjoined = Counter[str]()
        """Records that count only a part and were not joined, by reason."""

    def feed(
        self, columns: Columns, counts: NDArray[np.bool_], watermark: NDArray[np.int64]
    ) -> tuple[Columns, NDArray[np.bool_]]:
        """Join the records of a run.

        Parameters
        ----------
        columns
            The run, with the decoder's ids.
        counts
            (n,) which of them count: the others are repeats.
        watermark
            (n,) after each record.

        Returns
        -------
        The run with the rollup's ids, and with earlier records inserted once more behind the record that
        revealed a name; and which of these rows count.
        """
        self._count_without_key(columns, counts)
        rows = np.flatnonzero(counts & columns.joins.any(axis=1))
        self._names.begin(columns)
        if not len(rows):
            self._names.number(columns)
            return columns, counts
        again: list[tuple[int, _Part, int, list[int]]] = []
        joined: list[tuple[int, int]] = []
        joined_calls: list[tuple[int, int]] = []
        given = (array[rows].tolist() for array in (columns.joins, watermark))
        parts = self._parts(columns, rows)
        for row, (first, second), now, (calls, part) in zip(rows.tolist(), *given, parts, strict=True):
            if now > self._due:
                self.purge(now)
            part.path = self._names.path_of(columns, row)
            path, found = self._join((first, second) if first and second else (first or second,), part)
            for part_again, at in found:  # names get their ids in the order of the records
                ids = [self._names.joined_call(at, call.table) for call in part_again.calls]
                again.append((row, part_again, at, ids))
            if path is not None:
                joined.append((row, path))
                ids = [self._names.joined_call(path, call.table) for call in part.calls]
                joined_calls += zip(calls, ids, strict=True)
        self._names.number(columns)
        for row, path in joined:
            columns.path[row] = path
        for at, call in joined_calls:
            columns.call[at] = call
        if not again:
            return columns, counts
        behind = np.array([row for row, *_ in again], np.int64)
        extra = _columns(again, columns.newest[behind])
        counts = np.insert(counts, behind + 1, np.ones(len(behind), np.bool_))
        return inserted(columns, extra, behind), counts

    def _count_without_key(self, columns: Columns, counts: NDArray[np.bool_]) -> None:
        fresh = self._names.decoded_paths[len(self._partial) :]
        self._partial = np.append(
            self._partial, np.array([_is_partial(path.counts) for path in fresh], np.bool_)
        )
        here = counts & self._partial[columns.path]
        here &= ~columns.joins.any(axis=1)
        if some := int(np.count_nonzero(here)):
            self.unjoined[WITHOUT_KEY] += some

    def _parts(self, columns: Columns, rows: NDArray[np.int64]) -> Iterator[tuple[range, _Part]]:
        """Yield what is counted of some records, each with the places of its calls; paths are not set yet."""
        begin, end = (np.searchsorted(columns.call_event, rows, side).tolist() for side in ("left", "right"))
        names = self._names.decoded_calls
        calls = tuple(
            map(
                _Call,
                [names[call].table for call in columns.call.tolist()],
                *(getattr(columns, name).tolist() for name in _OF_CALL),
            )
        )
        of_record = (getattr(columns, name)[rows].tolist() for name in _OF_RECORD)
        places = map(range, begin, end)
        for own, ts, weight, error, cold, throttled, busy in zip(places, *of_record, strict=True):
            yield own, _Part(0, ts, weight, error, cold, throttled, busy, calls[own.start : own.stop])

    def _join(self, keys: tuple[int, ...], part: _Part) -> tuple[int | None, list[tuple[_Part, int]]]:
        """Add a record to its request.

        Returns
        -------
        The path that it counts on if others revealed names, and the earlier records that are to be counted
        once more, each with its path.
        """
        request, again = self._request(keys, part.ts)
        step = self._step(request, part)
        again += [(request.parts[place], path) for place, path in step.again]
        part.path, request.names = step.path, step.names
        if len(request.parts) < MOST_PARTS:
            request.parts = *request.parts, part
        return step.filled, again

    def _step(self, request: _Request, part: _Part) -> _Step:
        earlier = tuple([each.path if each.weight > 0 else ~each.path for each in request.parts])
        key = request.names, part.path, part.weight > 0, earlier
        step = self._steps.get(key)
        if step is None:
            folded = self._names.folded
            step = self._work_out(request, part)
            if len(self._steps) >= _MOST_STEPS:
                self._steps.clear()
            if self._names.folded == folded:
                self._steps[key] = step
        return step

    def _work_out(self, request: _Request, part: _Part) -> _Step:
        names = self._names.paths
        path = came = names[part.path]
        if part.weight > 0:
            path = left_to_count(path, [names[each.path] for each in request.parts if each.weight > 0])
        number = part.path if path == came else self._names.joined_path(path)
        filled = _filled(path, request.names)
        mine = None if filled == came else self._names.joined_path(filled)
        known, new = request.names, _names_of(path)
        again = [
            (place, self._names.joined_path(edges))
            for place, each in enumerate(request.parts)
            if (edges := _for_edges(names[each.path], known, new)) is not None
        ]
        return _Step(number, _both(known, new), mine, again)

    def _request(self, keys: tuple[int, ...], ts: float) -> tuple[_Request, list[tuple[_Part, int]]]:
        """Return the request of these keys, and what is counted once more as two turn out to be one."""
        known = [first for key in keys if (first := self._of.get(key)) is not None]
        again: list[tuple[_Part, int]] = []
        if not known:
            request = self._requests[keys[0]] = _Request((), ts, _NOBODY, ())
            self._make_room()
            if len(self._requests) == 1:
                self._set_due()
        else:
            request = self._requests[known[0]]
            request.more += 1
            if known[-1] != known[0]:
                again = self._merge(request, self._requests.pop(known[-1]))
                self._set_due()
        for key in keys:
            if key not in request.keys:
                request.keys = *request.keys, key
            self._of[key] = request.keys[0]
        return request, again

    def _merge(self, request: _Request, other: _Request) -> list[tuple[_Part, int]]:
        names = self._names.paths
        again = [
            (part, self._names.joined_path(path))
            for one, that in ((request, other), (other, request))
            for part in one.parts
            if (path := _for_edges(names[part.path], one.names, that.names)) is not None
        ]
        request.names = _both(request.names, other.names)
        request.parts = (*request.parts, *other.parts)[:MOST_PARTS]
        request.more += other.more + 1
        request.keys += other.keys
        self._of |= dict.fromkeys(other.keys, request.keys[0])
        return again

    def _set_due(self) -> None:
        first = next(iter(self._requests.values()), None)
        self._due = math.inf if first is None else first.since + WAIT_SECONDS

    def _make_room(self) -> None:
        while len(self._requests) > MOST:
            self._forget(next(iter(self._requests)), CROWDED)
            self._set_due()

    def _forget(self, first: int, reason: str) -> None:
        request = self._requests.pop(first)
        for key in request.keys:
            self._of.pop(key, None)
        names = self._names.paths
        if not request.more and any(names[part.path].counts for part in request.parts):
            self.unjoined[reason] += 1

    def purge(self, watermark: int) -> None:
        """Forget requests whose other records would come too late."""
        while watermark > self._due:
            self._forget(next(iter(self._requests)), ALONE)
            self._set_due()

    def snapshot(self) -> dict[str, bytes]:
        """Return the requests in parts, which change little once their minute is over."""
        by_minute: dict[int, list[_Request]] = {}
        for request in self._requests.values():
            by_minute.setdefault(int(request.since // _PER_PART), []).append(request)
        parts = {
            f"joins/{minute}": pack("joins", _VERSION, requests, {}) for minute, requests in by_minute.items()
        }
        order = [request.keys[0] for request in self._requests.values()]
        if order or self.unjoined:
            parts["joins"] = pack("joining", _VERSION, (dict(self.unjoined), order), {})
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot."""
        self._requests, self._of, self._steps, self.unjoined = OrderedDict(), {}, {}, Counter()
        self._due = math.inf
        self._partial = np.zeros(0, np.bool_)
        if "joins" not in parts:
            return
        (counts, order), _ = unpack(parts["joins"], "joining", _VERSION, tuple[dict[str, int], list[int]])
        self.unjoined.update(counts)
        found: dict[int, _Request] = {}
        for name, part in parts.items():
            if name.startswith("joins/"):
                requests, _ = unpack(part, "joins", _VERSION, list[_Request])
                found |= {request.keys[0]: request for request in requests}
        for first in order:
            self._requests[first] = found[first]
            self._of |= dict.fromkeys(found[first].keys, first)
        self._set_due()


def _columns(again: list[tuple[int, _Part, int, list[int]]], newest: NDArray[np.float64]) -> Columns:
    n = len(again)
    parts = [part for _, part, _, _ in again]
    rows = np.repeat(np.arange(n), [len(part.calls) for part in parts])
    calls = [call for part in parts for call in part.calls]
    m = len(calls)
    return Columns(
        ts=np.array([part.ts for part in parts]),
        newest=newest,
        weight=np.array([part.weight for part in parts]),
        key=np.zeros(n, np.uint64),
        joins=np.zeros((n, JOINS), np.uint64),
        path=np.array([path for _, _, path, _ in again], np.int64),
        error=np.array([part.error for part in parts], np.int8),
        cold=np.array([part.cold for part in parts], np.bool_),
        throttled=np.array([part.throttled for part in parts], np.bool_),
        bins=np.full((n, LAYERS), -1, np.int16),
        busy=np.array([part.busy for part in parts]),
        again=np.ones(n, np.bool_),
        record=np.full(n, -1),
        call_event=rows,
        call=np.array([each for *_, ids in again for each in ids], np.int64),
        call_weight=np.array([call.weight for call in calls], np.float64),
        call_bin=np.full(m, -1, np.int16),
        call_rcu=np.array([call.rcu for call in calls], np.float64),
        call_wcu=np.array([call.wcu for call in calls], np.float64),
        call_kind=np.array([call.kind for call in calls], np.int8),
        call_throttled=np.array([call.throttled for call in calls], np.bool_),
        value_event=np.zeros(0, np.int64),
        value_key=np.zeros(0, np.int64),
        value=np.zeros(0),
    )


def _is_partial(counts: str) -> bool:
    return bool(counts and counted(counts).targets)


def _names_of(path: Path) -> _Names:
    """Return what a path names."""
    client = path.client, path.version, path.tenant
    return (
        (path.route,) if path.route else None,
        (path.function,) if path.function else None,
        client if any(client) else None,
    )


def _both(known: _Names, new: _Names) -> _Names:
    route, function, client = (old or found for old, found in zip(known, new, strict=True))
    return route, function, client


def _filled(path: Path, names: _Names) -> Path:
    """Return a path with names that it does not have itself, whose scopes it does not count either."""
    own = _names_of(path)
    lent = [place for place, (had, name) in enumerate(zip(own, names, strict=True)) if name and not had]
    for place in lent:
        path = path._replace(**dict(zip(_FIELDS[place], names[place] or (), strict=True)))
    kinds = counted(path.counts).kinds
    return path._replace(
        counts=without(path.counts, [_KINDS[place] for place in lent if _KINDS[place] in kinds])
    )


def _for_edges(path: Path, known: _Names, new: _Names) -> Path | None:
    """Return the path on which an earlier record counts the edges from new names; None if there are none."""
    every = zip(_KINDS, _names_of(path), known, new, strict=True)
    kinds = [kind for kind, own, old, found in every if found and not old and not own]
    if not kinds or not counted(path.counts).targets:
        return None
    filled = _filled(path, _both(known, new))
    counts = from_only(filled.counts, kinds)
    return None if counts == NOTHING else filled._replace(counts=counts)
