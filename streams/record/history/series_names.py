"""The numbers that stand for series in the files."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from detectors.model.measures import Series
from detectors.model.scope import Edge, Scope

NOBODY: Final = Scope("", "", "", "", "")

_SCOPE_BITS: Final = 23
_OWN_BITS: Final = 40


class SeriesKey(NamedTuple):
    """One series. ``measure`` is that of a scope, another quantile of a latency, or a reason of throttles."""

    scope: Scope  # of an edge, its target
    source: Scope  # of an edge; ``NOBODY`` for a series of a scope
    measure: str


def key_of(series: Series) -> SeriesKey:
    """Return the key of a series."""
    about = series.about
    source = about.source if isinstance(about, Edge) else NOBODY
    return SeriesKey(series.place, source, series.measure.value)


def series_id(key: SeriesKey) -> int:
    """Return the number of a series: a hash of its names (BLAKE2b), so that every process knows it.

    The series of a scope and of the edges into it are neighbours: the first 23 of 63 bits are the scope's.

    Examples
    --------
    >>> table = Scope("table", "aws", "1", "eu-west-1", "items")
    >>> ids = [series_id(SeriesKey(table, NOBODY, measure)) for measure in ("wcu", "rcu")]
    >>> ids[0] >> 40 == ids[1] >> 40, ids[0] == ids[1]
    (True, False)
    """
    of_scope = _hash("\x1f".join(key.scope)) >> (64 - _SCOPE_BITS)
    own = _hash("\x1f".join((*key.scope, *key.source, key.measure))) >> (64 - _OWN_BITS)
    return of_scope << _OWN_BITS | own


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


class SeriesNames:
    """The names of the series in a history, by number."""

    def __init__(self) -> None:
        self._keys: dict[int, SeriesKey] = {}
        self._ids: dict[SeriesKey, int] = {}

    def __len__(self) -> int:
        """Return how many series are known."""
        return len(self._keys)

    def __iter__(self) -> Iterator[tuple[int, SeriesKey]]:
        """Yield number and key of every series, by number."""
        return iter(sorted(self._keys.items()))

    def since(self, known: int) -> Iterator[tuple[int, SeriesKey]]:
        """Yield number and key of the series that came after the first ``known`` ones, in their order."""
        return itertools.islice(self._keys.items(), known, None)

    def add(self, keys: Iterable[SeriesKey]) -> list[int]:
        """Return the numbers of series, and know them from now on.

        Two may have the same number: by chance once in about 10^8 backends, or because somebody chose their
        names for it. The second is then kept as the first: their rows add up.
        """
        return [self._ids.get(key) or self._add(key) for key in keys]

    def _add(self, key: SeriesKey) -> int:
        number = self._ids[key] = series_id(key)
        self._keys.setdefault(number, key)
        return number

    def __getitem__(self, number: int) -> SeriesKey:
        """Return the key of a number."""
        return self._keys[number]
