"""Blocks survive the way through bytes, and damage is seen."""

import numpy as np
import pytest

from detectors.measures import SUMMED
from detectors.scope import Edge, Scope
from detectors.state import StateError
from streams.block import Block
from streams.block_codec import decode_block, encode_block

ITEMS = Scope("table", "aws", "1", "eu", "items")
PUT = Scope("function", "aws", "1", "eu", "put")


def block() -> Block:
    return Block(
        source="requests/3",
        shard=1,
        sequence=7,
        bucket=1_760_000_000,
        width=10,
        watermark=1_760_000_010,
        records=5,
        late=5,
        scopes=[ITEMS, Edge(PUT, ITEMS)],
        sums=np.arange(2.0 * len(SUMMED)).reshape(2, -1),
        latency_rows=np.array([0, 0, 1], np.int32),
        latency_bins=np.array([3, 9, 3], np.int16),
        latency_counts=np.array([1.0, 2.0, 3.0]),
        tags=[(0, "throttle", "TableWriteKeyRangeThroughputExceeded", 4.0)],
    )


def test_a_block_comes_back_as_it_was() -> None:
    sent, got = block(), decode_block(encode_block(block()))
    for name in ("sums", "latency_rows", "latency_bins", "latency_counts"):
        np.testing.assert_array_equal(getattr(got, name), getattr(sent, name))
    assert got.scopes == sent.scopes
    assert [type(about) for about in got.scopes] == [Scope, Edge]
    assert got.tags == sent.tags
    plain = ("source", "shard", "sequence", "bucket", "width", "watermark", "records", "idle", "late")
    assert [getattr(got, name) for name in plain] == [getattr(sent, name) for name in plain]
    assert encode_block(got) == encode_block(sent)


def test_an_empty_block_comes_back_empty() -> None:
    got = decode_block(encode_block(Block("a/0", 0, 0, 0, 10, 10, idle=True)))
    assert (got.scopes, got.idle, got.sums.size, got.latency_rows.size) == ([], True, 0, 0)


@pytest.mark.parametrize("at", [0, 5, 20, -1])
def test_a_flipped_bit_is_refused(at: int) -> None:
    body = bytearray(encode_block(block()))
    body[at] ^= 1
    with pytest.raises(StateError, match="damaged"):
        decode_block(bytes(body))


def test_bytes_that_are_something_else_are_refused() -> None:
    with pytest.raises(StateError, match="damaged"):
        decode_block(b"{}")
