"""Makes the blocks of a bucket: one per shard, numbered without gaps."""

from collections.abc import Iterator, Sequence
from itertools import chain, compress
from typing import Final

import numpy as np

from config.sections.money import PriceList
from config.settings import MoneySettings
from detectors.model.array_types import Bools, Floats, Ints
from detectors.model.measures import COLUMN, Measure
from detectors.model.scope import TABLE, Scope
from detectors.model.stated import kept, kept_levels
from streams.engine.decode.counted_kinds import counted_kinds
from streams.engine.decode.touched import scopes_of_path, shard_of, shards_of, table_of_call
from streams.engine.decode.values import COLUMNS, scopes_of
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_names import KnownCalls, KnownPaths, NameBook
from streams.engine.rollup.blocks.block_rows import placed, rows_in, rows_of
from streams.engine.rollup.blocks.bucket import Bucket
from streams.engine.rollup.blocks.bucket_counts import BucketCounts, Tag, in_halves
from streams.engine.rollup.blocks.counts import Counts, add_rows
from streams.engine.rollup.blocks.names import RollupNames

_COLUMNS: Final = [COLUMN[measure] for measure in (Measure.READS, Measure.WRITES, Measure.RCU, Measure.WCU)]


class BilledUnits:
    """Adds up the billed units of the calls of each path; provisioned tables cost the same anyway.

    The account of a path may belong to another shard than the tables, and needs the cost of its requests.
    """

    def __init__(self, money: MoneySettings, names: RollupNames) -> None:
        self._prices = PriceList(money)
        self._count = money.count
        self._names = names
        self.forget()

    def forget(self) -> None:
        """Forget the names, after they were restored."""
        self._billed = np.zeros(0, np.bool_)  # by call

    def added(self, sums: Floats, callers: Ints, call_ids: Ints, call_sums: Floats) -> Floats:
        """Return the (paths, len(SUMMED)) sums of paths with the units that their calls are billed for.

        Parameters
        ----------
        sums
            Of paths, which have nothing in the columns of calls.
        callers, call_ids, call_sums
            (m,) the row of each call's path, (m,) its id, and (m, len(SUMMED)) its sums.
        """
        if not self._count:
            return sums
        calls, paths = self._names.calls, self._names.paths
        fresh = []
        for call in calls[len(self._billed) :]:
            path = paths[call.path]
            provisioned = self._prices.provisioned(path.account, path.region, call.table) is not None
            fresh.append(TABLE in counted_kinds(path.counts).targets and not provisioned)
        if fresh:
            self._billed = np.concatenate((self._billed, fresh))
        billed = self._billed[call_ids]
        with_units = sums.copy()
        units = call_sums[:, _COLUMNS][billed]
        with_units[:, _COLUMNS] += add_rows(callers[billed], units, len(sums))
        return with_units


FEW: Final = 4096
"""Names that are short enough for one block, however long they are."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of the names of one block of more: it has as much of numbers, and a broker takes 16 MiB."""


