"""Makes the blocks of a bucket: one a shard, numbered without gaps."""

import numpy as np
from numpy.typing import NDArray

from detectors.latency import N_BINS
from detectors.scope import TABLE, ScopeOrEdge
from streams.block import Block
from streams.decode import Decoder
from streams.fan_out import CALL_EDGES, PATH_EDGES, PATH_SCOPES, FanOut
from streams.summary import Histograms, Summary, Sums, Tags, from_cells


class BlockMaker:
    """Fans the sums of a bucket out to scopes and edges and deals these out to shards.

    Parameters
    ----------
    source, shards, width
        As in ``Block``.
    decoder
        Whose names the sums refer to.
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
        self._by_path = FanOut(PATH_SCOPES, PATH_EDGES, self._shards)
        self._by_call = FanOut((TABLE,), CALL_EDGES, self._shards)

    def blocks(self, bucket: int, summary: Summary, watermark: int, *, late: bool = False) -> list[Block]:
        """Return the blocks of a bucket and count the sequence on."""
        made = [
            Block(self._source, shard, self.sequence, bucket, self._width, watermark, summary.records)
            for shard in range(self._shards)
        ]
        self.sequence += 1
        if summary.records:
            paths, calls = self._decoder.paths.names, self._decoder.calls.names
            self._by_path.add_paths(paths[len(self._by_path) :])
            self._by_call.add_calls(calls[len(self._by_call) :], paths)
            by_path = _Rows(self._by_path, summary.paths, summary.path_latency, summary.path_tags)
            by_call = _Rows(self._by_call, summary.calls, summary.call_latency, summary.call_tags)
            for block in made:
                block.late = summary.records if late else 0
                _fill(block, [by_path.of(block.shard), by_call.of(block.shard)])
        return made

    def idle(self, watermark: int) -> list[Block]:
        """Return blocks that say idle, under the number of the last blocks."""
        bucket = max(0, watermark - self._width)
        return [
            Block(self._source, shard, self.sequence - 1, bucket, self._width, watermark, idle=True)
            for shard in range(self._shards)
        ]


class _Part:
    """The rows of one fan-out in one shard. ``cells`` are row, bin and count; rows are those of the part."""

    def __init__(
        self,
        scopes: list[ScopeOrEdge],
        sums: NDArray[np.float64],
        cells: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]],
        tags: list[tuple[int, str, str, float]],
    ) -> None:
        self.scopes = scopes
        self.sums = sums
        self.cells = cells
        self.tags = tags


class _Rows:
    """All rows that one bucket has under one fan-out, over all shards."""

    def __init__(self, fan_out: FanOut, sums: Sums, latency: Histograms, tags: Tags) -> None:
        self._fan_out = fan_out
        self._rows, self._sums = fan_out.sums(*sums.merged())
        cells, counts = latency.merged()
        self._cells = fan_out.histograms(*from_cells(cells), counts, N_BINS)
        merged: Tags = {}
        for (number, key, text), count in tags.items():
            place = (fan_out.tagged_row(number), key, text)
            merged[place] = merged.get(place, 0.0) + count
        self._tags = [(*place, merged[place]) for place in sorted(merged) if place[0] >= 0]

    def of(self, shard: int) -> _Part:
        mine = self._fan_out.shard[self._rows] == shard
        rows = self._rows[mine]
        cell_rows, bins, counts = self._cells
        here = self._fan_out.shard[cell_rows] == shard
        return _Part(
            [self._fan_out.rows[row] for row in rows.tolist()],
            self._sums[mine],
            (np.searchsorted(rows, cell_rows[here]), bins[here], counts[here]),
            [
                (int(np.searchsorted(rows, row)), key, text, count)
                for row, key, text, count in self._tags
                if self._fan_out.shard[row] == shard
            ],
        )


def _fill(block: Block, parts: list[_Part]) -> None:
    """Put the parts into the block, one behind the other."""
    offsets = np.cumsum([0, *(len(part.scopes) for part in parts)]).tolist()
    shifted = list(zip(parts, offsets, strict=False))
    block.scopes = [scope for part in parts for scope in part.scopes]
    block.sums = np.concatenate([part.sums for part in parts])
    block.latency_rows = np.concatenate([part.cells[0] + offset for part, offset in shifted]).astype(np.int32)
    block.latency_bins = np.concatenate([part.cells[1] for part in parts]).astype(np.int16)
    block.latency_counts = np.concatenate([part.cells[2] for part in parts])
    block.tags = [
        (row + offset, key, text, count) for part, offset in shifted for row, key, text, count in part.tags
    ]
