"""Which series of a history are about which scope."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from detectors.model.scope import Scope
from streams.record.history.series_names import SeriesKey


class ScopeSeries(NamedTuple):
    """The numbers of the series of one scope."""

    own: list[int]  # its measures
    into: list[int]  # of edges from those that call it
    out: list[int]  # of edges to those that it calls


class ScopeIndex(NamedTuple):
    """All scopes of a history, those that only call others too."""

    known: int  # how many series there were
    scopes: dict[Scope, ScopeSeries]

    @classmethod
    def of(cls, names: Iterable[tuple[int, SeriesKey]]) -> Self:
        """Return the index of series."""
        scopes: dict[Scope, ScopeSeries] = {}
        known = 0

        def at(scope: Scope) -> ScopeSeries:
            found = scopes.get(scope)
            if found is None:
                found = scopes[scope] = ScopeSeries([], [], [])
            return found

        for number, key in names:
            known += 1
            if not key.source.kind:
                at(key.scope).own.append(number)
            else:
                at(key.scope).into.append(number)
                at(key.source).out.append(number)
        return cls(known, scopes)
