"""A block: what one source partition counted in one bucket, for the scopes and edges of one shard."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.scope import ScopeOrEdge


@dataclass(slots=True)
class Block:
    """The typed hand-over from rollup to detect.

    Blocks of one (source, shard) are numbered by ``sequence`` without gaps, are a pure function of the
    source partition's records up to that point (however these were chunked), and are therefore
    recognised and dropped when they are emitted again after a crash.

    A block is emitted for every bucket that closes, for every shard, even when nothing happened there:
    that is how a shard learns the watermark. A block whose ``bucket`` lies before an already closed
    bucket is a correction made of late records; it is merged, not replaced.
    """

    source: str  # "topic/partition"; "local/0"
    shard: int
    sequence: int
    bucket: int  # epoch seconds at which the bucket starts
    width: int  # seconds
    watermark: int  # every bucket that ends at or before this is complete for this source
    records: int = (
        0  # good records of this source partition counted in this bucket (the same for every shard)
    )
    idle: bool = False  # the source has nothing to say: it does not hold time back until its next block
    late: int = 0  # how many of them came after the bucket was closed
    scopes: list[ScopeOrEdge] = field(default_factory=list)  # n rows
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))  # (n, len(SUMMED))
    # latency histogram, sparse: row into scopes, bin of detectors.latency, how many calls
    latency_rows: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    latency_bins: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    latency_counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    # what a count alone does not say: ("throttle", reason) and ("error_type", name) of a row
    tags: list[tuple[int, str, str, float]] = field(default_factory=list)
