"""Blocks for another process of this computer: each name once, then its number, and arrays in one piece.

Blocks for other computers have their names in full (``block_codec``): a reader there may have missed earlier
blocks. Two ends of a pipe miss nothing.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.engine.decode.paths import Call, Path
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_names import KnownCalls, KnownPaths, NameBook, end_of

Names = tuple[Sequence[Path], Sequence[Call]]

_ARRAYS: Final = ("sums", "gb_seconds", "amounts", "cells", "counts")
_REST: Final = tuple(name for name in Block.__slots__ if name not in ("paths", "calls", *_ARRAYS))
_HEAD: Final = attrgetter(*_REST)
_NO_IDS: Final = np.zeros(0, np.int64)


class BlockBatch(NamedTuple):
    """Blocks as columns."""

    heads: list[tuple[Any, ...]]  # of each block: its fields that are neither names nor arrays
    names: list[Names | None]  # of each: those that are new; None if it has names without numbers
    given: list[Names]  # those names
    sizes: list[tuple[int, int, int, int]]  # of each: its paths, calls, values and cells
    arrays: list[NDArray[Any]]  # of all, one behind the other


class BlockEncoder:
    """Encodes blocks; a ``BlockDecoder`` needs all batches, in order."""

    def __init__(self) -> None:
        self._sent: dict[str, tuple[int, int]] = {}  # how many paths and calls of each source

    def encode(self, blocks: Sequence[Block]) -> BlockBatch:
        """Return blocks that a rollup of this process has made as a batch."""
        batch = BlockBatch([], [], [], [], [])
        path_ids, call_ids, callers = [_NO_IDS], [_NO_IDS], [_NO_IDS]
        for block in blocks:
            paths, calls = block.paths, block.calls
            batch.heads.append(_HEAD(block))
            batch.sizes.append((len(paths), len(calls), len(block.values), len(block.cells)))
            if not (isinstance(paths, KnownPaths) and isinstance(calls, KnownCalls)):
                batch.names.append(None)
                batch.given.append((list(paths), list(calls)))
                continue
            before = self._sent.get(block.source, (0, 0))
            after = max(before[0], end_of(paths.ids)), max(before[1], end_of(calls.ids))
            self._sent[block.source] = after
            batch.names.append((paths.names[before[0] : after[0]], calls.names[before[1] : after[1]]))
            path_ids.append(paths.ids)
            call_ids.append(calls.ids)
            callers.append(calls.rows)
        if blocks:
            batch.arrays.extend(map(np.concatenate, (path_ids, call_ids, callers)))
            for name in _ARRAYS:
                batch.arrays.append(np.concatenate([getattr(block, name) for block in blocks]))
        return batch


class BlockDecoder:
    """Decodes the batches of one ``BlockEncoder``."""

    def __init__(self) -> None:
        self._known: dict[str, _Names] = {}

    def decode(self, batch: BlockBatch) -> list[Block]:
        """Return the blocks of a batch."""
        if not batch.heads:
            return []
        path_ids, call_ids, callers, sums, gb_seconds, amounts, cells, counts = batch.arrays
        given, blocks = iter(batch.given), []
        path = call = row = value = cell = 0
        for head, names, (some_paths, some_calls, values, some_cells) in zip(
            batch.heads, batch.names, batch.sizes, strict=True
        ):
            fields = dict(zip(_REST, head, strict=True))
            if names is None:
                fields["paths"], fields["calls"] = next(given)
            else:
                known = self._learn(fields["source"], *names)
                called = slice(call, call + some_calls)
                fields["paths"] = KnownPaths(known.paths, path_ids[path : path + some_paths], known.book)
                fields["calls"] = KnownCalls(known.calls, callers[called], call_ids[called], known.book)
                path, call = path + some_paths, call + some_calls
            rows = slice(row, row + some_paths + some_calls)
            timed = slice(cell, cell + some_cells)
            blocks.append(
                Block(
                    **fields,
                    sums=sums[rows],
                    gb_seconds=gb_seconds[rows],
                    amounts=amounts[value : value + values],
                    cells=cells[timed],
                    counts=counts[timed],
                )
            )
            row, value, cell = rows.stop, value + values, timed.stop
        return blocks

    def _learn(self, source: str, paths: Sequence[Path], calls: Sequence[Call]) -> "_Names":
        known = self._known.get(source)
        if known is None:
            known = self._known[source] = _Names()
        known.paths += paths
        known.calls += calls
        return known


class _Names:
    """The names of one source so far."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.calls: list[Call] = []
        self.book = NameBook()
