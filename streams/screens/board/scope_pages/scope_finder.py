"""Finds the scopes of a history by their names."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple, Self

from detectors.model.scope import FUNCTION, KINDS, ROUTE, SERVICE, TABLE, Scope
from streams.record.history.series_names import SeriesKey, SeriesNames
from streams.screens.board.scope_pages.scope_page import FoundScope, FoundScopes

MOST_FOUND: Final = 20

GIVEN: Final = ("cloud", "account", "region", "version")
"""The parameters that an address has of a scope besides its kind and name."""

_ORDER: Final = {kind: place for place, kind in enumerate(("table", "function", "route", "service"))}


class UnknownScopeError(LookupError):
    """There is no such scope; one line with the remedy."""


class ScopeFinder:
    """Finds scopes that series are about, and those that only call others.

    ``account_name`` returns the name that people gave an account, by its id.
    """

    def __init__(self, scopes: Collection[Scope], account_name: Callable[[str], str]) -> None:
        self._scopes = scopes
        self._name = account_name

    def exactly(self, about: str, given: Mapping[str, str]) -> list[Scope]:
        """Return the scopes that an address may mean: one, or several that differ in what it leaves out.

        ``about`` is kind and name: ``table:items``.

        Raises
        ------
        UnknownScopeError
            When there is none.
        """
        kind, _, name = about.partition(":")
        if kind not in KINDS or not name:
            raise UnknownScopeError(f"scope is one of {', '.join(KINDS)}, a colon and a name: table:items")
        cloud, account, region, version = (given.get(field, "") for field in GIVEN)
        whole = Scope(kind, cloud, account, region, name, version)
        if whole in self._scopes:
            return [whole]
        found = [
            scope
            for scope in self._scopes
            if (scope.kind, scope.name) == (kind, name)
            and all(getattr(scope, field) == value for field, value in given.items() if value)
        ]
        if not found:
            raise UnknownScopeError(f"no {kind} {name} is known here: /board/scopes?like= finds names")
        return sorted(found)

    def like(self, text: str) -> FoundScopes:
        """Return the scopes that have every word of a text in kind, name, version, account or region."""
        words = text.lower().split()
        found = sorted(
            (_distance(scope, words), scope)
            for scope in self._scopes
            if words and all(any(word in text for text in self._texts(scope)) for word in words)
        )
        return self.listed(scope for _, scope in found)

    def listed(self, scopes: Iterable[Scope]) -> FoundScopes:
        """Return scopes as the page has them, the first ones."""
        every = list(scopes)
        first = every[:MOST_FOUND]
        return FoundScopes(
            [FoundScope(scope.as_answer(), scope.label, self._name(scope.account)) for scope in first],
            len(every) - len(first),
        )

    def _texts(self, scope: Scope) -> list[str]:
        return [text.lower() for text in (*scope, self._name(scope.account))]


def _distance(scope: Scope, words: list[str]) -> tuple[int, int, int]:
    """Return the distance of a name from the typed words: the whole, its beginning, a part, or neither."""
    name = scope.name.lower()
    if name in words:
        near = 0
    elif any(name.startswith(word) for word in words):
        near = 1
    else:
        near = 2 if any(word in name for word in words) else 3
    return near, _ORDER.get(scope.kind, len(_ORDER)), len(name)


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

    def members(self, scope: Scope, names: SeriesNames) -> set[Scope]:
        """Return the functions of a service, the routes into them and their tables; none of anything else."""
        if scope.kind != SERVICE:
            return set()
        found = {names[number].source for number in self.scopes[scope].into}
        functions = {source for source in found if source.kind == FUNCTION}
        for function in functions:
            found |= {names[number].source for number in self.scopes[function].into}
            found |= {names[number].scope for number in self.scopes[function].out}
        return {member for member in found if member.kind in (FUNCTION, ROUTE, TABLE)}
