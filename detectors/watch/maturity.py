"""How far baselines are: the scopes that became judgeable since the last digest, and those still learnt."""

from collections import Counter
from collections.abc import Iterable
from itertools import zip_longest
from typing import Final

import msgspec

from detectors.model.scope import CLIENT, FUNCTION, ROUTE, SERVICE, TABLE, Scope
from detectors.state.declared import Held, Stateful, StatePart

KINDS: Final = (SERVICE, TABLE, FUNCTION, ROUTE, CLIENT)
"""The scopes that are reported, in this order. An account consists of them, and tenants are not judged."""

NAMED: Final = 5
"""Scopes reported by name; the others are counted."""


class Maturity(msgspec.Struct, frozen=True):
    """The scopes that became judgeable in one hour, and those still learnt at its end.

    A series is learnt, and not reported, until it is ``judge.young`` seconds old. A scope that was judgeable
    before and is so again, because that setting changed twice, is reported again.
    """

    at: int  # the end of the hour, epoch seconds
    judgeable: dict[str, int] = {}  # scopes that became it, by kind
    named: list[Scope] = []  # the first of them
    learning: list[int] = []  # scopes that are still learnt, by day; empty without any

    def past(self) -> "Maturity":
        """Return it as of its end alone, without the scopes that became judgeable until then."""
        return Maturity(self.at, learning=self.learning)


def first_named(scopes: Iterable[Scope]) -> list[Scope]:
    """Return the scopes that are reported by name: each once, by kind and name."""
    return sorted(set(scopes), key=lambda scope: (KINDS.index(scope.kind), scope))[:NAMED]


def merged(given: Iterable[Maturity]) -> Maturity:
    """Return several as one: of all shards in one hour, or of the hours up to the newest.

    Examples
    --------
    >>> merged([Maturity(7200, {"table": 1}, learning=[0, 4]), Maturity(3600, {"table": 2, "service": 1})])
    Maturity(at=7200, judgeable={'service': 1, 'table': 3}, named=[], learning=[0, 4])
    """
    several = list(given)
    counts = Counter[str]()
    for maturity in several:
        counts.update(maturity.judgeable)
    return Maturity(
        at=max((hour.at for hour in several), default=0),
        judgeable={kind: counts[kind] for kind in KINDS if counts[kind]},
        named=first_named(scope for hour in several for scope in hour.named),
        learning=[sum(of_day) for of_day in zip_longest(*(hour.learning for hour in several), fillvalue=0)],
    )


class Maturing(Stateful):
    """The hours since the last digest in which anything became judgeable, and the newest one.

    There are no more than the hours of a day: each digest reports them.
    """

    STATE = (Held(StatePart("maturity", list[Maturity]), "_hours", later=True),)

    def __init__(self) -> None:
        self._hours: list[Maturity] = []  # only the newest holds ``learning``

    def feed(self, given: Iterable[Maturity]) -> None:
        """Add one hour, of all shards; without any, nothing changes."""
        of_shards = list(given)
        if of_shards:
            before = [msgspec.structs.replace(hour, learning=[]) for hour in self._hours if hour.judgeable]
            self._hours = [*before, merged(of_shards)]

    @property
    def changed(self) -> bool:
        """Whether anything became judgeable since the last report."""
        return any(hour.judgeable for hour in self._hours)

    def report(self) -> list[Maturity]:
        """Return the hours, the newest last; each scope that became judgeable is returned once."""
        hours = self._hours
        self._hours = [hour.past() for hour in hours[-1:]]
        return hours
