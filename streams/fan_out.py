"""From what was counted per path and per call to every scope and edge of one shard that these touch.

A request is counted once, under its path. Only when a step closes are the sums of its paths added to
the account, service, route, function and client they touch and to the edges between them, so that the
number of scopes costs nothing per event or per bucket.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.measures import KEPT_ON_EDGES, LATENCIES, SUMMED, Measure
from detectors.scope import ACCOUNT, CLIENT, FUNCTION, ROUTE, SERVICE, TABLE, Edge, ScopeOrEdge
from streams.cells import IN_AUTH, IN_CODE, IN_FUNCTION, LAYERS, TOTAL, layers_of
from streams.group import add_rows
from streams.paths import Call, Path
from streams.touched import PATH_EDGES, PATH_SCOPES, Touched, shard_of, touched_by_call, touched_by_path

Latency = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Rows, bins and counts of sparse histograms; a pair of row and bin may come more than once."""

Tag = tuple[int, str, str]
"""Id or row, key, text."""

_ON_REQUESTS: Final = (
    Measure.REQUESTS,
    Measure.COLD_STARTS,
    Measure.ERRORS_USER,
    Measure.ERRORS_BACKEND,
    Measure.ERRORS_FATAL,
    Measure.THROTTLES,
)
_KEPT_ON_SCOPES: Final = {
    ACCOUNT: (*_ON_REQUESTS, Measure.BUSY),
    SERVICE: _ON_REQUESTS,
    ROUTE: _ON_REQUESTS,
    FUNCTION: (*_ON_REQUESTS, Measure.BUSY),
    CLIENT: _ON_REQUESTS,
    TABLE: KEPT_ON_EDGES[TABLE],
}
_KINDS: Final = len(PATH_SCOPES) + len(PATH_EDGES)
_MEASURED: Final = tuple(PATH_SCOPES.index(kind) for kind in (ACCOUNT, SERVICE, ROUTE, CLIENT))
_FUNCTION: Final = PATH_SCOPES.index(FUNCTION)
_ROUTE: Final = PATH_SCOPES.index(ROUTE)
# Which measure a layer is of, by its place among LATENCIES. The function is for a function what the whole
# request is for what stands in front of it.
_MEASURE_OF_LAYER: Final = np.zeros(LAYERS, np.int64)
_MEASURE_OF_LAYER[IN_CODE] = LATENCIES.index(Measure.LATENCY_CODE)
_MEASURE_OF_LAYER[IN_AUTH] = LATENCIES.index(Measure.LATENCY_AUTH)
# What tells a fatal error or a throttle from others belongs to the deepest scope that is known.
_DEEPEST: Final = tuple(PATH_SCOPES.index(kind) for kind in (FUNCTION, SERVICE, ROUTE))


