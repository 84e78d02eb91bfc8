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

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.scope import CLIENT, FUNCTION, ROUTE
from detectors.state.state import pack, unpack
from streams.decode.cells import LAYERS
from streams.decode.columns import Columns, inserted
from streams.decode.counted import NOTHING, counted, from_only, without
from streams.decode.hashing import hashes_of
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
_VERSION: Final = 1
_NAMES: Final = {ROUTE: ("route",), FUNCTION: ("function",), CLIENT: ("client", "version", "tenant")}


class _Call(msgspec.Struct, array_like=True, gc=False):
    table: str
    weight: float
    kind: int
    rcu: float
    wcu: float
    throttled: bool


class _Part(msgspec.Struct, array_like=True):
    """What is counted of a record: everything that an edge into one of its scopes has."""

    path: int
    ts: float
    weight: float
    error: int
    cold: bool
    throttled: bool
    busy: float
    calls: list[_Call]


class _Request(msgspec.Struct, array_like=True):
    keys: list[int]
    since: float  # stamp of its first record
    names: dict[str, list[str]]  # by kind of scope, as in ``_NAMES``
    parts: list[_Part]
    more: int = 0  # records of it beyond the first


class Joining:
    """Joins the records of one source partition.

    Parameters
    ----------
    names
        Of the rollup.
    """

    def __init__(self, names: RollupNames) -> None:
        self._names = names
        self._requests: dict[int, _Request] = {}  # by its first key, in order of arrival
        self._of: dict[int, int] = {}  # key -> first key of its request
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
        joins = [tag for tag in columns.joins if counts[tag.row]]
        if not joins:
            self._names.number(columns)
            return columns, counts
        rows = [tag.row for tag in joins]
        first, last = (np.searchsorted(columns.call_event, rows, side).tolist() for side in ("left", "right"))
        again: list[tuple[int, _Part, int, list[int]]] = []
        joined: list[tuple[int, int]] = []
        joined_calls: list[tuple[int, int]] = []
        keys = hashes_of(list(chain.from_iterable(_two(tag.text) for tag in joins))).reshape(-1, 2).tolist()
        for tag, pair, begin, end in zip(joins, keys, first, last, strict=True):
            self.purge(int(watermark[tag.row]))
            if not any(pair):
                continue
            own = range(begin, end)
            path, part, found = self._join(columns, tag.row, [key for key in pair if key], own)
            for part_again, at in found:  # names get their ids in the order of the records
                ids = [self._names.joined_call(at, call.table) for call in part_again.calls]
                again.append((tag.row, part_again, at, ids))
            if path is not None:
                joined.append((tag.row, path))
                ids = [self._names.joined_call(path, call.table) for call in part.calls]
                joined_calls += zip(own, ids, strict=True)
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
        here[[tag.row for tag in columns.joins]] = False
        if some := int(np.count_nonzero(here)):
            self.unjoined[WITHOUT_KEY] += some

    def _join(
        self, columns: Columns, row: int, keys: list[int], calls: Iterable[int]
    ) -> tuple[int | None, _Part, list[tuple[_Part, int]]]:
        """Add a record to its request.

        Returns
        -------
        The path that it counts on if others revealed names, the record, and the earlier ones that are to be
        counted once more, each with its path.
        """
        number = self._names.path_of(columns, row)
        path = self._names.paths[number]
        request, again = self._request(keys, float(columns.ts[row]))
        came = path
        if columns.weight[row] > 0:
            names = self._names.paths
            path = left_to_count(path, [names[part.path] for part in request.parts if part.weight > 0])
        if path != came:
            number = self._names.joined_path(path)
        part = self._part(columns, row, number, calls)
        again += _revealed(request, path, self._names.paths)
        _learn(request.names, path)
        filled = _filled(path, request.names)
        if len(request.parts) < MOST_PARTS:
            request.parts.append(part)
        mine = None if filled == came else self._names.joined_path(filled)
        return mine, part, [(each, self._names.joined_path(edges)) for each, edges in again]

    def _request(self, keys: list[int], ts: float) -> tuple[_Request, list[tuple[_Part, Path]]]:
        """Return the request of these keys, and what is counted once more as two turn out to be one."""
        known = dict.fromkeys(self._of[key] for key in keys if key in self._of)
        again: list[tuple[_Part, Path]] = []
        if not known:
            request = self._requests[keys[0]] = _Request([], ts, {}, [])
            self._make_room()
        else:
            first, *others = known
            request = self._requests[first]
            request.more += 1
            for other in others:
                again += self._merge(request, self._requests.pop(other))
        for key in keys:
            if key not in request.keys:
                request.keys.append(key)
            self._of[key] = request.keys[0]
        return request, again

    def _merge(self, request: _Request, other: _Request) -> list[tuple[_Part, Path]]:
        names = self._names.paths
        mine, theirs = dict(request.names), dict(other.names)
        again = [
            (part, path)
            for parts, known, new in ((request.parts, mine, theirs), (other.parts, theirs, mine))
            for part in parts
            if (path := _for_edges(names[part.path], known, new)) is not None
        ]
        request.names = theirs | mine
        request.parts = [*request.parts, *other.parts][:MOST_PARTS]
        request.more += other.more + 1
        for key in other.keys:
            request.keys.append(key)
            self._of[key] = request.keys[0]
        return again

    def _part(self, columns: Columns, row: int, path: int, calls: Iterable[int]) -> _Part:
        names = self._names.decoded_calls
        return _Part(
            path, float(columns.ts[row]), float(columns.weight[row]),
            int(columns.error[row]), bool(columns.cold[row]), bool(columns.throttled[row]),
            float(columns.busy[row]),
            [
                _Call(
                    names[columns.call[at]].table, float(columns.call_weight[at]),
                    int(columns.call_kind[at]), float(columns.call_rcu[at]), float(columns.call_wcu[at]),
                    bool(columns.call_throttled[at]),
                )
                for at in calls
            ],
        )  # fmt: skip

    def _make_room(self) -> None:
        while len(self._requests) > MOST:
            self._forget(next(iter(self._requests)), CROWDED)

    def _forget(self, first: int, reason: str) -> None:
        request = self._requests.pop(first)
        for key in request.keys:
            self._of.pop(key, None)
        names = self._names.paths
        if not request.more and any(names[part.path].counts for part in request.parts):
            self.unjoined[reason] += 1

    def purge(self, watermark: int) -> None:
        """Forget requests whose other records would come too late."""
        while self._requests:
            first, request = next(iter(self._requests.items()))
            if request.since + WAIT_SECONDS >= watermark:
                return
            self._forget(first, ALONE)

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
        self._requests, self._of, self.unjoined = {}, {}, Counter()
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
        path=np.array([path for _, _, path, _ in again], np.int64),
        error=np.array([part.error for part in parts], np.int8),
        cold=np.array([part.cold for part in parts], np.bool_),
        throttled=np.array([part.throttled for part in parts], np.bool_),
        bins=np.full((n, LAYERS), -1, np.int16),
        busy=np.array([part.busy for part in parts]),
        again=np.ones(n, np.bool_),
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


