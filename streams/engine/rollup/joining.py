"""One request that several sources report: the names that each knows, combined for the edges.

An access log knows the route and the client of a request, a report its function, a span the tables that it
called. Each counts its own kinds of scope (``counted_kinds``), so nothing is counted twice. None of them can
count the edges between these alone: the client's requests to a table. Records of one request have a key in
common (``joins``). A record is counted with all names that are known by then. Where a later one reveals a
name, earlier records are counted once more, for the edges from that name only. So nothing waits for a request
to be complete, and every order of the records gives the same totals, as long as the sources do not name
different functions, routes or clients for one key; the first one named counts then.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints
from detectors.model.scope import CLIENT, FUNCTION, ROUTE, TABLE
from detectors.state.declared import Owned, Stateful
from streams.engine.decode.cells import LAYERS
from streams.engine.decode.columns import Columns, inserted
from streams.engine.decode.counted_kinds import NOTHING, counted_kinds, from_only, without
from streams.engine.decode.hashing import JOINS
from streams.engine.decode.paths import Path
from streams.engine.decode.touched import PATH_SCOPES, scope_of
from streams.engine.rollup.blocks.names import RollupNames
from streams.engine.rollup.waiting_requests import (
    JoinedRequest,
    Keys,
    Names,
    PartsOfRun,
    RecordPart,
    WaitingRequests,
    names_of,
)

MOST_PARTS: Final = 64
"""Records of one request that are remembered."""

WITHOUT_KEY: Final = "without_key"
"""Why a record was not joined, besides ``ALONE`` and ``CROWDED``."""

_KINDS: Final = (ROUTE, FUNCTION, CLIENT)  # as in ``Names``
_FIELDS: Final = (("route",), ("function",), ("client", "version", "tenant"))

_MOST_STEPS: Final = 20_000
"""Steps that are remembered, so that not every request works its names out anew."""


class _Step(NamedTuple):
    """The effect of a record on a request, which depends on paths alone; all paths are ids of the rollup."""

    path: int  # that the record counts on its own
    names: Names  # of the request from then on
    filled: int | None  # the path that the record counts on, if others revealed names
    again: list[tuple[int, int]]  # earlier records that count once more: their places, and on which path


Again = tuple[int, RecordPart, int, list[int]]
"""Behind which row an earlier record is counted once more, the record, and on which path and calls."""


class _Found(NamedTuple):
    again: list[Again]
    paths: list[tuple[int, int]]  # row, path
    calls: list[tuple[int, int]]  # place, call


class Joining(Stateful):
    """Joins the records of one source partition."""

    STATE = (Owned("_waiting"),)

    def __init__(self, names: RollupNames) -> None:
        self._names = names
        self._waiting = WaitingRequests(lambda: names.paths)
        self._steps: dict[tuple[Names, int, bool, Keys], _Step] = {}
        self._partial = np.zeros(0, np.bool_)  # by the decoder's path: it counts a part of a request

    @property
    def unjoined(self) -> Counter[str]:
        """Records that count only a part and were not joined, by reason."""
        return self._waiting.unjoined

    def feed(self, columns: Columns, counts: Bools, watermark: Ints) -> tuple[Columns, Bools]:
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
        strange = self._waiting.strange(columns.joins[rows])
        paths, calls = self._names.decoded_paths, self._names.decoded_calls
        alone, others = (PartsOfRun.of(columns, rows[which], paths, calls) for which in (strange, ~strange))
        times = watermark[rows]
        ends = np.flatnonzero((strange[1:] != strange[:-1]) | (times[1:] != times[:-1])) + 1
        found = _Found([], [], [])
        joined = 0  # of the others
        for begin, end in pairwise([0, *ends.tolist(), len(rows)]):
            self._waiting.purge(int(times[begin]))
            if strange[begin]:
                self._waiting.keep(alone, begin - joined, end - joined)
                continue
            for place in range(joined, joined + end - begin):
                self._waiting.purge(int(times[begin]))  # one that comes too late waits for none of its run
                self._join(columns, others, place, found)
            joined += end - begin
        self._waiting.purge(int(times[-1]))
        self._names.number(columns)
        alone.path = columns.path[alone.rows].tolist()
        for row, path in found.paths:
            columns.path[row] = path
        for place, call in found.calls:
            columns.call[place] = call
        if not found.again:
            return columns, counts
        behind = np.array([row for row, *_ in found.again], np.int64)
        extra = _columns(found.again, columns.newest[behind])
        counts = np.insert(counts, behind + 1, np.ones(len(behind), np.bool_))
        return inserted(columns, extra, behind), counts

    def _count_without_key(self, columns: Columns, counts: Bools) -> None:
        fresh = self._names.decoded_paths[len(self._partial) :]
        self._partial = np.append(
            self._partial, np.array([_is_partial(path.counts) for path in fresh], np.bool_)
        )
        here = counts & self._partial[columns.path]
        here &= ~columns.joins.any(axis=1)
        if some := int(np.count_nonzero(here)):
            self._waiting.unjoined[WITHOUT_KEY] += some

    def _join(self, columns: Columns, run: PartsOfRun, at: int, found: _Found) -> None:
        """Add a record to its request; names get their ids in the order of the records."""
        row = int(run.rows[at])
        part = run.part(at, self._names.path_of(columns, row))
        self._names.minute = int(part.ts // 60)
        request, other = self._waiting.find(run.keys(at), part.ts)
        before = request.count_calls() + (other.count_calls() if other else 0)
        again = self._merge(request, other) if other else []
        step = self._step(request, part)
        again += [(request.parts[place], path) for place, path in step.again]
        part.path, request.names = step.path, step.names
        if len(request.parts) < MOST_PARTS:
            request.parts = *request.parts, part
        if more := request.count_calls() - before:
            self._waiting.note_calls(more)
        for record, path in again:
            ids = [self._names.joined_call(path, call.table) for call in record.calls]
            found.again.append((row, record, path, ids))
        if step.filled is not None:
            found.paths.append((row, step.filled))
            ids = [self._names.joined_call(step.filled, call.table) for call in part.calls]
            found.calls.extend(zip(run.calls(at).tolist(), ids, strict=True))

    def _step(self, request: JoinedRequest, part: RecordPart) -> _Step:
        earlier = tuple([record.path if record.weight > 0 else ~record.path for record in request.parts])
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

    def _work_out(self, request: JoinedRequest, part: RecordPart) -> _Step:
        names = self._names.paths
        path = came = names[part.path]
        if part.weight > 0:
            earlier = [names[record.path] for record in request.parts if record.weight > 0]
            path = uncounted_scopes(path, earlier)
        number = part.path if path == came else self._names.joined_path(path)
        filled = _filled(path, request.names)
        mine = None if filled == came else self._names.joined_path(filled)
        known, new = request.names, names_of(path)
        again = [
            (place, self._names.joined_path(edges))
            for place, record in enumerate(request.parts)
            if (edges := _for_edges(names[record.path], known, new)) is not None
        ]
        return _Step(number, _both(known, new), mine, again)

    def _merge(self, request: JoinedRequest, other: JoinedRequest) -> list[tuple[RecordPart, int]]:
        """Merge two requests that are one; return the records that count once more."""
        names = self._names.paths
        again = [
            (part, self._names.joined_path(path))
            for this, that in ((request, other), (other, request))
            for part in this.parts
            if (path := _for_edges(names[part.path], this.names, that.names)) is not None
        ]
        request.names = _both(request.names, other.names)
        request.parts = (*request.parts, *other.parts)[:MOST_PARTS]
        return again

    def purge(self, watermark: int) -> None:
        """Forget requests whose other records would come too late."""
        self._waiting.purge(watermark)

    def derive(self) -> None:
        """Forget what was known of other paths."""
        self._steps, self._partial = {}, np.zeros(0, np.bool_)


def _columns(again: list[Again], newest: Floats) -> Columns:
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
        gb_seconds=np.array([part.gb_seconds for part in parts]),
        again=np.ones(n, np.bool_),
        record=np.full(n, -1),
        call_event=rows,
        call=np.array([number for *_, ids in again for number in ids], np.int64),
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
    return bool(counts and counted_kinds(counts).targets)


def _both(known: Names, new: Names) -> Names:
    route, function, client = (old or found for old, found in zip(known, new, strict=True))
    return route, function, client


def _filled(path: Path, names: Names) -> Path:
    """Return a path with names that it does not have itself, whose scopes it does not count either."""
    own = names_of(path)
    lent = [place for place, (had, name) in enumerate(zip(own, names, strict=True)) if name and not had]
    for place in lent:
        path = path._replace(**dict(zip(_FIELDS[place], names[place] or (), strict=True)))
    kinds = counted_kinds(path.counts).kinds
    return path._replace(
        counts=without(path.counts, [_KINDS[place] for place in lent if _KINDS[place] in kinds])
    )


def _for_edges(path: Path, known: Names, new: Names) -> Path | None:
    """Return the path on which an earlier record counts the edges from new names; None if there are none."""
    every = zip(_KINDS, names_of(path), known, new, strict=True)
    kinds = [kind for kind, own, old, found in every if found and not old and not own]
    if not kinds or not counted_kinds(path.counts).targets:
        return None
    filled = _filled(path, _both(known, new))
    counts = from_only(filled.counts, kinds)
    return None if counts == NOTHING else filled._replace(counts=counts)


def uncounted_scopes(path: Path, earlier: Iterable[Path]) -> Path:
    """Return the path of a record without the scopes that other sources of its request have counted.

    Records are of one request if they have a key in common, name the same function, contradict each other in
    no route and client, and none names exactly what another does (but for clients): a trace holds many
    requests, and its id may be the choice of a visitor. So a source that reports twice under one key, as for
    an invocation that was retried, counts twice.

    ``path`` is that of the record as it came, ``earlier`` those of records with the same key before it, as
    they counted.

    Examples
    --------
    >>> report = Path("aws", "1", "eu", "put", "", "put", "", "", "")
    >>> line = Path("aws", "1", "eu", "inventory", "POST /items", "put", "ios", "", "")
    >>> uncounted_scopes(line, [report]).counts, uncounted_scopes(report, [report]).counts
    ('service,route,table,client', '')
    >>> uncounted_scopes(line, [report, line]).counts  # the report is of the request before
    ''
    """
    requests: list[list[Path]] = []
    for other in earlier:
        if path.function and other.function == path.function:
            same = _of_one_request(other, requests)
            if not same:
                requests.append(same)
            same.append(other)
    for other in _of_one_request(path, requests):
        both = counted_kinds(path.counts).kinds & counted_kinds(other.counts).kinds - {TABLE}
        again = [
            kind for kind in PATH_SCOPES if kind in both and scope_of(path, kind) == scope_of(other, kind)
        ]
        path = path._replace(counts=without(path.counts, again))
    return path


def _of_one_request(path: Path, requests: Iterable[list[Path]]) -> list[Path]:
    """Return the first request of which a record may be; a new one, empty, if there is none."""
    return next((request for request in requests if not any(_differ(path, other) for other in request)), [])


def _differ(path: Path, other: Path) -> bool:
    """Return whether two records are of different requests: both name the same, or something else.

    A client chooses whether it names itself.
    """
    both = zip(_of_request(path), _of_request(other), strict=True)
    return _names(path) == _names(other) or any(mine != theirs for mine, theirs in both if mine and theirs)


def _of_request(path: Path) -> tuple[str, ...]:
    return path.route, path.client, path.version, path.tenant


def _names(path: Path) -> Path:
    return path._replace(client="", version="", tenant="", counts="")