class BlockMaker:
    """Replaces ids by names, and splits the counts of a bucket by shard."""

    def __init__(
        self, source: str, shards: int, width: int, names: RollupNames, money: MoneySettings
    ) -> None:
        self.sequence = 0  # of the next blocks; the same for every shard
        self._source = source
        self._shards = shards
        self._width = width  # seconds
        self._names = names
        self._units = BilledUnits(money, names)
        self.restart(0)

    def restart(self, sequence: int) -> None:
        """Continue with this number after the names were restored."""
        self.sequence = sequence
        self._path_shards = np.zeros((0, self._shards), np.bool_)  # (paths, shards) which touches which
        self._call_shards = np.zeros((0, self._shards), np.bool_)
        self._path_of_call = np.zeros(0, np.int64)
        self._rank = np.zeros(0, np.int64)  # the row of each path that the present bucket has
        self._book = NameBook()
        self._units.forget()

    def blocks(
        self, start: int, bucket: Bucket, watermark: int, *, width: int | None = None, late: bool = False
    ) -> list[Block]:
        """Return the blocks of a bucket, or of a span of this width, under the next number.

        What is too large for one has several, with a number each; the last of them ends it.
        """
        pieces = self._pieces(bucket)
        made: list[Block] = []
        for number, piece in enumerate(pieces, 1):
            complete = watermark if late or number == len(pieces) else min(watermark, start)
            made += self._named(self.sequence, start, piece, complete)
            self.sequence += 1
        self._state(made[: self._shards], bucket)
        for block in made:
            block.width = width or self._width
            block.late, block.corrects = block.records if late else 0, late
        return made

    def early(self, start: int, bucket: Bucket, watermark: int) -> list[Block]:
        """Return the counts of a bucket so far, under the number of the last blocks: sums and times.

        None of one that is too large for a block.
        """
        paths, calls = (Counts(counts.sums, counts.latency) for counts in (bucket.paths, bucket.calls))
        counted = Bucket(bucket.records, paths, calls)
        pieces = self._pieces(counted)
        if len(pieces) > 1:
            return []
        made = self._named(self.sequence - 1, start, pieces[0], watermark)
        self._state(made, counted)
        for block in made:
            block.early = True
        return made

    def _state(self, made: Sequence[Block], bucket: Bucket) -> None:
        """Give the first block of each shard what a bucket has once."""
        if bucket.empty:
            return
        for block in made:
            block.records = bucket.records
        for name, level in kept_levels(bucket.levels).items():
            made[shard_of(name.about, self._shards)].levels.append((name, level))
        for change in kept(bucket.changes):
            made[shard_of(change.about, self._shards)].changes.append(change)
        for example in bucket.examples:
            for shard in shards_of(list(example.scopes), self._shards):
                made[shard].examples.append(example)

    def _pieces(self, bucket: Bucket) -> list[BucketCounts | None]:
        """Return the counts of a bucket in as many pieces as they need blocks; None if there are none."""
        return [None] if bucket.empty else [*self._small_enough(self._counted(bucket))]

    def _small_enough(self, counted: BucketCounts) -> Iterator[BucketCounts]:
        if counted.size <= FEW or self._bytes_of(counted) <= MOST_BYTES:
            yield counted
        else:
            for half in in_halves(counted):
                yield from self._small_enough(half)

    def _bytes_of(self, counted: BucketCounts) -> int:
        """Return about how many bytes the names of a block have; names are cut, so halves have fewer."""
        columns = self._book.path_columns(self._names.paths, counted.path_ids)
        columns.append(self._book.table_column(self._names.calls, counted.call_ids))
        texts = chain(*(column.texts for column in columns), *counted.values)
        return sum(len(text.encode()) for text in texts)

    def _named(self, sequence: int, start: int, counted: BucketCounts | None, watermark: int) -> list[Block]:
        made = [self._block(shard, sequence, start, watermark) for shard in range(self._shards)]
        if counted is None:
            return made
        if self._shards > 1:
            self._learn_shards()
            homes = [shards_of(scopes_of(value), self._shards) for value in counted.values]
        for block in made:
            if self._shards > 1:
                here = self._path_shards, self._call_shards
                rows = rows_in(block.shard, *counted[:3], here)
                valued = [block.shard in home for home in homes]
                block.values = list(compress(counted.values, valued))
                block.amounts = counted.amounts[np.array(valued, np.bool_)]
            else:
                rows = np.arange(len(counted.path_ids) + len(counted.call_ids))
                block.values, block.amounts = counted.values, counted.amounts
            self._give(block, counted, rows)
        return made

    def _counted(self, bucket: Bucket) -> BucketCounts:
        self._learn_calls()
        path_ids, sums = bucket.paths.sums.merged()
        call_ids, call_sums = bucket.calls.sums.merged()
        if len(self._rank) < len(self._names.paths):
            self._rank = np.zeros(2 * len(self._names.paths), np.int64)
        self._rank[path_ids] = np.arange(len(path_ids))
        callers = self._rank[self._path_of_call[call_ids]]
        gb_seconds = np.zeros((len(path_ids), COLUMNS))
        billed, amounts = bucket.billed.merged()
        gb_seconds[self._rank[billed]] = amounts
        if len(call_ids):
            sums = self._units.added(sums, callers, call_ids, call_sums)
        value_ids, amounts = bucket.values.merged()
        return BucketCounts(
            path_ids,
            call_ids,
            callers,
            (sums, call_sums),
            (gb_seconds, np.zeros((len(call_ids), COLUMNS))),
            bucket.paths.latency.merged(),
            bucket.calls.latency.merged(),
            [
                *_tags_of_rows(bucket.paths, path_ids, 0),
                *_tags_of_rows(bucket.calls, call_ids, len(path_ids)),
            ],
            [self._names.value_ids.name(number) for number in value_ids.tolist()],
            amounts,
        )

    def _give(self, block: Block, counted: BucketCounts, rows: Ints) -> None:
        """Give a block the rows that are its own; ``rows`` are their numbers in it."""
        path_ids, call_ids = counted[:2]
        paths, calls = rows[: len(path_ids)], rows[len(path_ids) :]
        with_call = calls >= 0
        callers = paths[counted.callers[with_call]]
        block.paths = KnownPaths(self._names.paths, path_ids[paths >= 0], self._book)
        block.calls = KnownCalls(self._names.calls, callers, call_ids[with_call], self._book)
        block.sums, block.gb_seconds = rows_of(rows, counted.sums), rows_of(rows, counted.gb_seconds)
        block.cells, block.counts = placed(
            (counted.path_cells, counted.call_cells), (path_ids, call_ids), (paths, calls)
        )
        tags = counted.tags
        block.tags = [(int(rows[at]), key, text, count) for at, key, text, count in tags if rows[at] >= 0]

    def idle(self, watermark: int, read: int | None) -> list[Block]:
        """Return blocks that report an idle source, under the number of the last blocks."""
        made = self._repeated(watermark)
        for block in made:
            block.idle, block.read = True, read
        return made

    def ends(self, watermark: int, ends: dict[str, int]) -> list[Block]:
        """Return blocks that tell where source partitions end, under the number of the last blocks."""
        made = self._repeated(watermark)
        for block in made:
            block.ends = ends
        return made

    def _repeated(self, watermark: int) -> list[Block]:
        start = max(0, watermark - self._width)
        return [self._block(shard, self.sequence - 1, start, watermark) for shard in range(self._shards)]

    def _block(self, shard: int, sequence: int, start: int, watermark: int) -> Block:
        return Block(self._source, shard, self._shards, sequence, start, self._width, watermark)

    def _learn_calls(self) -> None:
        fresh = self._names.calls[len(self._path_of_call) :]
        if fresh:
            self._path_of_call = np.concatenate((self._path_of_call, [path for path, _ in fresh]))

    def _learn_shards(self) -> None:
        paths, calls = self._names.paths, self._names.calls
        fresh = [scopes_of_path(path) for path in paths[len(self._path_shards) :]]
        self._path_shards = self._more(self._path_shards, fresh)
        fresh = [[table_of_call(paths[path], table)] for path, table in calls[len(self._call_shards) :]]
        self._call_shards = self._more(self._call_shards, fresh)

    def _more(self, known: Bools, fresh: Sequence[Sequence[Scope | None]]) -> Bools:
        if not fresh:
            return known
        more = np.zeros((len(fresh), self._shards), np.bool_)
        for at, scopes in enumerate(fresh):  # an edge goes with its target, which is one of the scopes
            more[at, list(shards_of(scopes, self._shards))] = True
        return np.concatenate((known, more))


def _tags_of_rows(counts: Counts, ids: Ints, first: int) -> list[Tag]:
    return [
        (int(np.searchsorted(ids, number)) + first, key, text, counts.tags[number, key, text])
        for number, key, text in sorted(counts.tags)
    ]