def _two(keys: str) -> tuple[str, str]:
    first, _, second = keys.strip().partition(" ")
    return first, second.strip()


def _names_of(path: Path) -> dict[str, list[str]]:
    """Return what a path names, by kind."""
    return {
        kind: [getattr(path, name) for name in names]
        for kind, names in _NAMES.items()
        if any(getattr(path, name) for name in names)
    }


def _learn(names: dict[str, list[str]], path: Path) -> None:
    for kind, found in _names_of(path).items():
        names.setdefault(kind, found)


def _filled(path: Path, names: Mapping[str, list[str]]) -> Path:
    """Return a path with names that it does not have itself, whose scopes it does not count either."""
    own = _names_of(path)
    lent = [kind for kind in names if kind not in own]
    for kind in lent:
        path = path._replace(**dict(zip(_NAMES[kind], names[kind], strict=True)))
    counts = [kind for kind in lent if kind in counted(path.counts).kinds]
    return path._replace(counts=without(path.counts, counts))


def _for_edges(path: Path, known: Mapping[str, list[str]], new: Mapping[str, list[str]]) -> Path | None:
    """Return the path on which an earlier record counts the edges from new names; None if there are none."""
    own = _names_of(path)
    kinds = [kind for kind in new if kind not in known and kind not in own]
    if not kinds or not counted(path.counts).targets:
        return None
    filled = _filled(path, {**new, **known})
    counts = from_only(filled.counts, kinds)
    return None if counts == NOTHING else filled._replace(counts=counts)


def _revealed(request: _Request, path: Path, names: Sequence[Path]) -> Iterator[tuple[_Part, Path]]:
    """Return the earlier records of a request for which ``path`` reveals a name."""
    new = _names_of(path)
    if new.keys() <= request.names.keys():
        return
    for part in request.parts:
        edges = _for_edges(names[part.path], request.names, new)
        if edges is not None:
            yield part, edges
