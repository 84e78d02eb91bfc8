"""From what was counted per path to every scope and edge it touches.

A request is counted once, under its path. Only when a bucket closes are the sums of its paths added to
the account, service, route, function and client they touch and to the edges between them, so that the
number of scopes costs nothing per event.
"""

import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.measures import KEPT_ON_EDGES, SOURCES_INTO, SUMMED, Measure
from detectors.scope import ACCOUNT, CLIENT, FUNCTION, ROUTE, SERVICE, TABLE, TENANT, Edge, Scope, ScopeOrEdge
from streams.group import group
from streams.paths import Call, Path

NO_LATENCY: Final = -1
TOTAL: Final = 0
IN_FUNCTION: Final = 1
LAYERS: Final = 2
"""Histograms a path has: of the whole request, and of its function alone."""

_ON_REQUESTS: Final = tuple(m for m in SUMMED if m not in (Measure.RCU, Measure.WCU, Measure.BUSY))
_KEPT_ON_SCOPES: Final = {
    ACCOUNT: (*_ON_REQUESTS, Measure.BUSY),
    SERVICE: _ON_REQUESTS,
    ROUTE: _ON_REQUESTS,
    FUNCTION: (*_ON_REQUESTS, Measure.BUSY),
    CLIENT: _ON_REQUESTS,
    TABLE: (Measure.REQUESTS, Measure.THROTTLES, Measure.RCU, Measure.WCU),
}
_LAYER: Final = {
    ACCOUNT: TOTAL,
    SERVICE: TOTAL,
    ROUTE: TOTAL,
    CLIENT: TOTAL,
    FUNCTION: IN_FUNCTION,
    TABLE: TOTAL,
}

PATH_SCOPES: Final = (ACCOUNT, SERVICE, ROUTE, FUNCTION, CLIENT)
PATH_EDGES: Final = tuple(
    (source, target) for target in SOURCES_INTO if target != TABLE for source in SOURCES_INTO[target]
)
CALL_EDGES: Final = tuple((source, TABLE) for source in SOURCES_INTO[TABLE])


def scope_of(path: Path, kind: str) -> Scope | None:
    """Return the scope of that kind which a path touches; None when it touches none.

    An account spans its regions, as a client and a tenant do: these carry no region.
    """
    name = {
        ACCOUNT: path.account,
        SERVICE: path.service,
        ROUTE: path.route,
        FUNCTION: path.function,
        CLIENT: path.client,
        TENANT: path.tenant,
    }[kind]
    if not name:
        return None
    region = "" if kind in (ACCOUNT, CLIENT, TENANT) else path.region
    return Scope(kind, path.cloud, path.account, region, name, path.version if kind == CLIENT else "")


def shard_of(about: ScopeOrEdge, shards: int) -> int:
    """Return the shard of a scope; an edge goes with its target.

    The hash is stable: the same in every process and version of Python.

    Examples
    --------
    >>> shard_of(Scope("table", "aws", "1", "", "items"), 4)
    3
    """
    scope = about.target if isinstance(about, Edge) else about
    return zlib.crc32("\x1f".join(scope).encode()) % shards


