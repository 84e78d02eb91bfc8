"""Interns the names in the blocks of all sources: one shard numbers paths and calls together."""

from collections.abc import Mapping
from itertools import repeat
from typing import Final

from detectors.state.state import pack, unpack
from streams.decode.paths import PER_PART, Call, Path
from streams.rollup.block import Block
from streams.rollup.block_names import tuples_of

VERSION: Final = 1


class Interner:
    """Paths and calls -> ids, in the order in which they appeared. ``Call.path`` is such an id."""

    def __init__(self) -> None:
        self.known: list[Path | Call] = []
        self._ids: dict[Path | tuple[int, str], int] = {}
        self._full: dict[str, bytes] = {}  # parts of a snapshot that no longer change

    def ids(self, block: Block) -> list[int]:
        """Return the id of every row of a block."""
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
        self.known, self._ids, self._full = [], {}, {}
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
