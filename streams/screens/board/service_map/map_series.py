"""Which series the service map is made of."""

from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Ints
from detectors.model.measures import Measure
from detectors.model.scope import CLIENT, FUNCTION, ROUTE, SERVICE, TABLE, Edge, ScopeOrEdge
from streams.record.history.series_names import SeriesNames

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

_KINDS: Final = (CLIENT, ROUTE, FUNCTION, TABLE, SERVICE)
_EDGES: Final = {
    (CLIENT, ROUTE),
    (CLIENT, FUNCTION),
    (CLIENT, TABLE),
    (ROUTE, FUNCTION),
    (ROUTE, TABLE),
    (FUNCTION, TABLE),
    (FUNCTION, SERVICE),
}


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
            one: ScopeOrEdge = target
        elif (source.kind, target.kind) in _EDGES:
            one = Edge(source, target)
        else:
            continue
        found.append((number, about.setdefault(one, len(about)), column))
    numbers, owner, column_ = np.array(found, np.int64).reshape(-1, 3).T
    return MapSeries(len(names), numbers, owner, column_, list(about))
