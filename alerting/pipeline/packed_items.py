"""Items of the state that are saved one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from detectors.state.state import pack, unpack

K = TypeVar("K")
T = TypeVar("T")


class PackedItems(Generic[K, T]):
    """Items by key, oldest first; each is a part of the state, whose bytes stay until it changes.

    Parameters
    ----------
    kind, of
        Of the parts, and the type of their values.
    prefix
        Of the names of parts; the key follows.
    key, age
        Of an item; restored items are in the order of ``age``.
    """

    def __init__(
        self, kind: str, prefix: str, of: type[T], key: Callable[[T], K], age: Callable[[T], Any]
    ) -> None:
        self._kind, self._prefix, self._of = kind, prefix, of
        self._key, self._age = key, age
        self._items: dict[K, T] = {}
        self._packed: dict[K, bytes] = {}

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: K) -> T | None:
        """Return an item."""
        return self._items.get(key)

    def put(self, item: T) -> None:
        """Add an item, or note that it changed."""
        key = self._key(item)
        self._items[key] = item
        self._packed.pop(key, None)

    def drop(self, keys: Iterable[K]) -> None:
        """Remove items; unknown ones change nothing."""
        for key in keys:
            self._items.pop(key, None)
            self._packed.pop(key, None)

    def snapshot(self) -> dict[str, bytes]:
        """Return one part per item; unchanged ones are the same bytes."""
        for key, item in self._items.items():
            if key not in self._packed:
                self._packed[key] = pack(self._kind, 1, item, {})
        return {f"{self._prefix}{key}": part for key, part in self._packed.items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned, whatever the order of its parts."""
        found = [
            (unpack(part, self._kind, 1, self._of)[0], part)
            for name, part in parts.items()
            if name.startswith(self._prefix)
        ]
        found.sort(key=lambda entry: self._age(entry[0]))
        self._items = {self._key(item): item for item, _ in found}
        self._packed = {self._key(item): part for item, part in found}
