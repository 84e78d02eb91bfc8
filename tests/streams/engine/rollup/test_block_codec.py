"""Blocks survive encoding, and damage is detected."""

import numpy as np
import pytest

from detectors.model.measures import SUMMED
from detectors.state.state import StateError, pack
from streams.engine.decode.cells import PER_ID
from streams.engine.decode.paths import Call, Path
from streams.engine.decode.values import Value
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block, encode_block
from streams.engine.rollup.blocks.packing import narrowed, narrowed_columns

PUT = Path("aws", "1", "eu", "inventory", "PUT /", "put", "ios", "3.2", "game")


def block() -> Block:
    return Block(
        source="requests/3",
        shard=1,
        shards=4,
        sequence=7,
        bucket=1_760_000_000,
        width=10,
        watermark=1_760_000_010,
        records=5,
        late=5,
        paths=[PUT],
        calls=[Call(0, "items")],
        sums=np.arange(2.0 * len(SUMMED)).reshape(2, -1),
        values=[Value("aws", "1", "eu", "inventory", "sales")],
        gb_seconds=np.array([[0.0125, 2.0**-30], [0.0, 0.0]]),
        amounts=np.array([[120.0, 2.0**-30]]),
        cells=np.array([3, 9, PER_ID + 3]),
        counts=np.array([1.0, 2.0, 3.0]),
        tags=[(1, "throttle", "TableWriteKeyRangeThroughputExceeded", 4.0)],
    )


def test_a_decoded_block_equals_the_encoded_one() -> None:
    sent, got = block(), decode_block(encode_block(block()))
    arrays = ("sums", "gb_seconds", "amounts", "cells", "counts")
    for name in arrays:
        np.testing.assert_array_equal(getattr(got, name), getattr(sent, name))
    assert [type(name) for name in (*got.paths, *got.calls, *got.values)] == [Path, Call, Value]
    for name in (name for name in Block.__dataclass_fields__ if name not in arrays):
        assert getattr(got, name) == getattr(sent, name)
    assert encode_block(got) == encode_block(sent)


def wide_block() -> Block:
    """A block of so many rows that their names are written once."""
    wide = block()
    wide.paths = [PUT._replace(function=f"put-{number % 30}", version=str(number)) for number in range(300)]
    wide.calls = [Call((7 * number) % 300, f"items-{number % 3}") for number in range(50)]
    wide.sums = np.arange(350.0 * len(SUMMED)).reshape(350, -1) / 8
    wide.gb_seconds = np.zeros((350, 2))
    return wide


def test_the_names_of_many_rows_survive() -> None:
    sent, got = wide_block(), decode_block(encode_block(wide_block()))
    assert (got.paths, got.calls) == (sent.paths, sent.calls)
    assert {type(name) for name in got.paths} == {Path}
    assert {type(name) for name in got.calls} == {Call}
    assert (got.paths[4], got.calls[:2]) == (sent.paths[4], sent.calls[:2])
    np.testing.assert_array_equal(got.sums, sent.sums)
    assert encode_block(got) == encode_block(sent)


def test_names_that_many_rows_share_are_written_once() -> None:
    assert encode_block(wide_block()).count(b"put-7") == 1


def encoded_by_version_6(block: Block) -> bytes:
    """Encode as version 6 did: every row with all of its names."""
    meta = [
        block.source, block.shard, block.shards, block.sequence, block.bucket, block.width, block.watermark,
        block.records, block.idle, block.late, block.paths, block.calls, block.tags, block.values,
    ]  # fmt: skip
    arrays = {
        **narrowed_columns("sums", block.sums),
        "gb_seconds": block.gb_seconds,
        "amounts": block.amounts,
        "cells": narrowed(block.cells),
        "counts": narrowed(block.counts),
    }
    return pack("block", 6, meta, arrays)


@pytest.mark.parametrize("sent", [block(), wide_block()])
def test_a_block_of_version_6_is_still_read(sent: Block) -> None:
    assert encode_block(decode_block(encoded_by_version_6(sent))) == encode_block(sent)


def test_an_empty_block_stays_empty() -> None:
    got = decode_block(encode_block(Block("a/0", 0, 1, 0, 0, 10, 10, idle=True, read=7, ends={"b/0": 9})))
    assert (got.read, got.ends) == (7, {"b/0": 9})
    assert (got.paths, got.calls, got.idle, got.sums.size, got.cells.size) == ([], [], True, 0, 0)


@pytest.mark.parametrize("at", [0, 5, 20, -1])
def test_a_flipped_bit_is_refused(at: int) -> None:
    body = bytearray(encode_block(block()))
    body[at] ^= 1
    with pytest.raises(StateError, match="damaged"):
        decode_block(bytes(body))


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(StateError, match="damaged"):
        decode_block(b"{}")
