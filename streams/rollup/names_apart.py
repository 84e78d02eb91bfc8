"""The names of blocks that go to another process of this computer: each once, then its number.

What is written for other computers has its names in full (``streams.rollup.block_codec``): who reads it may
have missed what was written before. Two ends of a pipe miss nothing.
"""

from collections.abc import Iterable
from typing import Any

from streams.decode.paths import Call, Path
from streams.rollup.block import Block
from streams.rollup.block_names import KnownCalls, KnownPaths, NameBook, end_of


class _Names:
    """What one source has named so far."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.calls: list[Call] = []
        self.book = NameBook(self)


class SentNames:
    """Takes the names out of blocks; ``ReceivedNames``, given the same blocks in order, puts them back."""

    def __init__(self) -> None:
        self._sent: dict[str, tuple[int, int]] = {}  # how many paths and calls of each source

    def strip(self, blocks: Iterable[Block]) -> None:
        """Replace the names in blocks that were just made by their numbers, and the names that are new."""
        for block in blocks:
            given: Any = block
            paths, calls = block.paths, block.calls
            if not isinstance(paths, KnownPaths) or not isinstance(calls, KnownCalls):
                continue
            before = self._sent.get(block.source, (0, 0))
            after = max(before[0], end_of(paths.ids)), max(before[1], end_of(calls.ids))
            self._sent[block.source] = after
            given.paths = paths.between(before[0], after[0]), paths.ids
            given.calls = calls.between(before[1], after[1]), calls.ids, calls.rows


class ReceivedNames:
    """Puts the names into blocks again."""

    def __init__(self) -> None:
        self._known: dict[str, _Names] = {}

    def fill(self, blocks: Iterable[Block]) -> None:
        """Give blocks their names, as ``SentNames`` took them."""
        for block in blocks:
            given: Any = block
            if not isinstance(given.paths, tuple):
                continue
            known = self._known.get(block.source)
            if known is None:
                known = self._known[block.source] = _Names()
            (paths, path_ids), (calls, call_ids, rows) = given.paths, given.calls
            known.paths += paths
            known.calls += calls
            block.paths = KnownPaths(known.paths, path_ids, known.book)
            block.calls = KnownCalls(known.calls, rows, call_ids, known.book)
