"""Interns the names in the blocks of all sources: one shard numbers paths and calls together."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, Final

import numpy as np

from detectors.model.array_types import Ints
from detectors.state.state import pack, unpack
from streams.engine.decode.paths import PER_PART, Call, Path
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_names import KnownCalls, KnownPaths, tuples_of

VERSION: Final = 1


class _Numbers:
    """The ids of the names of a list, which only grows."""

    def __init__(self, names: Sequence[Any]) -> None:
        self.names = names
        self._ids = np.full(64, -1, np.int64)  # by place in the list, -1 if not known, and room for more

    def of(self, places: Ints) -> Ints:
        """Return the ids of names, by their places in ascending order."""
        if len(places) and places[-1] >= len(self._ids):
            room = np.full(2 * int(places[-1]), -1, np.int64)
            room[: len(self._ids)] = self._ids
            self._ids = room
        return self._ids[places]

    def learn(self, places: Ints, ids: Ints) -> None:
        """Remember ids."""
        self._ids[places] = ids


class Interner:
    """Paths and calls -> ids, in the order in which they appeared. ``Call.path`` is such an id."""

    def __init__(self) -> None:
        self.known: list[Path | Call] = []
        self._ids: dict[Path | tuple[int, str], int] = {}
        self._full: dict[str, bytes] = {}  # parts of a snapshot that no longer change
        self._lists: dict[int, _Numbers] = {}  # of lists of names in this process, by their identity

    def ids(self, block: Block) -> Ints:
        """Return (rows,) the id of every row of a block."""
        paths, calls = block.paths, block.calls
        if not (isinstance(paths, KnownPaths) and isinstance(calls, KnownCalls)):
            return np.array(self._looked_up(block), np.int64)
        path_numbers, call_numbers = self._numbers(paths.names), self._numbers(calls.names)
        found = np.concatenate((path_numbers.of(paths.ids), call_numbers.of(calls.ids)))
        if len(found) and found.min() < 0:
            found[:] = self._looked_up(block)
            path_numbers.learn(paths.ids, found[: len(paths)])
            call_numbers.learn(calls.ids, found[len(paths) :])
        return found

    def _numbers(self, names: Sequence[Any]) -> _Numbers:
        numbers = self._lists.get(id(names))
        if numbers is None:
            numbers = self._lists[id(names)] = _Numbers(names)
        return numbers

    def _looked_up(self, block: Block) -> list[int]:
        get = self._ids.get
        found = list(map(get, tuples_of(block.paths), repeat(-1)))
        if -1 in found:
            found = [self._add(path) if at < 0 else at for path, at in zip(block.paths, found, strict=True)]
        # a plain tuple equals its Call, and is cheaper to create
        pairs = [(found[row], table) for row, table in tuples_of(block.calls)]
        called = list(map(get, pairs, repeat(-1)))
        if -1 in called:
            called = [
                self._add(Call(*pair)) if at < 0 else at for pair, at in zip(pairs, called, strict=True)
            ]
        return found + called

    def known_ids(self, block: Block) -> list[int]:
        """Return the id of every row of a block, -1 for names that have not appeared; add none."""
        get = self._ids.get
        found = list(map(get, tuples_of(block.paths), repeat(-1)))
        pairs = [(found[row], table) for row, table in tuples_of(block.calls)]
        return found + list(map(get, pairs, repeat(-1)))

    def _add(self, name: Path | Call) -> int:
        self._ids[name] = found = len(self.known)
        self.known.append(name)
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return the names in parts, which no longer change once they are full."""
        first = len(self._full) * PER_PART
        for begin in range(first, len(self.known) - PER_PART + 1, PER_PART):
            self._full[f"names/{begin}"] = self._packed(begin)
            first = begin + PER_PART
        rest = {f"names/{first}": self._packed(first)} if first < len(self.known) else {}
        return {**self._full, **rest}

    def _packed(self, first: int) -> bytes:
        written = [_written(name) for name in self.known[first : first + PER_PART]]
        return pack("names", VERSION, written, {})

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Replace the names by those of a snapshot."""
        self.known, self._ids, self._full, self._lists = [], {}, {}, {}
        while (part := parts.get(f"names/{len(self.known)}")) is not None:
            written, _ = unpack(part, "names", VERSION, list[tuple[Path | None, Call | None]])
            if len(written) == PER_PART:
                self._full[f"names/{len(self.known)}"] = part
            for path, call in written:
                name = call if path is None else path
                if name is not None:
                    self._add(name)


def _written(name: Path | Call) -> tuple[Path | None, Call | None]:
    return (name, None) if isinstance(name, Path) else (None, name)
