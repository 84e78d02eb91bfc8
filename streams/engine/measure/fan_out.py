"""Adds the counts of paths and calls up to the scopes and edges of one shard.

A request is counted once, under its path. Only when a step closes are the sums of paths added to their
account, service, route, function and client, and to the edges between these. So the number of scopes costs
nothing per event or per bucket.
"""

import sys
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Floats, Ints
from detectors.model.measures import (
    CALLING_REQUESTS,
    COLUMN,
    JUDGED,
    KEPT_ON_EDGES,
    LATENCIES,
    SOURCES_INTO,
    SQUARED_CALLS,
    SUMMED,
    SUPPORTING,
    Measure,
)
from detectors.model.scope import ACCOUNT, CLIENT, FUNCTION, ROUTE, SERVICE, TABLE, Edge, Scope, ScopeOrEdge
from streams.engine.decode.cells import IN_AUTH, IN_CODE, IN_FUNCTION, LAYERS, TOTAL
from streams.engine.decode.columns import FAILURE
from streams.engine.decode.paths import OTHER, Call, Path, sender_of
from streams.engine.decode.returning_names import GIVEN, RETURNS, PlaceShares, open_places
from streams.engine.decode.touched import (
    COST_SCOPES,
    PATH_EDGES,
    PATH_SCOPES,
    scopes_of_costs,
    scopes_of_values,
    shard_of,
    touched_by_call,
    touched_by_path,
)
from streams.engine.measure.folded_names import FoldedNames
from streams.engine.measure.path_costs import AT_FUNCTION, AT_ROUTE, AT_TABLES
from streams.engine.measure.spread import Spread, SpreadCosts, spread_cells, spread_costs, spread_sums

Latency = tuple[Ints, Ints, Floats]
"""Rows, bins and counts of sparse histograms; a pair of row and bin may repeat."""

Times = tuple[dict[Measure, Latency], dict[Measure, Latency]]
"""The histograms of scopes and edges, and those of parts, by measure."""

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
    TABLE: (*KEPT_ON_EDGES[TABLE], CALLING_REQUESTS, SQUARED_CALLS),
}
_KINDS: Final = len(PATH_SCOPES) + len(PATH_EDGES)
_CALLED: Final = 1 + len(SOURCES_INTO[TABLE])  # places of a call: its table, and the edges into it
_CARRIERS: Final = 1 + len((FUNCTION, ROUTE))  # of these, the first: whoever calls for a service
_PART_AT: Final = {ROUTE: AT_ROUTE, FUNCTION: AT_FUNCTION}
_PLACES_OF_COSTS: Final = len(COST_SCOPES) + 1  # and the edge from the service to the account
# (_KINDS,) the part of what a path costs that counts towards a place, -1 for none: routes and functions, and
# the edges into them, have the part that is billed there
_COUNTED_AT: Final = np.full(_KINDS, -1)
for _place, _kind in enumerate((*PATH_SCOPES, *(target for _, target in PATH_EDGES))):
    _COUNTED_AT[_place] = _PART_AT.get(_kind, -1)
_MEASURED: Final = tuple(PATH_SCOPES.index(kind) for kind in (ACCOUNT, SERVICE, ROUTE, CLIENT))
_FUNCTION: Final = PATH_SCOPES.index(FUNCTION)
_ROUTE: Final = PATH_SCOPES.index(ROUTE)
_SERVICE: Final = PATH_SCOPES.index(SERVICE)
_WHOLES: Final = 2  # of whose times a path is a part: its service, and its function; a call has its table
# The measure of each layer, as its place in LATENCIES. The time in the function is a function's latency,
# the time of the whole request that of the scopes in front of it.
_MEASURE_OF_LAYER: Final = np.zeros(LAYERS, np.int64)
_MEASURE_OF_LAYER[IN_CODE] = LATENCIES.index(Measure.LATENCY_CODE)
_MEASURE_OF_LAYER[IN_AUTH] = LATENCIES.index(Measure.LATENCY_AUTH)
_WHOLE_OF_LAYER: Final = np.zeros(LAYERS, np.int64)
_WHOLE_OF_LAYER[[IN_FUNCTION, IN_CODE]] = 1
_LAYERS_OF_PARTS: Final = {
    Measure.LATENCY: np.isin(np.arange(LAYERS), (TOTAL, IN_FUNCTION)),
    Measure.LATENCY_CODE: np.isin(np.arange(LAYERS), (IN_CODE,)),
}
# of each layer, the place of its parts behind LATENCIES, -1 for none
_PARTS_OF_LAYER: Final = np.full(LAYERS, -1)
for _number, _layers in enumerate(_LAYERS_OF_PARTS.values(), len(LATENCIES)):
    _PARTS_OF_LAYER[_layers] = _number
