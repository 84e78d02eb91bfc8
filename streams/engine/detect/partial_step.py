"""The step that is not over: what blocks tell of it so far, bucket by bucket."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.model.array_types import Floats
from streams.engine.measure.measuring import Measuring
from streams.engine.rollup.blocks.block import Block

Blocks = dict[int, dict[str, list[Block]]]
"""By bucket and source."""

KEPT_STEPS: Final = 5
"""Steps whose buckets are kept: until they are judged, which shows how much had come early."""


class PartialStep:
    """The counts of the last buckets of one shard, once every source has told them.

    A source has told a bucket with its early block, or with a watermark beyond it.

    Parameters
    ----------
    measuring
        Knows the sources, the scopes and their series.
    step, bucket
        Their seconds.
    """

    def __init__(self, measuring: Measuring, step: int, bucket: int) -> None:
        self._measuring, self._step, self._bucket = measuring, step, bucket
        self._told: Blocks = {}  # early blocks
        self._closed: Blocks = {}  # the others
        self._levels: dict[str, int] = {}  # by source: where its newest early block ends
        self._whole: dict[int, tuple[Floats, Floats]] = {}  # by bucket: (n,) of scopes and (m,) of edges
        self._unknown = 0  # until when blocks of whole steps do not tell buckets apart

    def feed(self, block: Block) -> None:
        """Take in an early block; one that was told before, as after a crash, changes nothing."""
        told = self._told.setdefault(block.bucket, {})
        if block.source not in told:
            told[block.source] = [block]
            level = block.bucket + self._bucket
            self._levels[block.source] = max(level, self._levels.get(block.source, level))

    def note(self, block: Block) -> None:
        """Take in the block of a bucket that has closed; nobody needs it before the first early block."""
        if block.width > self._bucket and not block.corrects:
            self._unknown = max(self._unknown, block.bucket + block.width)
        if self._told and block.records and not block.idle:
            self._closed.setdefault(block.bucket, {}).setdefault(block.source, []).append(block)

    @property
    def told_nothing(self) -> bool:
        """Whether no bucket was told early: then nothing of a step was, and there is nothing to forget."""
        return not (self._told or self._closed or self._whole) and bool(self._measuring.steps.levels)

    def end(self) -> int | None:
        """Return where the newest buckets end that every source has told; None if a step is not known."""
        steps = self._measuring.steps
        sources, judged = steps.levels, steps.watermark
        if judged is None or not sources or not self._levels:
            return None
        end = min(max(level, self._levels.get(source, 0)) for source, level in sources.items())
        if end <= judged or end - self._step < self._unknown:
            return None
        for start in range(end - self._step, end, self._bucket):
            told = self._told.get(start, {})
            if not all(source in told or level > start for source, level in sources.items()):
                return None
        return end

    def buckets(self, end: int) -> tuple[Floats, Floats]:
        """Return the counts of the step before ``end``, (buckets, n) of scopes and (buckets, m) of edges.

        What appeared since is missing from older buckets, and is taken as zero.
        """
        found = [self._at(start) for start in range(end - self._step, end, self._bucket)]
        of_scopes, of_edges = (_stacked(each) for each in zip(*found, strict=True))
        return of_scopes, of_edges

    def since(self, start: int, end: int) -> list[Block]:
        """Return the blocks of the buckets from ``start`` up to ``end``, as far as they are told."""
        return [block for bucket in range(start, end, self._bucket) for block in self._blocks(bucket)]

    def early(self, start: int) -> Floats | None:
        """Return the (n,) counts of scopes that were told early of a step; None if not all of it was."""
        sources = self._measuring.steps.levels
        told = [self._told.get(at, {}) for at in range(start, start + self._step, self._bucket)]
        if not all(sources.keys() <= each.keys() for each in told):
            return None
        return self._counted([block for each in told for one in each.values() for block in one])[0]

    def forget(self, watermark: int) -> None:
        """Forget what is too old for a look or a comparison."""
        oldest = watermark - KEPT_STEPS * self._step
        for kept in (self._told, self._closed, self._whole):
            for bucket in [at for at in kept if at < oldest]:
                del kept[bucket]

    def _at(self, bucket: int) -> tuple[Floats, Floats]:
        known = self._whole.get(bucket)
        if known is None:
            known = self._whole[bucket] = self._counted(self._blocks(bucket))
        return known

    def _blocks(self, bucket: int) -> list[Block]:
        by_source = {**self._told.get(bucket, {}), **self._closed.get(bucket, {})}
        return [block for several in by_source.values() for block in several]

    def _counted(self, blocks: Sequence[Block]) -> tuple[Floats, Floats]:
        steps = self._measuring.steps
        sums = steps.nothing()
        for block in blocks:
            sums += steps.early(block)
        return self._measuring.counted(sums)


def _stacked(rows: Sequence[Floats]) -> Floats:
    stacked = np.zeros((len(rows), max(map(len, rows))))
    for at, row in enumerate(rows):
        stacked[at, : len(row)] = row
    return stacked