class FanOut:
    """The scopes and edges that each path (or call) is added to.

    Rows are numbered in the order in which paths were seen, so they depend on the records alone.

    Parameters
    ----------
    scopes, edges
        The kinds of scope and the (source, target) kinds of edge that are rolled up.
    shards
        How many shards the rows are spread over.
    """

    def __init__(self, scopes: Sequence[str], edges: Sequence[tuple[str, str]], shards: int) -> None:
        self.rows: list[ScopeOrEdge] = []
        self.shard = np.zeros(0, np.int64)  # (rows,)
        self._shards = shards
        self._row_of: dict[ScopeOrEdge, int] = {}
        self._scope_kinds = tuple(scopes)
        self._edge_kinds = tuple(edges)
        self._targets = np.zeros((0, len(scopes) + len(edges)), np.int64)  # (ids, kinds) row, -1 for none
        kept = [_KEPT_ON_SCOPES[kind] for kind in scopes] + [KEPT_ON_EDGES[target] for _, target in edges]
        self._kept = np.zeros((len(kept), len(SUMMED)))
        for number, measures in enumerate(kept):
            self._kept[number, [SUMMED.index(measure) for measure in measures]] = 1.0
        self._layer = [_LAYER[kind] for kind in scopes] + [NO_LATENCY] * len(edges)
        # What tells a fatal error or a throttle from others belongs to the deepest scope that is known.
        deepest = (TABLE, FUNCTION, SERVICE, ROUTE)
        self._tagged = [self._scope_kinds.index(kind) for kind in deepest if kind in self._scope_kinds]

    def __len__(self) -> int:
        """Return how many paths or calls are known."""
        return len(self._targets)

    def add_paths(self, paths: Sequence[Path]) -> None:
        """Append paths; their ids go on from those that are known."""
        self._append([[self._row(about) for about in self._touched(path, None)] for path in paths])

    def add_calls(self, calls: Sequence[Call], paths: Sequence[Path]) -> None:
        """Append calls; ``paths`` are all paths by id."""
        found = []
        for call in calls:
            path = paths[call.path]
            table = Scope(TABLE, path.cloud, path.account, path.region, call.table) if call.table else None
            found.append([self._row(about) for about in self._touched(path, table)])
        self._append(found)

    def _touched(self, path: Path, table: Scope | None) -> list[ScopeOrEdge | None]:
        scopes = {kind: scope_of(path, kind) for kind in (*PATH_SCOPES, TENANT)} | {TABLE: table}
        touched: list[ScopeOrEdge | None] = [scopes[kind] for kind in self._scope_kinds]
        for source_kind, target_kind in self._edge_kinds:
            source, target = scopes[source_kind], scopes[target_kind]
            touched.append(Edge(source, target) if source and target else None)
        return touched

    def _row(self, about: ScopeOrEdge | None) -> int:
        if about is None:
            return -1
        row = self._row_of.get(about)
        if row is None:
            row = self._row_of[about] = len(self.rows)
            self.rows.append(about)
        return row

    def _append(self, targets: list[list[int]]) -> None:
        if targets:
            self._targets = np.vstack((self._targets, np.array(targets, np.int64)))
            fresh = [shard_of(about, self._shards) for about in self.rows[len(self.shard) :]]
            self.shard = np.concatenate((self.shard, np.array(fresh, np.int64)))

    def sums(
        self, ids: NDArray[np.int64], sums: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Add sums per path up per row.

        Parameters
        ----------
        ids
            (k,) distinct paths or calls.
        sums
            (k, len(SUMMED))

        Returns
        -------
        Rows (r,), ascending, and their sums (r, len(SUMMED)).
        """
        touched = self._targets[ids]
        path, kind = np.nonzero(touched >= 0)
        rows, place = group(touched[path, kind], len(self.rows))
        added = np.empty((len(rows), len(SUMMED)))
        for column in range(len(SUMMED)):
            weights = sums[path, column] * self._kept[kind, column]
            added[:, column] = np.bincount(place, weights, len(rows))
        return rows, added

    def histograms(
        self,
        ids: NDArray[np.int64],
        layers: NDArray[np.int64],
        bins: NDArray[np.int64],
        counts: NDArray[np.float64],
        n_bins: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Add sparse histograms per (path, layer) up per row.

        Parameters
        ----------
        ids, layers, bins, counts
            (k,) each.
        n_bins
            Bins of a histogram.

        Returns
        -------
        Rows, bins and counts (h,) each, ordered by row and bin.
        """
        cells, weights = [], []
        for kind, layer in enumerate(self._layer):
            if layer == NO_LATENCY:
                continue
            rows = self._targets[ids, kind]
            here = (rows >= 0) & (layers == layer)
            cells.append(rows[here] * n_bins + bins[here])
            weights.append(counts[here])
        found, place = group(np.concatenate(cells), len(self.rows) * n_bins)
        return (
            found // n_bins,
            found % n_bins,
            np.bincount(place, np.concatenate(weights), len(found)).astype(np.float64),
        )

    def tagged_row(self, number: int) -> int:
        """Return the row that carries the tags of a path or call, -1 when it has none."""
        for kind in self._tagged:
            row = int(self._targets[number, kind])
            if row >= 0:
                return row
        return -1