# The tag of a fatal error or a throttle belongs to the deepest known scope, that of a failure to all.
_DEEPEST: Final = tuple(PATH_SCOPES.index(kind) for kind in (FUNCTION, SERVICE, ROUTE))


def _series_of(about: ScopeOrEdge) -> int:
    if isinstance(about, Edge):
        return len(KEPT_ON_EDGES[about.target.kind])
    return len(JUDGED[about.kind]) + len(SUPPORTING.get(about.kind, ()))


_MOST_SERIES: Final = sum(map(len, JUDGED.values())) + len(PATH_EDGES) * max(map(len, KEPT_ON_EDGES.values()))
"""An upper bound of the series of one name."""


def _longer(array: NDArray[Any], more: int) -> NDArray[Any]:
    """Return an array with so many rows of zeros behind: at a tenth of the cost of ``np.pad``."""
    longer = np.zeros((len(array) + more, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


def _numbers(these: Ints) -> "array[int]":
    """Return numbers as an array that grows."""
    return array("i", these.astype(np.int32).tobytes())


def _by_use(ids: Ints, used: Floats, names: Sequence[Path | Call]) -> Ints:
    """Return each id once, the most used first, independent of the order of sources."""
    distinct, place = np.unique(ids, return_inverse=True)
    times = np.bincount(place, used).tolist()

    def key(at: int) -> tuple[float, tuple[str, ...]]:
        name = names[distinct[at]]
        text = name if isinstance(name, Path) else (*map(str, names[name.path]), name.table)
        return -times[at], text

    return distinct[sorted(range(len(distinct)), key=key)]


class FanOut:
    """The scopes and edges of one shard, by row, and the rows that each path and call is added to.

    Beyond half of ``most`` series, new scopes and edges are folded into ``other``: the least used of a step,
    since they are added last. Once one has had traffic in ``RETURNS`` steps, it may get a row of its own:
    each step gives a few of the series that are left, to the most used first, and no service has more of them
    than it leaves to others. So names with little traffic, however many, take no room from those with much.

    Parameters
    ----------
    shard, shards
        Number of the shard whose scopes and edges have rows, and how many shards there are.
    most
        Series that are kept apart; beyond it, each target may have one more edge of each kind.
    """

    def __init__(self, shard: int, shards: int, most: int = sys.maxsize) -> None:
        self.shard = shard
        self.shards = shards
        self.scopes: list[ScopeOrEdge] = []
        # by part, the row of the scope whose times it is a part of: routes of a service and of a function,
        # functions that call a table, by their routes
        self.wholes: list[int] = []
        self.series = 0  # without business values
        self._services: dict[int, dict[str, None]] = {}  # whose requests it has, by row
        self._most = most
        self._open = open_places(most)
        self._folded = FoldedNames()
        self._other_edges: dict[tuple[str, int], int] = {}  # rows, by kind of source and row of the target
        self._shares = PlaceShares()  # by service, of the series of what came back
        self._times = np.zeros(0, np.uint8)  # by number: steps with traffic, at most ``RETURNS``
        self._waiters = array("i"), array("i")  # ids, and numbers of what they count towards
        self._waits = np.zeros(0, np.bool_)  # by id: whether it is among them
        self._adding = -1  # the id whose rows are looked for, -1 if what it waits for is known
        # where in that order what was folded got rows of its own, by number
        self.returned: list[tuple[int, list[int]]] = []
        self._row_of: dict[ScopeOrEdge, int] = {}
        # All by id. Places are rows counted from 1; 0 stands for a scope of another shard.
        self._places = np.zeros((0, _KINDS), np.int32)
        self._latency_places = np.zeros((0, LAYERS, len(_MEASURED)), np.int32)
        self._tagged = np.zeros(0, np.int64)  # rows, -1 for none
        self._added = np.zeros(0, np.bool_)
        self._is_call = np.zeros(0, np.bool_)
        self._cost_places = np.zeros((0, _PLACES_OF_COSTS), np.int32)
        self._part_places = np.zeros((0, _WHOLES), np.int32)
        self._part_of: dict[tuple[int, str], int] = {}  # whole and name -> number
        self._costs = np.zeros(0, np.bool_)  # whether what it costs has places
        # ids as they were added, which determine the rows; ~id where its costs added names of their own
        self._order: list[int] = []
        self._turns: list[int] = []  # places in that order at which folding started or stopped
        self._full = False
        self._kept = np.zeros((0, len(SUMMED)))  # (rows, columns) 1 where the measure is kept

    @property
    def folded(self) -> int:
        """The number of scopes and edges that were folded, also those that have rows of their own by now."""
        return len(self._folded)

    def row_of(self, about: ScopeOrEdge) -> int | None:
        """Return the row of a scope or edge; None if it belongs to another shard or has not appeared."""
        row = self._row_of.get(about)
        if row is None and (number := self._folded.number(about)) >= 0:
            return self._folded.rows[number]
        return row

    def services_of(self, about: ScopeOrEdge) -> tuple[str, ...]:
        """Return whose requests a function, a route, a table or an edge from the first two into it has.

        None of what is folded: it has those of all.
        """
        row = self._row_of.get(about, -1)
        return tuple(self._services.get(row, ()))

    def add(
        self, names: Sequence[Path | Call], ids: Ints, used: Floats | None = None, *, late: bool = False
    ) -> None:
        """Give rows to the new names of a step.

        Parameters
        ----------
        names
            All names by id; the path of a call is such an id.
        ids
            Those of the step.
        used
            How often each was used: the most used are kept apart if not all can be.
        late
            Whether the step has closed before: then what was folded gets no rows, only nearer to them.
        """
        self._make_room(len(names))
        fresh = ids[~self._added[ids]]
        if used is not None and self.series + len(fresh) * _MOST_SERIES > self._open:
            fresh = _by_use(fresh, used[~self._added[ids]], names)
        else:
            fresh = np.unique(fresh)  # sorted, because a snapshot in between may have sorted the ids
        known = len(self.scopes)
        for number in fresh.tolist():
            self._turn()
            self._add(number, names)
        back = self._back(ids, used) if self.waits(ids) else []
        if back and not late and (given := self._given(back, names)):
            self._unfold(given, names)
        if len(self.scopes) > known:
            self._keep(known)

    def order(self) -> tuple[Ints, list[int]]:
        """Return the arguments of ``restore``, which with the names determine the rows."""
        return np.array(self._order, np.int64), self._turns

    @property
    def times(self) -> NDArray[np.uint8]:
        """Return how often what was folded has come back, for ``restore``."""
        return self._longer_times()

    def restore(
        self,
        names: Sequence[Path | Call],
        order: Ints,
        turns: Sequence[int],
        returned: Sequence[tuple[int, list[int]]] = (),
        times: NDArray[np.uint8] | None = None,
    ) -> None:
        """Restore the rows, in a fan-out that has none."""
        self._make_room(len(names))
        turning, back = set(turns), list(reversed(returned))
        for at, number in enumerate([*order.tolist(), None]):
            while back and back[-1][0] == at:
                self._unfold(back.pop()[1], names)
            if at in turning:
                self._full = not self._full
                self._turns.append(at)
            if number is None:
                break
            if number >= 0:
                self._add(number, names)
            else:
                self._add_costs(~number, names)
        if times is not None:
            self._times = times
        self._keep(0)

    def waits(self, ids: Ints) -> bool:
        """Return whether a step with these ids may give rows to what was folded."""
        return self.series < self._most and bool(self._waits[ids].any())

    def _longer_times(self) -> NDArray[np.uint8]:
        more = len(self._folded) - len(self._times)
        if more > 0:
            self._times = _longer(self._times, more)
        return self._times

    def _back(self, ids: Ints, used: Floats | None) -> list[int]:
        """Count a step with traffic; return what has come back often enough, the most used first."""
        here = np.zeros(len(self._added), np.bool_)
        here[ids] = True
        of, numbers = map(np.array, self._waiters)
        mine = here[of]
        of, numbers = of[mine], numbers[mine]
        times, seen = self._longer_times(), np.unique(numbers)
        times[seen] = np.minimum(times[seen] + 1, RETURNS)
        back = seen[times[seen] == RETURNS]
        usage = np.bincount(numbers, np.bincount(ids, used, len(here))[of], len(times))[back]
        ordered: list[int] = back[np.lexsort((back, -usage))].tolist()
        return ordered

    def _given(self, back: Sequence[int], names: Sequence[Path | Call]) -> list[int]:
        """Return which of these get rows in this step: few, and no service more than it leaves to others."""
        left = self._most - self.series
        room = max(left // GIVEN, _MOST_SERIES)
        now, ever = PlaceShares(), PlaceShares(self._shares)
        found, apart = list[int](), set[ScopeOrEdge]()
        for number in back:
            about, service = self._folded_name(number, names), self._service_of(number, names)
            if isinstance(about, Edge) and self._is_folded(about.target) and about.target not in apart:
                continue  # it would lead to what is not there
            series = _series_of(about)
            if ever.allows(service, left, series) and now.take(service, min(room, left), series):
                ever.take(service, left, series)
                left, room = left - series, room - series
                apart.add(about)
                found.append(number)
            if room <= 0:
                break
        return found

    def _service_of(self, number: int, names: Sequence[Path | Call]) -> str:
        """Return the service of what was folded: the one that was first counted towards it."""
        name = names[self._folded.ids[number]]
        return sender_of(name if isinstance(name, Path) else _path_of(name, names))

    def _is_folded(self, about: Scope) -> bool:
        return about not in self._row_of and self._folded.number(about) >= 0

    def _folded_name(self, number: int, names: Sequence[Path | Call]) -> ScopeOrEdge:
        name, place = names[self._folded.ids[number]], self._folded.places[number]
        if isinstance(name, Call):
            about = touched_by_call(_path_of(name, names), name.table)[place]
        else:
            about = [*touched_by_path(name), *_cost_scopes(name), *scopes_of_values(name)][place]
        assert about is not None  # noqa: S101 - it had a place
        return about

    def _unfold(self, numbers: list[int], names: Sequence[Path | Call]) -> None:
        """Give what was folded rows of its own, and let the paths and calls count towards these."""
        self.returned.append((len(self._order), numbers))
        unfolded = np.zeros(len(self._folded), np.bool_)
        unfolded[numbers] = True
        for number in numbers:
            about = self._folded_name(number, names)
            service = self._service_of(number, names)
            self._shares[service] = self._shares.get(service, 0) + _series_of(about)
            self._begin(about)
        ids, of = map(np.array, self._waiters)
        back = unfolded[of]
        self._waiters = _numbers(ids[~back]), _numbers(of[~back])
        self._waits[ids[back]] = False
        self._waits[ids[~back]] = True
        self._adding = -1
        for number in np.unique(ids[back]).tolist():
            self._fill(number, names)
            if self._costs[number]:
                self._fill_costs(number, names)

    def _make_room(self, count: int) -> None:
        more = count - len(self._added)
        if more > 0:
            self._places = _longer(self._places, more)
            self._latency_places = _longer(self._latency_places, more)
            self._tagged = np.concatenate((self._tagged, np.full(more, -1)))
            self._added = _longer(self._added, more)
            self._is_call = _longer(self._is_call, more)
            self._cost_places = _longer(self._cost_places, more)
            self._part_places = _longer(self._part_places, more)
            self._costs = _longer(self._costs, more)
            self._waits = _longer(self._waits, more)

    def _turn(self) -> None:
        if (self.series >= self._open) != self._full:
            self._full = not self._full
            self._turns.append(len(self._order))

    def add_costs(self, names: Sequence[Path | Call], ids: Ints) -> None:
        """Give rows to what the costs of these paths and calls, which are known, count towards."""
        known = len(self.scopes)
        for number in np.unique(ids[~self._costs[ids]]).tolist():
            before = len(self._row_of), len(self._turns), len(self._waiters[0])
            self._turn()
            self._add_costs(number, names)
            if (len(self._row_of), len(self._turns), len(self._waiters[0])) == before:
                self._order.pop()  # nothing depends on when that was
        self._keep(known)

    def _add_costs(self, number: int, names: Sequence[Path | Call]) -> None:
        self._adding = number
        self._fill_costs(number, names)
        self._costs[number] = True
        self._order.append(~number)

    def _fill_costs(self, number: int, names: Sequence[Path | Call]) -> None:
        name = names[number]
        if isinstance(name, Path):
            self._cost_places[number] = self._mine(_cost_scopes(name), _KINDS)

    def _add(self, number: int, names: Sequence[Path | Call]) -> None:
        self._adding = number
        self._fill(number, names)
        self._added[number] = True
        self._order.append(number)

    def _fill(self, number: int, names: Sequence[Path | Call]) -> None:
        name, latency = names[number], self._latency_places[number]
        if isinstance(name, Path):
            touched = touched_by_path(name)
            mine = self._mine(touched)
            latency[TOTAL] = [mine[kind] for kind in _MEASURED]
            latency[IN_FUNCTION, 0] = latency[IN_CODE, 0] = mine[_FUNCTION]
            latency[IN_AUTH, 0] = mine[_ROUTE]
            service = self._part(mine[_SERVICE], name.route or name.function)
            self._part_places[number] = service, self._part(mine[_FUNCTION], name.route)
            deepest = next((kind for kind in _DEEPEST if touched[kind] is not None), _FUNCTION)
            self._tagged[number] = mine[deepest] - 1
            self._note_service(name, [mine[_FUNCTION], mine[_ROUTE]])
            # the values need their rows; the requests do not count towards these
            self._mine(scopes_of_values(name), _KINDS + _PLACES_OF_COSTS)
        else:
            path = _path_of(name, names)
            mine = self._mine(touched_by_call(path, name.table))
            self._note_service(path, mine[:_CARRIERS])
            latency[TOTAL, 0] = mine[0]
            self._part_places[number, 0] = self._part(mine[0], f"{path.function}\x1f{path.route}")
            self._is_call[number] = True
            self._tagged[number] = mine[0] - 1
        self._places[number, : len(mine)] = mine

    def _note_service(self, path: Path, places: Sequence[int]) -> None:
        for place in places if path.service else ():
            if place and not _is_other(self.scopes[place - 1]):
                self._services.setdefault(place - 1, {})[path.service] = None

    def _part(self, place: int, name: str) -> int:
        """Return the number of a part, counted from 1; 0 where the whole belongs to another shard."""
        if not place:
            return 0
        number = self._part_of.setdefault((place - 1, name), len(self.wholes))
        if number == len(self.wholes):
            self.wholes.append(place - 1)
        return number + 1

    def _keep(self, known: int) -> None:
        """Set which measures are kept of the rows from ``known`` on."""
        kept = np.zeros((len(self.scopes) - known, len(SUMMED)))
        for row, about in enumerate(self.scopes[known:]):
            measures = (
                KEPT_ON_EDGES[about.target.kind] if isinstance(about, Edge) else _KEPT_ON_SCOPES[about.kind]
            )
            kept[row, [COLUMN[measure] for measure in measures]] = 1.0
        self._kept = np.concatenate((self._kept, kept))

    def _mine(self, touched: Sequence[ScopeOrEdge | None], first: int = 0) -> list[int]:
        return [self._place(about, place) for place, about in enumerate(touched, first)]

    def _place(self, about: ScopeOrEdge | None, place: int) -> int:
        """Return the row of a scope or edge counted from 1; ``place`` is that among what the id touches."""
        if about is None or (self.shards > 1 and shard_of(about, self.shards) != self.shard):
            return 0
        row = self._row_of.get(about)
        if row is not None:
            return row + 1
        number = self._folded.number(about)
        if number < 0:
            row = self._row_of_other(about) if self._full else self._begin(about)
            if self.scopes[row] == about:
                return row + 1
            number = self._folded.add(about, row, self._adding, place)
        if self._adding >= 0:
            for into, value in zip(self._waiters, (self._adding, number), strict=True):
                into.append(value)
            self._waits[self._adding] = True
        return self._folded.rows[number] + 1

    def _begin(self, about: ScopeOrEdge) -> int:
        """Return the row of a scope or edge, which is not folded; a new one if it has none."""
        row = self._row_of.setdefault(about, len(self.scopes))
        if row == len(self.scopes):
            self.scopes.append(about)
            self.series += _series_of(about)
        return row

    def _row_of_other(self, about: ScopeOrEdge) -> int:
        """Return the row that one is folded into: one per kind of scope, and per target of an edge."""
        if isinstance(about, Scope):
            return self._begin(self._other(about.kind))
        row = self.row_of(about.target)
        key = about.source.kind, -1 if row is None else row
        found = self._other_edges.get(key)
        if found is None:
            target = self._other(about.target.kind) if row is None else self.scopes[row]
            assert isinstance(target, Scope)  # noqa: S101 - a scope is folded into a scope
            other = Scope(about.source.kind, target.cloud, target.account, "", OTHER)
            found = self._begin(Edge(other, target))
            if row is not None:
                self._other_edges[key] = found
        return found

    def _other(self, kind: str) -> Scope:
        """Return ``other`` of a kind; its name includes the shard, because each shard has its own."""
        return Scope(kind, "", "", f"shard {self.shard}" if self.shards > 1 else "", OTHER)

    def sums(self, ids: Ints, sums: Floats) -> Floats:
        """Add the sums of paths and calls, (k, len(SUMMED)), up per row: (rows, len(SUMMED)).

        Ids may repeat.
        """
        added: Floats = self.sums_of(ids, sums, np.zeros(len(ids), np.int64), 1)[0]
        return added

    def sums_of(self, ids: Ints, sums: Floats, step: Ints, steps: int) -> Floats:
        """Do so for several steps at once, (k,) 0..steps-1: (steps, rows, len(SUMMED))."""
        added = np.zeros((steps, len(self.scopes), len(SUMMED)))
        spread_sums(self._places, ids, step, sums, self._kept, added)
        return added

    def has(self, ids: Ints) -> Bools:
        """Return which paths and calls have rows."""
        known: Bools = (ids >= 0) & (ids < len(self._added))
        known[known] = self._added[ids[known]]
        return known

    def first_new_costs(self, ids: Ints, step: Ints) -> int:
        """Return the first of (k,) ascending steps whose costs bring rows, 0 if none does."""
        fresh = np.flatnonzero(~self._costs[ids])
        return int(step[fresh[0]]) if len(fresh) else 0

    def costs(self, ids: Ints, costs: Floats, step: Ints, steps: int) -> Floats:
        """Add the costs of paths and calls, (k, COST_PARTS), of (k,) steps up per row: (steps, rows).

        An account, a service and a client have all that their requests cost, and the edge from a service
        to its account too; a route, a function and a table, and the edges into them, have what is billed
        there. So the sums of each kind are the bill.
        """
        added = np.zeros((steps, len(self.scopes)))
        to = SpreadCosts(self._places, _COUNTED_AT, self._is_call, AT_TABLES, _CALLED, self._cost_places)
        spread_costs(to, ids, step, costs, costs.sum(axis=1), added)
        return added

    def latency(self, cells: Ints, counts: Floats) -> dict[Measure, Latency]:
        """Return the cells of paths and calls as histograms of rows, by measure."""
        return self.times_of(cells, counts, [len(cells)])[0][0]

    def times_of(self, cells: Ints, counts: Floats, ends: Sequence[int]) -> list[Times]:
        """Return the cells of paths and calls as histograms of rows, and of parts, by measure, of each step.

        ``ends`` are where those of each step end.
        """
        to = Spread(
            self._latency_places, self._part_places, _MEASURE_OF_LAYER, _WHOLE_OF_LAYER, _PARTS_OF_LAYER
        )
        groups = len(LATENCIES) + len(_LAYERS_OF_PARTS)
        rows, bins, amounts, bounds = spread_cells(cells, counts, np.array(ends, np.int64), to, groups)
        by_step = [
            [
                (rows[first:end], bins[first:end], amounts[first:end])
                for first, end in zip(begun, ended, strict=True)
            ]
            for begun, ended in pairwise(bounds.T.tolist())
        ]
        return [
            (
                dict(zip(LATENCIES, histograms[: len(LATENCIES)], strict=True)),
                dict(zip(_LAYERS_OF_PARTS, histograms[len(LATENCIES) :], strict=True)),
            )
            for histograms in by_step
        ]

    def tags(self, tags: Mapping[Tag, float]) -> dict[Tag, float]:
        """Add tags of paths and calls, (id, key, text), up per row, (row, key, text)."""
        added: dict[Tag, float] = {}
        for (number, key, text), count in tags.items():
            rows = self._places[number, : len(PATH_SCOPES)] - 1 if key == FAILURE else self._tagged[[number]]
            for row in rows[rows >= 0].tolist():
                added[row, key, text] = added.get((row, key, text), 0.0) + count
        return added


def _path_of(call: Call, names: Sequence[Path | Call]) -> Path:
    path = names[call.path]
    assert isinstance(path, Path)  # noqa: S101 - a call is never made on a call
    return path


def _cost_scopes(path: Path) -> list[ScopeOrEdge | None]:
    account, service, client = scopes_of_costs(path)
    return [account, service, client, Edge(service, account) if service and account else None]


def _is_other(about: ScopeOrEdge) -> bool:
    return (about.source if isinstance(about, Edge) else about).name == OTHER
