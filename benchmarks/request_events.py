"""The events that all contestants read, and the exact answer to what they are asked."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from benchmarks import meter
from benchmarks.totals import WINDOW, Totals

PARTITIONS = meter.PARTITIONS
START, RATE = 1_760_000_000, 5_000.0  # events per second of event time
HEALTHY = 0.98  # share of requests that succeed


class _Ms(msgspec.Struct):
    total: float


class Said(msgspec.Struct):
    """The fields of an event that the answers need."""

    ts: float
    service: str
    function: str
    ms: _Ms


class Answer(NamedTuple):
    """The contents of the topic, counted from the events themselves."""

    records: int
    totals: Totals
    buckets: Counter[tuple[int, int]]  # events by partition and start of the window


def events(count: int) -> list[bytes]:
    """Events of 8 services with 25 functions each, which call one or two of 30 tables; 6 client versions."""
    rng = random.Random(7)  # noqa: S311 - repeatable, keeps no secret
    encode = msgspec.json.encode
    made = []
    for number in range(count):
        service, function = rng.randrange(8), rng.randrange(25)
        first = (service * 25 + function) % 30
        calls = [
            {
                "name": f"table-{(first + 7 * call) % 30}",
                "op": "GetItem",
                "ms": round(rng.expovariate(0.2), 2),
                "rcu": 1.5,
            }
            for call in range(1 + function % 2)
        ]
        made.append(
            encode(
                {
                    "ts": START + number / RATE,
                    "id": f"{rng.getrandbits(64):016x}",
                    "cloud": "aws",
                    "account": "123456789012",
                    "region": "eu-west-1",
                    "service": f"service-{service}",
                    "route": f"GET /{service}/{function}",
                    "function": f"function-{service}-{function}",
                    "client": {"name": "ios", "version": f"3.{rng.randrange(6)}.0"},
                    "status": 200 if rng.random() < HEALTHY else 500,
                    "ms": {"total": round(rng.lognormvariate(3, 0.6) * 8) / 8},  # sums stay exact
                    "tables": calls,
                }
            )
        )
    return made


def partitioned(made: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Deal the events to the partitions in turn: every partition sees every function, in order of time."""
    return [made[number::PARTITIONS] for number in range(PARTITIONS)]


def said(lines: Iterable[bytes]) -> Iterator[Said]:
    decode = msgspec.json.Decoder(Said).decode
    return (decode(line) for line in lines)


def answer(partitions: Sequence[Sequence[bytes]]) -> Answer:
    totals = Totals()
    buckets: Counter[tuple[int, int]] = Counter()
    for number, lines in enumerate(partitions):
        for event in said(lines):
            totals.add(event.service, event.function, event.ts, event.ms.total)
            buckets[number, int(event.ts // WINDOW * WINDOW)] += 1
    return Answer(sum(map(len, partitions)), totals, buckets)
