"""Where the time of an event goes from Kafka's bytes to blocks: decode, and rollup to all scopes and edges.

python benchmarks/decode_rollup.py [events]
"""

import random
import sys
import time
from collections.abc import Callable
from functools import partial

import msgspec

from config.settings import Settings
from streams.drivers.compile_ahead import prepare_process
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.parse import parse
from streams.engine.rollup.blocks.block_codec import encode_block
from streams.engine.rollup.rollup import Rollup

RUN = 10_000  # records handed over at once, about what one Kafka poll gives
PER_SECOND = 500
SHARDS = 4
TURNS = 3


def realistic(events: int) -> list[bytes]:
    """Return events of 6 services, 30 functions, 7 tables, 8 builds and 3 tenants, about 540 bytes each."""
    draw = random.Random(1)  # noqa: S311 - the same events in every run
    records = []
    for number in range(events):
        place = draw.randrange(30)
        function_ms = draw.lognormvariate(3, 0.7)
        call = {
            "name": f"table-{place % 7}",
            "op": "UpdateItem",
            "ms": draw.lognormvariate(1.5, 0.5),
            "rcu": 0,
            "wcu": 2.5,
            "throttled": None,
        }
        event = {
            "ts": 1_760_000_000 + number / PER_SECOND + draw.random() * 3,
            "id": f"{draw.getrandbits(128):032x}",
            "cloud": "aws",
            "account": "123456789012",
            "region": "ap-northeast-1",
            "service": f"service-{place // 5}",
            "route": f"POST /things-{place}/{{id}}",
            "function": f"function-{place}",
            "client": {
                "name": draw.choice(["ios", "android"]),
                "version": f"3.{draw.randrange(4)}",
                "tenant": f"game-{draw.randrange(3)}",
            },
            "status": draw.choices((200, 500), (99, 1))[0],
            "ms": {
                "total": function_ms + 8.2,
                "function": function_ms,
                "code": function_ms * 0.9,
                "auth": 4.0,
            },
            "cold_start": False,
            "throttled": None,
            "tables": [call] * draw.choice([1, 2]),
            "values": {"sales": 120},
        }
        records.append(msgspec.json.encode(event))
    return records


def parse_only(runs: list[list[bytes]]) -> int:
    return sum(len(parse(run)[0]) for run in runs)


def decoded(runs: list[list[bytes]], *, compiled: bool) -> int:
    decoder = Decoder(compiled=compiled)
    return sum(len(decoder.decode(run)[0]) for run in runs) + len(decoder.finish()[0])


def counted(runs: list[list[bytes]], *, compiled: bool, written: bool = False) -> int:
    decoder = Decoder(compiled=compiled)
    rollup = Rollup("bench/0", SHARDS, Settings().time, decoder, compiled=compiled)
    records = 0
    for run in [*runs, None]:
        blocks = rollup.finish() if run is None else rollup.feed(decoder.decode(run)[0])
        records += sum(block.records for block in blocks if block.shard == 0)
        if written:
            for block in blocks:
                encode_block(block)
    return records


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    records = realistic(events)
    runs = [records[at : at + RUN] for at in range(0, events, RUN)]
    print(f"{events} events of {sum(map(len, records)) / events:.0f} bytes, runs of {RUN}, best of {TURNS}")
    print(f"{'':44}{'events/s/core':>14}{'µs an event':>13}")
    ways: list[tuple[str, Callable[[list[list[bytes]]], int]]] = [
        ("JSON to structs alone", parse_only),
        ("decode to columns, plain", partial(decoded, compiled=False)),
        ("decode to columns, compiled", partial(decoded, compiled=True)),
        ("decode and rollup, plain", partial(counted, compiled=False)),
        ("decode and rollup, compiled", partial(counted, compiled=True)),
        ("decode, rollup and blocks as bytes, compiled", partial(counted, compiled=True, written=True)),
    ]
    prepare_process()
    for name, way in ways:
        best = float("inf")
        for _ in range(TURNS):
            begin = time.process_time()
            found = way(runs)
            best = min(best, time.process_time() - begin)
            if found != events:
                sys.exit(f"{name}: counted {found} of {events} events")
        print(f"{name:44}{events / best:14,.0f}{best / events * 1e6:13.2f}")


if __name__ == "__main__":
    main()
