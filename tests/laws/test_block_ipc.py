"""Laws of blocks that are taken apart for a pipe: put together again they are equal."""

import pickle
from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import encode_block
from streams.engine.rollup.blocks.block_ipc import BlockBatch, BlockDecoder, BlockEncoder
from tests.laws.events import T0, Sent, steady, streams
from tests.laws.partition import fed
from tests.laws.test_joining import records_of_request

shares = st.lists(st.integers(1, 9), min_size=1, max_size=20)


def through_a_pipe(blocks: Sequence[Block], sizes: Sequence[int]) -> list[bytes]:
    """Return blocks as they arrive in pieces of these sizes, encoded; all that is left in the last one."""
    sent, received, found, at = BlockEncoder(), BlockDecoder(), list[bytes](), 0
    for size in (*sizes, len(blocks)):
        piece = blocks[at : at + size]
        batch: BlockBatch = pickle.loads(pickle.dumps(sent.encode(piece)))  # noqa: S301 - our own
        found += [encode_block(block) for block in received.decode(batch)]
        at += size
    return found


@settings(steady)
@given(streams(), shares, st.integers(1, 3), st.booleans())
def test_blocks_go_through_a_pipe_as_they_are(
    sent: list[Sent], sizes: Sequence[int], shards: int, whole_steps: bool
) -> None:
    blocks = fed([event.body for event in sent], shards=shards, whole_steps=whole_steps).blocks
    expected = [encode_block(block) for block in blocks]
    assert through_a_pipe(blocks, sizes) == expected


@settings(steady, max_examples=30)
@given(st.integers(1, 8), st.integers(0, 2**32 - 1), shares)
def test_so_do_those_whose_names_were_put_together(requests: int, seed: int, sizes: Sequence[int]) -> None:
    random = Random(seed)  # noqa: S311
    mixed = [raw for number in range(requests) for raw in records_of_request(number, T0 + 9 * number, random)]
    random.shuffle(mixed)
    blocks = fed(mixed, [3]).blocks
    expected = [encode_block(block) for block in blocks]
    assert through_a_pipe(blocks, sizes) == expected
