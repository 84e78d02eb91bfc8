"""Who calls a scope and whom it calls: how much of it, and whether that is more calls or more a call."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from detectors.model.measures import COUNTED_BY, SOURCES_INTO, Measure
from detectors.model.scope import KINDS, Scope
from streams.board.curves import CurveReader
from streams.board.scope_page import ScopeAmount, ScopeNeighbour, ScopeNeighbours
from streams.board.scope_range import HOUR, WEEK
from streams.store.coarser import TEN_MINUTES
from streams.store.history_rows import HistoryRows
from streams.store.history_view import HistoryView
from streams.store.series_names import NOBODY

MOST_NEIGHBOURS: Final = 40
"""Of one kind, that are read and shown."""

_COUNTS: Final = frozenset(COUNTED_BY[measure] for measure in (Measure.RCU, Measure.WCU))
"""Measures by which others are counted: they are said with those."""

_Edges = dict[
    Scope, dict[str, int]
]  # the numbers of the series between a neighbour and the scope, by measure


class _Sums(NamedTuple):
    """What series add up to, by number, and over how many seconds it is known."""

    totals: Mapping[int, float]
    seconds: float

    def rate(self, series: int | None) -> float:
        """Return the sum of a series a second; no row is zero."""
        return 0.0 if series is None else self.totals.get(series, 0.0) / self.seconds


class NeighbourReader:
    """Makes them from a view of the history, over a range.

    Parameters
    ----------
    view
        What the history holds now.
    reader
        Reads the rows behind it.
    scope
        The scope.
    first, end
        The range, epoch seconds.
    fine
        Whether rows of steps are read, or of ten minutes.
    """

    def __init__(
        self, view: HistoryView, reader: CurveReader, scope: Scope, first: int, end: int, *, fine: bool
    ) -> None:
        self._view = view
        self._reader = reader
        self._scope = scope
        # both weeks are of as many whole rows
        self._first, self._end = first, end if fine else end - (end - first) % TEN_MINUTES
        self._fine = fine
        self._own = {
            key.measure: number for number, key in view.names if key.scope == scope and key.source == NOBODY
        }

    def callers(self) -> list[ScopeNeighbours]:
        """Return those that call it, by kind."""
        found: dict[str, _Edges] = {kind: {} for kind in SOURCES_INTO.get(self._scope.kind, ())}
        for number, key in self._view.names:
            if key.scope == self._scope and key.source.kind in found:
                found[key.source.kind].setdefault(key.source, {})[key.measure] = number
        return self._of_kinds(found, dict.fromkeys(found, self._own))

    def callees(self) -> list[ScopeNeighbours]:
        """Return those that it calls, by kind."""
        kinds = (kind for kind in reversed(KINDS) if self._scope.kind in SOURCES_INTO.get(kind, ()))
        found: dict[str, _Edges] = {kind: {} for kind in kinds}
        for number, key in self._view.names:
            if key.source == self._scope and key.scope.kind in found:
                found[key.scope.kind].setdefault(key.scope, {})[key.measure] = number
        return self._of_kinds(found, {})

    def _of_kinds(
        self, kinds: Mapping[str, _Edges], wholes: Mapping[str, Mapping[str, int]]
    ) -> list[ScopeNeighbours]:
        chosen = {kind: self._most(edges) for kind, edges in kinds.items() if edges}
        wanted = {
            number for edges in chosen.values() for of_scope in edges.values() for number in of_scope.values()
        }
        if not wanted:
            return []
        series = np.array(sorted(wanted | set(self._own.values())), np.int64)
        rows, before = self._reader.twice(series, self._first, self._end, fine=self._fine)
        now = self._sums(rows, self._first, self._end)
        if now is None:
            return []
        then = self._sums(before, self._first - WEEK, self._end - WEEK)
        if then is not None and then.seconds < now.seconds / 2:
            then = None  # the history began in that week
        made = [
            replace(_neighbours(kind, edges, wholes.get(kind), now, then), more=len(kinds[kind]) - len(edges))
            for kind, edges in chosen.items()
        ]
        return [one for one in made if one.neighbours]

    def _most(self, edges: _Edges) -> _Edges:
        """Return the neighbours with the most calls in the last hour of the range."""
        if len(edges) <= MOST_NEIGHBOURS:
            return edges
        calls = {of[Measure.REQUESTS]: scope for scope, of in edges.items() if Measure.REQUESTS in of}
        series = np.array(sorted(calls), np.int64)
        rows = self._reader.rows(series, self._end - HOUR, self._end, fine=self._fine)
        totals = dict.fromkeys(edges, 0.0)
        for number, total in _totals(rows).items():
            totals[calls[number]] += total
        most = sorted(edges, key=lambda scope: (-totals[scope], scope))[:MOST_NEIGHBOURS]
        return {scope: edges[scope] for scope in most}

    def _sums(self, rows: HistoryRows, first: int, end: int) -> _Sums | None:
        """Return the sums of a time; None if nothing is known of it."""
        if (own := self._own.get(Measure.REQUESTS)) is not None:
            mine = (rows.series == own) & ~np.isnan(rows.observed)
            seconds = int(rows.seconds[mine].sum())
        else:
            seconds = self._reader.known_seconds(first, end)
        return _Sums(_totals(rows), seconds) if seconds > 0 else None


def _totals(rows: HistoryRows) -> dict[int, float]:
    numbers, which = np.unique(rows.series, return_inverse=True)
    totals = np.bincount(which, np.nan_to_num(rows.observed).astype(np.float64), len(numbers))
    return dict(zip(numbers.tolist(), totals.tolist(), strict=True))


def _neighbours(
    kind: str,
    edges: _Edges,
    own: Mapping[str, int] | None,
    now: _Sums,
    then: _Sums | None,
) -> ScopeNeighbours:
    """Return neighbours of one kind, as parts of the scope's own amounts, else of their sum."""
    sums = {
        measure: sum(now.rate(of.get(measure)) for of in edges.values())
        for measure in dict.fromkeys(measure for of in edges.values() for measure in of)
        if measure not in _COUNTS
    }
    measures = sorted((each for each in sums if sums[each] > 0), key=lambda each: _place(each, sums[each]))

    def amount(of: Mapping[str, int], measure: str) -> ScopeAmount:
        value, series = now.rate(of.get(measure)), of.get(_counted_by(measure))
        whole = sums[measure] if own is None or measure not in own else now.rate(own[measure])
        return ScopeAmount(
            value,
            None if then is None else then.rate(of.get(measure)),
            value / whole if whole > 0 else None,
            now.rate(series),
            None if then is None else then.rate(series),
        )

    found = [
        ScopeNeighbour(scope.to_json(), scope.label, {each: amount(of, each) for each in measures})
        for scope, of in edges.items()
    ]
    found = [one for one in found if any(each.value or each.before for each in one.amounts.values())]
    if measures:
        found.sort(key=lambda one: (-one.amounts[measures[0]].value, one.label))
    return ScopeNeighbours(kind=kind, measures=measures, neighbours=found if measures else [])


def _place(measure: str, total: float) -> tuple[int, float]:
    """Capacity units first, those of which there are more before; then requests, then what else there is."""
    return (0 if measure in (Measure.RCU, Measure.WCU) else 1 if measure == Measure.REQUESTS else 2), -total


def _counted_by(measure: str) -> str:
    return COUNTED_BY.get(Measure(measure), Measure.REQUESTS)
