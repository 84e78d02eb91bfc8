"""The input of all runs: three hours of a small backend whose table is hammered at the end.

Everything that exactness must survive is in it: four partitions, records out of order, late ones, duplicates,
amounts that no binary fraction holds, bad records, and stamps of a clock that runs ahead.
"""

import json
import random
from typing import Any, Final, NamedTuple

import numpy as np

from detectors.model.array_types import Floats

START: Final = 1_760_000_400
LENGTH: Final = 3 * 3600
HAMMERED: Final = LENGTH - 1500  # seconds after the start
PARTITIONS: Final = 4
RATE: Final = 0.4  # requests a second
FUNCTIONS: Final = ("get-item", "put-item", "buy", "balance")
TABLES: Final = {"get-item": "items", "put-item": "items", "buy": "ledger", "balance": "ledger"}


class Traffic(NamedTuple):
    """Records by partition, in the order in which they are read, and when each arrived, epoch seconds."""

    partitions: list[list[bytes]]
    arrived: list[Floats]


def traffic(seed: int, count: int = PARTITIONS, tail: int = 2) -> Traffic:
    """Draw the records; ``tail`` more follow in each partition, after minutes without any."""
    draw = random.Random(seed)  # noqa: S311 - a scenario, not a secret
    partitions: list[list[tuple[float, bytes]]] = [[] for _ in range(count)]
    at, number = 0.0, 0
    while at < LENGTH:
        hammered = at >= HAMMERED
        at += draw.expovariate(RATE * (3 if hammered else 1))
        function = "put-item" if hammered and draw.random() < 0.7 else draw.choice(FUNCTIONS)
        number += 1
        delay = draw.expovariate(1) if draw.random() < 0.99 else draw.uniform(30, 400)  # of its arrival
        record = json.dumps(event(draw, f"r{number}", START + at, function, hammered=hammered)).encode()
        partition = partitions[draw.randrange(count)]
        partition.append((at + delay, record))
        if draw.random() < 0.01:
            partition.append((at + delay + draw.uniform(0, 5), record))  # sent twice
        if draw.random() < 0.002:
            partition.append((at, bad(draw, START + at)))
    for partition in partitions:
        partition.sort(key=lambda arrived: arrived[0])
        # Minutes later all have something to say, so that the buckets before are closed everywhere.
        partition += [
            (
                LENGTH + 155 + more,
                json.dumps(event(draw, "", START + LENGTH + 150 + more, "balance", hammered=False)).encode(),
            )
            for more in range(0, 5 * tail, 5)
        ]
    return Traffic(
        [[record for _, record in partition] for partition in partitions],
        [START + np.round([at for at, _ in partition], 3) for partition in partitions],
    )


def event(draw: random.Random, name: str, ts: float, function: str, *, hammered: bool) -> dict[str, Any]:
    """Draw one request."""
    total = round(draw.lognormvariate(3, 0.3), 3)
    status = draw.choices((200, 404, 500), (96, 3, 1))[0]
    fields: dict[str, Any] = {
        "ts": round(ts, 3),
        "account": "123456789012",
        "region": "eu-west-1",
        "service": "shop" if function in ("buy", "balance") else "inventory",
        "route": f"POST /{function}",
        "function": function,
        "status": status,
        "client": {"name": "ios" if hammered else draw.choice(("ios", "android")), "version": "3.2.1"},
        "ms": {"total": total, "function": round(total * 0.8, 3)},
        "tables": [
            {
                "name": TABLES[function],
                "op": "UpdateItem" if function in ("put-item", "buy") else "GetItem",
                ("wcu" if function in ("put-item", "buy") else "rcu"): round(draw.uniform(0.3, 2.7), 1),
                "ms": round(total / 3, 3),
            }
        ],
    }
    if name:
        fields["id"] = name
    if function == "buy":
        fields["values"] = {"sales": round(draw.uniform(0.1, 99), 2)}
    return fields


def bad(draw: random.Random, ts: float) -> bytes:
    """Draw what is no event."""
    return draw.choice(
        (
            b"no event",
            b'{"ts": NaN, "service": "shop"}',
            b'{"service": "shop"}',
            json.dumps({"ts": round(ts + 40_000, 3), "service": "shop"}).encode(),  # a clock that runs ahead
        )
    )
