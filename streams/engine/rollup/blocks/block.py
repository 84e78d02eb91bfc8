"""A block: the counts of one source partition in one bucket, for the scopes and edges of one shard."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.model.array_types import Floats, Ints
from detectors.model.measures import SUMMED
from detectors.model.request_example import RequestExample
from detectors.model.stated import LevelName, StatedChange, StatedLevel
from streams.engine.decode.paths import Call, Path
from streams.engine.decode.values import COLUMNS, Value


@dataclass(slots=True)
class Block:
    """The typed hand-over from rollup to detect.

    Blocks of one (source, shard) are numbered by ``sequence`` without gaps and are a pure function of the
    source partition's records up to that point, however these were chunked. So blocks that are emitted
    again after a crash are recognised and dropped.

    Every closing bucket emits a block for every shard, even without records: this is how a shard learns the
    watermark. A bucket has several if its names are too many for one, or if its source falls idle before it
    closes. A block whose ``bucket`` precedes a closed bucket is a correction made of late records. Blocks are
    merged, they replace nothing.

    While catching up, a block stands for a whole step: its ``bucket`` is the first of the step, its ``width``
    that of the step. What is bounded by bucket keeps blocks of buckets (``Rollup``, ``whole_steps``).

    Sums are per path and per call; the receiver fans them out to the scopes and edges of its shard
    (docs/adr/0008). A block holds the paths and calls that touch its shard, and the paths of these calls.
    Rows are those of ``paths``, then those of ``calls``. At a path, the columns of calls have the units that
    its requests are billed for at tables (``streams.engine.rollup.blocks.block_maker``); at a call, two
    columns of requests have those that made the calls (``detectors.model.measures.CALLING_REQUESTS``).
    """

    source: str  # "topic/partition"; "local/0"
    shard: int
    shards: int  # their number, which decides what scopes belong to this shard
    sequence: int
    bucket: int  # epoch seconds at which the bucket starts
    width: int  # seconds
    watermark: int  # every bucket that ends at or before this is complete for this source
    records: int = 0  # counted in this bucket of the source partition, the same for every shard
    idle: bool = False  # only reports that the source is idle: it holds no time back until its next block
    by_clock: bool = False  # made because time passed without a record: an idle source stays idle
    late: int = 0  # of the records, those that arrived after the bucket had closed
    paths: Sequence[Path] = field(default_factory=list)
    calls: Sequence[Call] = field(default_factory=list)  # Call.path is a row of ``paths``
    sums: Floats = field(default_factory=lambda: np.zeros((0, len(SUMMED))))  # (rows, SUMMED)
    values: list[Value] = field(default_factory=list)
    amounts: Floats = field(default_factory=lambda: np.zeros((0, COLUMNS)))  # of ``values``
    gb_seconds: Floats = field(default_factory=lambda: np.zeros((0, COLUMNS)))  # of rows
    # sparse latency histograms: cells of rows (streams.engine.decode.cells), ascending, and the count of each
    cells: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: Floats = field(default_factory=lambda: np.zeros(0))
    levels: list[tuple[LevelName, StatedLevel]] = field(default_factory=list)
    changes: list[StatedChange] = field(default_factory=list)
    examples: list[RequestExample] = field(default_factory=list)  # that went through scopes of this shard
    # throttle reasons and error types: row, "throttle" or "error_type", text, count; ordered
    tags: list[tuple[int, str, str, float]] = field(default_factory=list)
    # emitted before the bucket closes, with its counts so far, for early detection. It is no part of the
    # sequence, no function of the records, and has nothing but sums and times: it is never counted
    early: bool = False
    corrects: bool = False  # made of late records; what they join may count no record of its own
    read: int | None = None  # of an idle source: the offset up to which it had been read, if it has offsets
    # the offset at which each source partition ends; a block that has any tells only these. It is no part of
    # the sequence, and no function of the records
    ends: dict[str, int] = field(default_factory=dict)


def emptied(block: Block) -> Block:
    """Return a block with the position of another in its source, and no counts."""
    return Block(
        block.source, block.shard, block.shards, block.sequence, block.bucket, block.width, block.watermark,
        idle=block.idle, by_clock=block.by_clock, ends=block.ends,
    )  # fmt: skip
