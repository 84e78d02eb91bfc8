"""A block: what one source partition counted in one bucket, for the scopes and edges of one shard."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.model.measures import SUMMED
from streams.decode.paths import Call, Path
from streams.decode.values import COLUMNS, Value


@dataclass(slots=True)
class Block:
    """The typed hand-over from rollup to detect.

    Blocks of one (source, shard) are numbered by ``sequence`` without gaps, are a pure function of the
    source partition's records up to that point (however these were chunked), and are therefore
    recognised and dropped when they are emitted again after a crash.

    A block is emitted for every bucket that closes, for every shard, even when nothing happened there:
    that is how a shard learns the watermark. A block whose ``bucket`` lies before an already closed
    bucket is a correction made of late records; it is merged, not replaced.

    Sums are per path and per call; who receives the block fans them out to the scopes and edges of its
    shard (docs/adr/0008). A block holds the paths and calls that touch its shard, and the paths of
    these calls. Rows are those of ``paths``, then those of ``calls``.
    """

    source: str  # "topic/partition"; "local/0"
    shard: int
    shards: int  # how many there are: what decides which scopes are this shard's
    sequence: int
    bucket: int  # epoch seconds at which the bucket starts
    width: int  # seconds
    watermark: int  # every bucket that ends at or before this is complete for this source
    records: int = (
        0  # good records of this source partition counted in this bucket (the same for every shard)
    )
    idle: bool = False  # the source has nothing to say: it does not hold time back until its next block
    late: int = 0  # how many of them came after the bucket was closed
    paths: list[Path] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)  # Call.path is a row of ``paths``
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, len(SUMMED))))  # (rows, SUMMED)
    values: list[Value] = field(default_factory=list)
    amounts: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, COLUMNS)))  # of ``values``
    # latency histograms, sparse: cell of a row (streams.decode.cells), how many measurements; ascending cells
    cells: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    # what a count alone does not say: ("throttle", reason) and ("error_type", name) of a row; ordered
    tags: list[tuple[int, str, str, float]] = field(default_factory=list)
