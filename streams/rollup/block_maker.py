"""Makes the blocks of a bucket: one per shard, numbered without gaps."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import compress
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.settings import MoneySettings
from detectors.model.scope import Scope
from streams.decode.paths import Call
from streams.decode.touched import scopes_of_path, shard_of, shards_of, table_of_call
from streams.decode.values import COLUMNS, scopes_of
from streams.rollup.billed_units import BilledUnits
from streams.rollup.block import Block
from streams.rollup.counts import Counts
from streams.rollup.names import RollupNames
from streams.rollup.placed_cells import placed
from streams.rollup.summary import Summary

Ints = NDArray[np.int64]
Cells = tuple[Ints, NDArray[np.float64]]
"""Cells of ids, ascending, and the count of each."""

_CALL: Final[Callable[[tuple[int, str]], Call]] = partial(tuple.__new__, Call)
"""Makes a call at a third of the cost of ``Call(…)``."""


class _Rows(NamedTuple):
    """The rows of a bucket, those of paths before those of calls, and the cells of their ids."""

    path_ids: Ints
    call_ids: Ints
    callers: Ints  # the row of each call's path
    tables: Sequence[str]  # of each call
    path_cells: Cells
    call_cells: Cells


class BlockMaker:
    """Replaces ids by names, and splits the counts of a bucket by shard.

    Parameters
    ----------
    source, shards, width
        As in ``Block``.
    names
        Whose ids the counts are kept under.
    money
        Which tables are provisioned.
    """

    def __init__(
        self, source: str, shards: int, width: int, names: RollupNames, money: MoneySettings
    ) -> None:
        self.sequence = 0  # of the next blocks; the same for every shard
        self._source = source
        self._shards = shards
        self._width = width
        self._names = names
        self._units = BilledUnits(money, names)
        self.restart(0)

    def restart(self, sequence: int) -> None:
        """Continue with this number after the names were restored."""
        self.sequence = sequence
        self._path_shards = np.zeros((0, self._shards), np.bool_)  # (paths, shards) what touches what
        self._call_shards = np.zeros((0, self._shards), np.bool_)
        self._path_of_call = np.zeros(0, np.int64)
        self._table_of_call: list[str] = []
        self._units.forget()

    def blocks(
        self, bucket: int, summary: Summary, watermark: int, *, width: int | None = None, late: bool = False
    ) -> list[Block]:
        """Return the blocks of a bucket, or of a span of this width, under the next number."""
        made = self._named(self.sequence, bucket, summary, watermark)
        self.sequence += 1
        for block in made:
            block.width = width or self._width
            block.late = max(block.records, 1) if late else 0  # what is joined late may count no record
        return made

    def early(self, bucket: int, summary: Summary, watermark: int) -> list[Block]:
        """Return what a bucket has counted so far, under the number of the last blocks: sums and times."""
        paths, calls = (Counts(each.sums, each.latency) for each in (summary.paths, summary.calls))
        counted = Summary(summary.records, paths, calls)
        made = self._named(self.sequence - 1, bucket, counted, watermark)
        for block in made:
            block.early = True
        return made

    def _named(self, sequence: int, bucket: int, summary: Summary, watermark: int) -> list[Block]:
        made = [self._block(shard, sequence, bucket, watermark) for shard in range(self._shards)]
        if summary.empty:
            return made
        for block in made:
            block.records = summary.records
        for name, level in summary.levels.items():
            made[shard_of(name.about, self._shards)].levels.append((name, level))
        for change in summary.changes:
            made[shard_of(change.about, self._shards)].changes.append(change)
        for example in summary.examples:
            for shard in shards_of(list(example.scopes), self._shards):
                made[shard].examples.append(example)
        self._learn_calls()
        path_ids, sums = summary.paths.sums.merged()
        call_ids, call_sums = summary.calls.sums.merged()
        whole = made[0]
        names = self._names.paths
        whole.paths = [names[number] for number in path_ids.tolist()]
        callers = np.searchsorted(path_ids, self._path_of_call[call_ids])
        tables = [self._table_of_call[number] for number in call_ids.tolist()]
        whole.gb_seconds = np.zeros((len(path_ids) + len(call_ids), COLUMNS))
        billed, gb_seconds = summary.billed.merged()
        whole.gb_seconds[np.searchsorted(path_ids, billed)] = gb_seconds
        whole.sums = sums
        if len(call_ids):
            sums = self._units.added(sums, callers, call_ids, call_sums)
            whole.sums = np.concatenate((sums, call_sums))
        value_ids, whole.amounts = summary.values.merged()
        whole.values = [self._names.value_ids.name(number) for number in value_ids.tolist()]
        whole.tags = [
            *_tags_of_rows(summary.paths, path_ids, 0),
            *_tags_of_rows(summary.calls, call_ids, len(path_ids)),
        ]
        latencies = summary.paths.latency.merged(), summary.calls.latency.merged()
        rows = _Rows(path_ids, call_ids, callers, tables, *latencies)
        if self._shards > 1:
            self._split(made, rows)
        else:
            whole.calls = _calls(callers.tolist(), tables)
            whole.cells, whole.counts = _cells_of(rows, np.arange(len(path_ids) + len(call_ids)))
        return made

    def idle(self, watermark: int, waiting: int) -> list[Block]:
        """Return blocks that report an idle source, under the number of the last blocks.

        ``waiting`` is the number of records in buckets that have not closed.
        """
        bucket = max(0, watermark - self._width)
        made = [self._block(shard, self.sequence - 1, bucket, watermark) for shard in range(self._shards)]
        for block in made:
            block.idle, block.records = True, waiting
        return made

    def _block(self, shard: int, sequence: int, bucket: int, watermark: int) -> Block:
        return Block(self._source, shard, self._shards, sequence, bucket, self._width, watermark)

    def _split(self, made: Sequence[Block], rows: _Rows) -> None:
        """Give each shard its rows of the first block, which holds all rows but no calls and cells yet."""
        self._learn_shards()
        path_ids, call_ids, callers, tables = rows[:4]
        paths, sums, gb_seconds = made[0].paths, made[0].sums, made[0].gb_seconds
        tags, values, amounts = made[0].tags, made[0].values, made[0].amounts
        homes = [shards_of(scopes_of(value), self._shards) for value in values]
        for block in made:
            with_call = self._call_shards[call_ids, block.shard]
            with_path = self._path_shards[path_ids, block.shard]
            with_path[callers[with_call]] = True
            kept = np.concatenate((with_path, with_call))
            row = np.where(kept, np.cumsum(kept) - 1, -1)
            block.paths = list(compress(paths, with_path.tolist()))
            block.calls = _calls(row[callers[with_call]].tolist(), compress(tables, with_call.tolist()))
            block.sums, block.gb_seconds = sums[kept], gb_seconds[kept]
            here = [block.shard in home for home in homes]
            block.values, block.amounts = list(compress(values, here)), amounts[np.array(here, np.bool_)]
            block.cells, block.counts = _cells_of(rows, row)
            block.tags = [(int(row[at]), key, text, count) for at, key, text, count in tags if kept[at]]

    def _learn_calls(self) -> None:
        known = self._names.calls
        fresh = known[len(self._table_of_call) :]
        if fresh:
            self._table_of_call += [table for _, table in fresh]
            self._path_of_call = np.concatenate((self._path_of_call, [path for path, _ in fresh]))

    def _learn_shards(self) -> None:
        paths, calls = self._names.paths, self._names.calls
        fresh = [scopes_of_path(path) for path in paths[len(self._path_shards) :]]
        self._path_shards = self._more(self._path_shards, fresh)
        fresh = [[table_of_call(paths[path], table)] for path, table in calls[len(self._call_shards) :]]
        self._call_shards = self._more(self._call_shards, fresh)

    def _more(self, known: NDArray[np.bool_], fresh: Sequence[Sequence[Scope | None]]) -> NDArray[np.bool_]:
        if not fresh:
            return known
        more = np.zeros((len(fresh), self._shards), np.bool_)
        for at, scopes in enumerate(fresh):  # an edge goes with its target, which is one of the scopes
            more[at, list(shards_of(scopes, self._shards))] = True
        return np.concatenate((known, more))


def _calls(paths: Iterable[int], tables: Iterable[str]) -> list[Call]:
    return list(map(_CALL, zip(paths, tables)))  # noqa: B905 - checking the lengths costs too much here


def _cells_of(rows: _Rows, row: Ints) -> Cells:
    """Return the cells of a block; ``row`` is that of each path and call in it, -1 where it has none."""
    paths = len(rows.path_ids)
    cells, counts = placed(*rows.path_cells, rows.path_ids, row[:paths])
    if not len(rows.call_cells[0]):
        return cells, counts
    call_cells, call_counts = placed(*rows.call_cells, rows.call_ids, row[paths:])
    return np.concatenate((cells, call_cells)), np.concatenate((counts, call_counts))


def _tags_of_rows(counts: Counts, ids: NDArray[np.int64], first: int) -> list[tuple[int, str, str, float]]:
    return [
        (int(np.searchsorted(ids, number)) + first, key, text, counts.tags[number, key, text])
        for number, key, text in sorted(counts.tags)
    ]
