"""A block as bytes: versioned, checksummed; equal blocks give equal bytes."""

import msgspec
import numpy as np

from detectors.scope import Edge, Scope, ScopeOrEdge
from detectors.state import pack, unpack
from streams.block import Block

KIND = "block"
VERSION = 1
NO_SOURCE = -1  # in the place of an edge's source: the row is a scope


class _Meta(msgspec.Struct, array_like=True):
    source: str
    shard: int
    sequence: int
    bucket: int
    width: int
    watermark: int
    records: int
    idle: bool
    late: int
    scopes: list[Scope]  # each once; rows refer to them
    tags: list[tuple[int, str, str, float]]


def encode_block(block: Block) -> bytes:
    """Return the block as bytes."""
    numbers: dict[Scope, int] = {}

    def number(scope: Scope) -> int:
        return numbers.setdefault(scope, len(numbers))

    rows = [
        (number(about.source), number(about.target))
        if isinstance(about, Edge)
        else (NO_SOURCE, number(about))
        for about in block.scopes
    ]
    meta = _Meta(
        block.source,
        block.shard,
        block.sequence,
        block.bucket,
        block.width,
        block.watermark,
        block.records,
        block.idle,
        block.late,
        list(numbers),
        block.tags,
    )
    return pack(
        KIND,
        VERSION,
        meta,
        {
            "rows": np.array(rows, np.int32).reshape(-1, 2),
            "sums": block.sums,
            "latency_rows": block.latency_rows,
            "latency_bins": block.latency_bins,
            "latency_counts": block.latency_counts,
        },
    )


def decode_block(body: bytes) -> Block:
    """Return the block that ``encode_block`` wrote.

    Raises
    ------
    detectors.state.StateError
        When the bytes are damaged or of another version.
    """
    meta, arrays = unpack(body, KIND, VERSION, _Meta)
    scopes: list[ScopeOrEdge] = [
        meta.scopes[target] if source == NO_SOURCE else Edge(meta.scopes[source], meta.scopes[target])
        for source, target in arrays["rows"].tolist()
    ]
    return Block(
        meta.source,
        meta.shard,
        meta.sequence,
        meta.bucket,
        meta.width,
        meta.watermark,
        meta.records,
        meta.idle,
        meta.late,
        scopes,
        arrays["sums"],
        arrays["latency_rows"],
        arrays["latency_bins"],
        arrays["latency_counts"],
        meta.tags,
    )
