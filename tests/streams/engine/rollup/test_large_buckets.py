"""Buckets whose names are too long for one record of a topic."""

import json
from collections import defaultdict
from collections.abc import Callable

import pytest

from config.settings import RollupSettings as Bounds
from config.settings import Settings, TimeSettings
from streams.engine.decode.decoder import Decoder
from streams.engine.rollup.blocks.block_codec import decode_block, encode_block
from streams.engine.rollup.rollup import Rollup
from tests.laws.arrivals import prompt
from tests.streams.engine.measure.fanned_out import fan_out_block

T0 = 1_760_000_000
SHARDS = 2
MOST = 12 << 20
"""Bytes; a topic of blocks takes 16 MiB."""


def long_name(number: int) -> str:
    return f"{number}".ljust(250, "x")


def of_long_names(number: int) -> bytes:
    name = long_name(number)
    record = {"ts": T0, "account": name, "region": name, "service": name, "route": name, "function": name}
    of_client = {"client": {"name": name, "version": name, "tenant": name}, "values": {"sales": 1}}
    return json.dumps(record | of_client | {"tables": [{"name": name, "op": "GetItem", "rcu": 1}]}).encode()


def of_one_path(number: int) -> bytes:
    tables = [{"name": long_name(50 * number + n), "op": "GetItem", "rcu": 1} for n in range(50)]
    return json.dumps({"ts": T0, "service": "a", "function": "f", "tables": tables}).encode()


@pytest.mark.parametrize(
    ("record", "count", "tables"),
    [pytest.param(of_long_names, 12_000, 12_000, marks=pytest.mark.release), (of_one_path, 1200, 60_000)],
    ids=["paths, calls and values", "calls of one path"],
)
def test_a_bucket_of_any_size_has_blocks_that_a_topic_takes_and_none_ends_it_early(
    record: Callable[[int], bytes], count: int, tables: int
) -> None:
    records = [record(number) for number in range(count)]
    decoder = Decoder(Settings(rollup=Bounds()))
    rollup = Rollup("requests/0", SHARDS, TimeSettings(), decoder)
    columns, rejected = decoder.decode(records, prompt(records))
    assert not rejected
    blocks = rollup.feed(columns) + rollup.finish()
    requests, sequences = defaultdict[str, float](float), defaultdict[int, list[int]](list)
    for block in blocks:
        encoded = encode_block(block)
        assert len(encoded) < MOST
        fanned = fan_out_block(decode_block(encoded))
        for about, sums in zip(fanned.scopes, fanned.sums, strict=True):
            requests[about.kind] += sums[0]
        if not block.idle:
            sequences[block.shard].append(block.sequence)
    assert requests["service"] == len(records)
    assert requests["function"] == len(records)
    assert requests["table"] == tables
    assert all(numbers == list(range(len(numbers))) for numbers in sequences.values())
    of_shard = [block for block in blocks if block.shard == 0 and not block.idle]
    assert sum(block.records for block in of_shard) == len(records)
    assert [block.watermark >= T0 + 10 for block in of_shard].index(True) >= 2, "only the last one ends it"
