"""The figures and states of the service map, from the newest steps of the history."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from config.settings import BoardSettings, Settings, ThresholdSettings
from detectors.model.array_types import Floats, Ints
from detectors.model.measures import Measure
from detectors.model.scope import CLIENT, FUNCTION, ROUTE, SERVICE, TABLE, Edge, Scope, ScopeOrEdge
from streams.record.history.history_files import MINUTES
from streams.record.history.history_reader import HistoryView
from streams.record.history.series_names import SeriesNames
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.service_map.service_map import MapAmounts, MapEdge, MapKind, MapNode
from streams.screens.board.wall.wall import WallThreshold
from streams.screens.board.wall.wall_numbers import threshold_of

MEASURES: Final = (
    Measure.REQUESTS,
    Measure.ERRORS_USER,
    Measure.ERRORS_BACKEND,
    Measure.ERRORS_FATAL,
    Measure.THROTTLES,
    Measure.RCU,
    Measure.WCU,
    Measure.COST,
    Measure.LATENCY,
)
"""The columns of amounts."""

COLUMN_OF: Final = {measure.value: column for column, measure in enumerate(MEASURES)}

_EDGES: Final = {
    (CLIENT, ROUTE),
    (CLIENT, FUNCTION),
    (CLIENT, TABLE),
    (ROUTE, FUNCTION),
    (ROUTE, TABLE),
    (FUNCTION, TABLE),
    (FUNCTION, SERVICE),
}
MAP_SECONDS: Final = 300

FEWEST: Final = 5
"""Failed requests that a share rests on: one of two is chance, and no reason to colour anything."""

_KINDS: Final[dict[str, MapKind]] = {
    CLIENT: "client",
    ROUTE: "route",
    FUNCTION: "function",
    TABLE: "table",
    SERVICE: "service",
}
_NEAREST: Final = {ROUTE: (CLIENT,), FUNCTION: (ROUTE, CLIENT), TABLE: (FUNCTION, ROUTE, CLIENT)}
"""The kinds that are drawn as callers of a kind: the first of these that calls it at all."""

_UNMEASURED: Final = -1
_LATENCY: Final = MEASURES.index(Measure.LATENCY)


class MapSeries(NamedTuple):
    """The series of nodes and edges, sorted by their numbers.

    ``owner`` is the place in ``about`` of what a series belongs to, ``column`` the place of its measure in
    ``MEASURES``.
    """

    known: int  # names that there were
    numbers: Ints
    owner: Ints
    column: Ints
    about: list[ScopeOrEdge]


def map_series(names: SeriesNames) -> MapSeries:
    """Return the series of the map among all that are known."""
    about: dict[ScopeOrEdge, int] = {}
    found: list[tuple[int, int, int]] = []
    for number, (target, source, measure) in names:
        column = COLUMN_OF.get(measure)
        if column is None or target.kind not in _KINDS:
            continue
        if not source.kind:
            owner: ScopeOrEdge = target
        elif (source.kind, target.kind) in _EDGES:
            owner = Edge(source, target)
        else:
            continue
        found.append((number, about.setdefault(owner, len(about)), column))
    numbers, owners, columns = np.array(found, np.int64).reshape(-1, 3).T
    return MapSeries(len(names), numbers, owners, columns, list(about))


class MapFigures(NamedTuple):
    """Nodes, and edges between them by their places; what is not well has a verdict or a threshold."""

    nodes: list[MapNode]
    edges: list[MapEdge]


class _Sums(NamedTuple):
    """The amounts of the last five minutes, by the place of ``MapSeries.about``."""

    amounts: Floats  # (places, measures) a second; NaN where there is none
    latency: Floats  # (places,) the newest; NaN where unknown
    seconds: int


def map_figures(
    view: HistoryView, series: MapSeries, at: int, verdicts: OpenVerdicts, settings: Settings
) -> MapFigures:
    """Return every node that was called in the last five minutes or has an open finding, and the edges.

    ``at`` is the end of the newest step, epoch seconds.
    """
    step = settings.time.step
    sums = _sums(view, series, at - max(1, MAP_SECONDS // step) * step, at)
    states = MapStates(settings.board, step, sums.seconds)
    return _Making(series, sums, states, verdicts).figures(_shares(view, step))


def _sums(view: HistoryView, series: MapSeries, first: int, at: int) -> _Sums:
    rows = view.rows(MINUTES, first, at, series.numbers)
    starts, begins = np.unique(rows.start, return_index=True)
    seconds = int(rows.seconds[begins].sum()) if len(starts) else at - first
    place = np.searchsorted(series.numbers, rows.series)
    owner, column, value = series.owner[place], series.column[place], rows.observed.astype(np.float64)
    known = ~np.isnan(value)
    owner, column, value = owner[known], column[known], value[known]
    shape = len(series.about), len(MEASURES)
    cells = owner * len(MEASURES) + column
    there = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape) > 0
    amounts = np.bincount(cells, value, shape[0] * shape[1]).reshape(shape) / seconds
    newest = column == _LATENCY  # rows of a series are in order: the last one stays
    latency = np.full(shape[0], np.nan)
    latency[owner[newest]] = value[newest]
    return _Sums(np.where(there, amounts, np.nan), latency, seconds)


def _shares(view: HistoryView, step: int) -> dict[Scope, float]:
    """Return the share that the newest step used of the limit that each scope is nearest to."""
    shares: dict[Scope, float] = {}
    for series in view.limited():
        if not np.isnan(series.observed):
            scope, share = series.key.scope, series.observed / step / series.limit
            shares[scope] = max(share, shares.get(scope, 0.0))
    return shares


def _amount(sums: Floats, measure: Measure) -> float | None:
    value = sums[COLUMN_OF[measure]]
    return None if np.isnan(value) else float(value)


def _amounts(kind: str, sums: Floats) -> MapAmounts:
    backend, fatal = (_amount(sums, measure) for measure in (Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL))
    table = kind == TABLE
    return MapAmounts(
        requests=_amount(sums, Measure.REQUESTS) or 0.0,
        failed=None if table else (backend or 0.0) + (fatal or 0.0),
        user_errors=None if table else _amount(sums, Measure.ERRORS_USER) or 0.0,
        throttles=_amount(sums, Measure.THROTTLES),
        rcu=_amount(sums, Measure.RCU) if table else None,
        wcu=_amount(sums, Measure.WCU) if table else None,
        cost=_amount(sums, Measure.COST),
    )


def _fields(amounts: MapAmounts) -> dict[str, float | None]:
    return {name: getattr(amounts, name) for name in MapAmounts.__struct_fields__}


def worst_of(thresholds: Iterable[WallThreshold]) -> WallThreshold:
    """Return the worst of some thresholds.

    Examples
    --------
    >>> worst_of([None, "warning", None]), worst_of(["warning", "critical"]), worst_of([])
    ('warning', 'critical', None)
    """
    found = set(thresholds)
    return "critical" if "critical" in found else "warning" if "warning" in found else None


class MapStates:
    """Compares nodes and edges with the thresholds of the wall, which hold for every node.

    ``step`` is the length of a step, ``seconds`` the time that amounts are of.
    """

    def __init__(self, settings: BoardSettings, step: int, seconds: int) -> None:
        self._settings = settings
        self._step = step
        self._seconds = seconds
        self._times: dict[str, ThresholdSettings] = {
            SERVICE: settings.api_ms,
            ROUTE: settings.api_ms,
            FUNCTION: settings.function_ms,
            TABLE: settings.table_ms,
        }

    def of_amounts(self, amounts: MapAmounts) -> WallThreshold:
        """Return the worst threshold that amounts a second reach."""
        found: list[WallThreshold] = []
        failed = amounts.failed or 0.0
        if amounts.requests > 0 and failed * self._seconds >= FEWEST:
            found.append(threshold_of(failed / amounts.requests, self._settings.errors_backend))
        if amounts.throttles:
            found.append(threshold_of(amounts.throttles * self._step, self._settings.throttles))
        return worst_of(found)

    def of_node(
        self, kind: str, amounts: MapAmounts, latency: float | None, share: float | None
    ) -> WallThreshold:
        """Return the worst threshold that a node has reached."""
        times = self._times.get(kind)
        return worst_of(
            (
                self.of_amounts(amounts),
                None if times is None else threshold_of(latency, times),
                threshold_of(share, self._settings.share),
            )
        )


class _Making:
    """The steps of ``map_figures``."""

    def __init__(self, series: MapSeries, sums: _Sums, states: MapStates, verdicts: OpenVerdicts) -> None:
        self._sums = sums.amounts
        self._latency = sums.latency
        self._states = states
        self._of_scope = verdicts.by_scope()
        self._of_edge = verdicts.by_caller()
        requests = np.nan_to_num(sums.amounts[:, COLUMN_OF[Measure.REQUESTS]])
        called = requests > 0
        self._scopes = {
            about: row
            for row, about in enumerate(series.about)
            if isinstance(about, Scope) and (called[row] or about in self._of_scope)
        }
        for scope in self._of_scope:  # also if it was never measured
            if scope.kind in _KINDS:
                self._scopes.setdefault(scope, _UNMEASURED)
        self._edges = {
            about: row for row, about in enumerate(series.about) if isinstance(about, Edge) and called[row]
        }
        self._requests = requests

    def figures(self, shares: dict[Scope, float]) -> MapFigures:
        drawn = self._drawn()
        for edge in drawn:  # a client of a build has no series before it has requests of its own
            for end in edge:
                self._scopes.setdefault(end, _UNMEASURED)
        order = sorted(self._scopes, key=lambda scope: (tuple(_KINDS).index(scope.kind), scope))
        places = {scope: place for place, scope in enumerate(order)}
        services = self._services(drawn)
        of_service = {scope: places[service] for scope, service in services.items()}
        edges = [self._edge(edge, places) for edge in drawn]
        failed: dict[int, float] = defaultdict(float)
        for calls in edges:
            failed[calls.source] += calls.failed or 0.0
        nodes = [
            self._node(scope, of_service.get(scope), shares.get(scope), failed.get(place))
            for place, scope in enumerate(order)
        ]
        return MapFigures(nodes, edges)

    def _drawn(self) -> list[Edge]:
        """Return the edges from the nearest kind of callers of each target."""
        into: dict[Scope, set[str]] = defaultdict(set)
        for source, target in self._edges:
            into[target].add(source.kind)
        nearest = {
            target: next((kind for kind in _NEAREST[target.kind] if kind in kinds), None)
            for target, kinds in into.items()
            if target.kind in _NEAREST
        }
        return sorted(edge for edge in self._edges if edge.source.kind == nearest.get(edge.target))

    def _services(self, drawn: Iterable[Edge]) -> dict[Scope, Scope]:
        """Return the service of each function, and of the routes and tables that belong to one alone."""
        most: dict[Scope, tuple[float, Scope]] = {}
        for edge, row in sorted(self._edges.items()):
            if edge.target.kind == SERVICE and edge.target in self._scopes:
                requests = float(self._requests[row])
                if requests > most.get(edge.source, (0.0, edge.target))[0]:
                    most[edge.source] = requests, edge.target
        found = {function: service for function, (_, service) in most.items()}
        around: dict[Scope, set[Scope | None]] = defaultdict(set)
        for source, target in drawn:
            if target.kind == TABLE and source.kind == FUNCTION:
                around[target].add(found.get(source))
            elif target.kind == FUNCTION and source.kind == ROUTE:
                around[source].add(found.get(target))
        for scope, services in around.items():
            [service, *others] = services
            if service is not None and not others:
                found[scope] = service
        return found

    def _node(self, scope: Scope, service: int | None, share: float | None, failed: float | None) -> MapNode:
        """Return a node; a client has no series of failures: ``failed`` is what did of its calls."""
        row = self._scopes[scope]
        if row == _UNMEASURED:
            sums, latency = np.full(len(MEASURES), np.nan), None
        else:
            sums = self._sums[row]
            latency = None if np.isnan(self._latency[row]) else float(self._latency[row])
        amounts = _amounts(scope.kind, sums)
        if scope.kind == CLIENT:
            amounts = replace(amounts, failed=failed)
        return MapNode(
            **_fields(amounts),  # type: ignore[arg-type]
            kind=_KINDS[scope.kind],
            cloud=scope.cloud,
            account=scope.account,
            scope=scope.as_answer(),
            label=scope.label,
            service=service,
            latency=latency,
            share=share,
            verdict=self._of_scope.get(scope),
            threshold=self._states.of_node(scope.kind, amounts, latency, share),
        )

    def _edge(self, edge: Edge, places: dict[Scope, int]) -> MapEdge:
        amounts = _amounts(edge.target.kind, self._sums[self._edges[edge]])
        verdict, excess = self._of_edge.get(edge, (None, None))
        return MapEdge(
            **_fields(amounts),  # type: ignore[arg-type]
            source=places[edge.source],
            target=places[edge.target],
            excess=excess,
            verdict=verdict,
            threshold=self._states.of_amounts(amounts),
        )
