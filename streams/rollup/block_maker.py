"""Makes the blocks of a bucket: one a shard, numbered without gaps."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import compress
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.scope import Scope
from streams.decode.cells import PER_ID
from streams.decode.decoder import Decoder
from streams.decode.paths import Call
from streams.decode.touched import scopes_of_path, shards_of, table_of_call
from streams.decode.values import ValueIds, scopes_of
from streams.rollup.block import Block
from streams.rollup.summary import Counts, Summary

Ints = NDArray[np.int64]

_CALL: Final[Callable[[tuple[int, str]], Call]] = partial(
    tuple.__new__, Call
)  # a third of what Call(…) costs


class _Rows(NamedTuple):
    """What the rows of a bucket are: those of paths, then those of calls."""

    path_ids: Ints
    call_ids: Ints
    callers: Ints  # the row of each call's path
    tables: Sequence[str]  # of each call
    owners: Ints  # the row of each cell
    rest: Ints  # what is left of it then


class BlockMaker:
    """Writes the counts of a bucket with their names, and deals them out to shards.

    Parameters
    ----------
    source, shards, width
        As in ``Block``.
    decoder
        Whose names the counts refer to.
    """

    def __init__(self, source: str, shards: int, width: int, decoder: Decoder) -> None:
        self.sequence = 0  # of the next blocks; the same for every shard
        self._source = source
        self._shards = shards
        self._width = width
        self._decoder = decoder
        self.restart(0)

    def restart(self, sequence: int) -> None:
        """Go on with this number, after the decoder's names were restored."""
        self.sequence = sequence
        self._path_shards = np.zeros((0, self._shards), np.bool_)  # (paths, shards) which touches which
        self._call_shards = np.zeros((0, self._shards), np.bool_)
        self._path_of_call = np.zeros(0, np.int64)
        self._table_of_call: list[str] = []
        self.values = ValueIds(self._decoder.paths.names, self._decoder.values)

    def blocks(self, bucket: int, summary: Summary, watermark: int, *, late: bool = False) -> list[Block]:
        """Return the blocks of a bucket and count the sequence on."""
        made = [self._block(shard, self.sequence, bucket, watermark) for shard in range(self._shards)]
        self.sequence += 1
        if not summary.records:
            return made
        for block in made:
            block.records = summary.records
            block.late = summary.records if late else 0
        self._learn_calls()
        path_ids, sums = summary.paths.sums.merged()
        call_ids, call_sums = summary.calls.sums.merged()
        whole = made[0]
        names = self._decoder.paths.names
        whole.paths = [names[number] for number in path_ids.tolist()]
        callers = np.searchsorted(path_ids, self._path_of_call[call_ids])
        tables = [self._table_of_call[number] for number in call_ids.tolist()]
        whole.sums = np.concatenate((sums, call_sums)) if len(call_ids) else sums
        value_ids, whole.amounts = summary.values.merged()
        whole.values = [self.values.name(number) for number in value_ids.tolist()]
        cells, whole.counts = summary.paths.latency.merged()
        owners, rest = _rows_of(cells, path_ids, 0)
        call_cells, call_counts = summary.calls.latency.merged()
        if len(call_cells):
            call_owners, call_rest = _rows_of(call_cells, call_ids, len(path_ids))
            owners, rest = np.concatenate((owners, call_owners)), np.concatenate((rest, call_rest))
            whole.counts = np.concatenate((whole.counts, call_counts))
        whole.tags = [
            *_tags_of_rows(summary.paths, path_ids, 0),
            *_tags_of_rows(summary.calls, call_ids, len(path_ids)),
        ]
        if self._shards > 1:
            self._deal(made, _Rows(path_ids, call_ids, callers, tables, owners, rest))
        else:
            whole.cells = owners * PER_ID + rest
            whole.calls = _calls(callers.tolist(), tables)
        return made

    def idle(self, watermark: int) -> list[Block]:
        """Return blocks that say idle, under the number of the last blocks."""
        bucket = max(0, watermark - self._width)
        made = [self._block(shard, self.sequence - 1, bucket, watermark) for shard in range(self._shards)]
        for block in made:
            block.idle = True
        return made

    def _block(self, shard: int, sequence: int, bucket: int, watermark: int) -> Block:
        return Block(self._source, shard, self._shards, sequence, bucket, self._width, watermark)

    def _deal(self, made: Sequence[Block], rows: _Rows) -> None:
        """Give each shard its rows of the first block, which holds all of them but for calls and cells."""
        self._learn_shards()
        path_ids, call_ids, callers, tables, owners, rest = rows
        paths, sums = made[0].paths, made[0].sums
        counts, tags = made[0].counts, made[0].tags
        values, amounts = made[0].values, made[0].amounts
        homes = [shards_of(scopes_of(value), self._shards) for value in values]
        for block in made:
            with_call = self._call_shards[call_ids, block.shard]
            with_path = self._path_shards[path_ids, block.shard]
            with_path[callers[with_call]] = True
            kept = np.concatenate((with_path, with_call))
            row = np.cumsum(kept) - 1
            block.paths = list(compress(paths, with_path.tolist()))
            block.calls = _calls(row[callers[with_call]].tolist(), compress(tables, with_call.tolist()))
            block.sums = sums[kept]
            here = [block.shard in home for home in homes]
            block.values, block.amounts = list(compress(values, here)), amounts[np.array(here, np.bool_)]
            mine = np.flatnonzero(kept[owners])
            block.cells = row[owners[mine]] * PER_ID + rest[mine]
            block.counts = counts[mine]
            block.tags = [(int(row[at]), key, text, count) for at, key, text, count in tags if kept[at]]

    def _learn_calls(self) -> None:
        known = self._decoder.calls.names
        fresh = known[len(self._table_of_call) :]
        if fresh:
            self._table_of_call += [table for _, table in fresh]
            self._path_of_call = np.concatenate((self._path_of_call, [path for path, _ in fresh]))

    def _learn_shards(self) -> None:
        paths, calls = self._decoder.paths.names, self._decoder.calls.names
        fresh = [scopes_of_path(path) for path in paths[len(self._path_shards) :]]
        self._path_shards = self._more(self._path_shards, fresh)
        fresh = [[table_of_call(paths[path], table)] for path, table in calls[len(self._call_shards) :]]
        self._call_shards = self._more(self._call_shards, fresh)

    def _more(self, known: NDArray[np.bool_], fresh: Sequence[Sequence[Scope | None]]) -> NDArray[np.bool_]:
        if not fresh:
            return known
        more = np.zeros((len(fresh), self._shards), np.bool_)
        for at, scopes in enumerate(fresh):  # an edge lives with its target, which is among the scopes
            more[at, list(shards_of(scopes, self._shards))] = True
        return np.concatenate((known, more))


def _calls(paths: Iterable[int], tables: Iterable[str]) -> list[Call]:
    return list(map(_CALL, zip(paths, tables)))  # noqa: B905 - a strict zip is no cheaper to check


def _rows_of(cells: Ints, ids: Ints, first: int) -> tuple[Ints, Ints]:
    """Return the row of each cell and what is left of it; the rows of ids are those from ``first`` on."""
    owners = cells // PER_ID
    row_of = np.zeros(int(ids[-1]) + 1 if len(ids) else 0, np.int64)
    row_of[ids] = np.arange(first, first + len(ids))
    return row_of[owners], cells - owners * PER_ID


def _tags_of_rows(counts: Counts, ids: NDArray[np.int64], first: int) -> list[tuple[int, str, str, float]]:
    return [
        (int(np.searchsorted(ids, number)) + first, key, text, counts.tags[number, key, text])
        for number, key, text in sorted(counts.tags)
    ]