class FanOut:
    """The scopes and edges of one shard, by row, and the rows that each path and call is added to.

    Rows are numbered in the order in which the names came.

    Parameters
    ----------
    shard, shards
        Whose scopes and edges have rows: those of this shard out of so many.
    """

    def __init__(self, shard: int, shards: int) -> None:
        self.shard = shard
        self.shards = shards
        self.scopes: list[ScopeOrEdge] = []
        self._row_of: dict[ScopeOrEdge, int] = {}
        # All by id. Places are rows counted from 1; 0 takes what nobody in this shard wants.
        self._places = np.zeros((0, _KINDS), np.int32)
        self._latency_places = np.zeros((0, LAYERS, len(_MEASURED)), np.int32)
        self._tagged: list[int] = []  # rows, -1 for none
        self._kept = np.zeros((0, len(SUMMED)))  # (rows, columns) 1 where the measure is kept

    def __len__(self) -> int:
        """Return how many paths and calls are known."""
        return len(self._tagged)

    def row_of(self, about: ScopeOrEdge) -> int | None:
        """Return the row of a scope or edge; None for one that is of another shard or did not come yet."""
        return self._row_of.get(about)

    def add(self, names: Sequence[Path | Call]) -> None:
        """Take all names by id; those that are known already stay as they are.

        The path of a call is an id among the names.
        """
        fresh = names[len(self) :]
        if not fresh:
            return
        known = len(self.scopes)
        places = np.zeros((len(fresh), _KINDS), np.int32)
        latency = np.zeros((len(fresh), LAYERS, len(_MEASURED)), np.int32)
        for at, name in enumerate(fresh):
            if isinstance(name, Path):
                touched = touched_by_path(name)
                mine = self._mine(touched)
                latency[at, TOTAL] = [mine[kind] for kind in _MEASURED]
                latency[at, IN_FUNCTION, 0] = latency[at, IN_CODE, 0] = mine[_FUNCTION]
                latency[at, IN_AUTH, 0] = mine[_ROUTE]
                deepest = next((kind for kind in _DEEPEST if touched[kind] is not None), _FUNCTION)
                self._tagged.append(mine[deepest] - 1)
            else:
                path = names[name.path]
                assert isinstance(path, Path)  # noqa: S101 - a call is never made on a call
                mine = self._mine(touched_by_call(path, name.table))
                latency[at, TOTAL, 0] = mine[0]
                self._tagged.append(mine[0] - 1)
            places[at, : len(mine)] = mine
        self._places = np.concatenate((self._places, places))
        self._latency_places = np.concatenate((self._latency_places, latency))
        kept = np.zeros((len(self.scopes) - known, len(SUMMED)))
        for row, about in enumerate(self.scopes[known:]):
            measures = (
                KEPT_ON_EDGES[about.target.kind] if isinstance(about, Edge) else _KEPT_ON_SCOPES[about.kind]
            )
            kept[row, [SUMMED.index(measure) for measure in measures]] = 1.0
        self._kept = np.concatenate((self._kept, kept))

    def _mine(self, touched: Touched) -> list[int]:
        return [self._place(about) for about in touched]

    def _place(self, about: ScopeOrEdge | None) -> int:
        if about is None or (self.shards > 1 and shard_of(about, self.shards) != self.shard):
            return 0
        row = self._row_of.get(about)
        if row is None:
            row = self._row_of[about] = len(self.scopes)
            self.scopes.append(about)
        return row + 1

    def sums(self, ids: NDArray[np.int64], sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add the sums of paths and calls, (k, len(SUMMED)), up per row: (rows, len(SUMMED)).

        An id may come more than once.
        """
        places = self._places[ids].ravel()
        wanted = np.flatnonzero(places)
        added = add_rows(places[wanted] - 1, sums[wanted // _KINDS], len(self.scopes))
        added *= self._kept
        return added

    def latency(self, cells: NDArray[np.int64], counts: NDArray[np.float64]) -> dict[Measure, Latency]:
        """Return the cells of paths and calls as those of rows, apart by what they measure."""
        owners, bins = layers_of(cells)
        places = self._latency_places.reshape(-1, len(_MEASURED))[owners].ravel()
        wanted = np.flatnonzero(places)
        cell = wanted // len(_MEASURED)
        rows, bins, counts = (places[wanted] - 1).astype(np.int64), bins[cell], counts[cell]
        measure = _MEASURE_OF_LAYER[owners % LAYERS][cell]
        apart = {}
        for number, name in enumerate(LATENCIES):
            here = np.flatnonzero(measure == number)
            apart[name] = rows[here], bins[here], counts[here]
        return apart

    def tags(self, tags: Mapping[Tag, float]) -> dict[Tag, float]:
        """Add tags of paths and calls, (id, key, text), up per row, (row, key, text)."""
        added: dict[Tag, float] = {}
        for (number, key, text), count in tags.items():
            row = self._tagged[number]
            if row >= 0:
                added[row, key, text] = added.get((row, key, text), 0.0) + count
        return added
