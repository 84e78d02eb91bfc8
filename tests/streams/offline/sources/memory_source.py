"""A history in memory, for tests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from detectors.model.array_types import Floats
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import Piece


class MemorySource:
    """Partitions by name, yielded in turns of the given numbers of records; at once without sizes."""

    def __init__(
        self,
        partitions: Mapping[str, Sequence[bytes]],
        sizes: Sequence[int] = (),
        arrived: Mapping[str, Floats] | None = None,
    ) -> None:
        self._arrived = arrived
        self._records = partitions
        self._sizes = sizes or (max(map(len, partitions.values()), default=1) or 1,)
        self._at: dict[str, int | None] = dict.fromkeys(partitions, 0)
        self.partitions = tuple(partitions)
        self.notes: tuple[str, ...] = ()

    @property
    def bounds(self) -> dict[str, Any]:
        return {name: len(records) for name, records in self._records.items()}

    def resume(self, bounds: Mapping[str, Any], places: Mapping[str, Any]) -> None:
        if bounds != self.bounds:
            raise ReplayError("the history has changed; start over with --restart")
        self._at.update(places)

    def pieces(self, level: Callable[[str], int] | None = None) -> Iterator[Piece]:  # noqa: ARG002
        total = sum(map(len, self._records.values())) or 1
        sizes = cycle(self._sizes)
        while left := [name for name, at in self._at.items() if at is not None]:
            for name in left:
                at = self._at[name]
                assert at is not None
                records = self._records[name][at : at + next(sizes)]
                self._at[name] = at + len(records) if records else None
                done = sum(len(self._records[n]) if a is None else a for n, a in self._at.items()) / total
                offsets = range(at, at + len(records))
                arrived = None if self._arrived is None else self._arrived[name][at : offsets.stop]
                yield Piece(name, records or None, done, self._at[name], offsets, arrived)
