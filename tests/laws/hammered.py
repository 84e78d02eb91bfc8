"""A service of some hours, whose table is hammered and whose function crashes in a new way.

Many findings, of few records: in order, and as senders and brokers really deliver them.
"""

import json
from random import Random
from typing import Final

import numpy as np

from config.settings import JudgeSettings, Settings
from tests.laws.events import T0, Sent

SETTINGS: Final = Settings(judge=JudgeSettings(young=2 * 3600))
HOURS: Final = 4
HAMMERED: Final = range(3 * 3600, 3 * 3600 + 900)
SOURCE: Final = "requests/0"


def world() -> list[Sent]:
    """Return all requests in order, each with an id of its own; stamps are whole eighths of a second."""
    random, sent = Random(5), list[Sent]()  # noqa: S311
    at = 0.0
    while at < HOURS * 3600:
        at += round(random.expovariate(1 / (0.75 if int(at) in HAMMERED else 5.0)) * 8 + 1) / 8
        hammered = int(at) in HAMMERED and random.random() < 0.85
        put = hammered or random.random() < 0.3
        fields = {
            "ts": T0 + at,
            "id": f"n{len(sent)}",
            "cloud": "aws",
            "account": "1",
            "region": "eu",
            "service": random.choice(["inventory", "orders"]) if not hammered else "inventory",
            "function": "put-item" if put else random.choice(["get-item", "list-items"]),
            "route": random.choice(["GET /a", "GET /b"]) if not put else "POST /a",
            "client": {"name": random.choice(["ios", "web"]), "version": "3" if hammered else "2"},
            "ms": {"total": round(random.lognormvariate(4, 0.3), 2), "function": 20.0},
            "status": 200,
            "tables": [
                {
                    "name": "items" if put else random.choice(["items", "users"]),
                    "wcu": 1 + 0.5 * put,
                    "rcu": 2,
                }
            ],
            "values": {"sales": round(random.random() * 9, 2)},
        }
        if hammered and random.random() < 0.3:
            fields["throttled"] = random.choice(["hot key", "table"])
        if hammered and random.random() < 0.05:
            fields |= {"error": "fatal", "error_type": random.choice(["Boom", "Crash"])}
        sent.append(Sent(json.dumps(fields).encode(), T0 + at))
    return sent


IN_ORDER: Final = world()


def disturbed() -> list[tuple[float, bytes]]:
    """Return the same with their arrivals, and late, repeated, wild and malformed ones among them."""
    random, sent = Random(6), list[tuple[float, bytes]]()  # noqa: S311
    for body, ts in IN_ORDER:
        late = random.random() < 0.02
        sent.append((ts + (random.choice((70, 200, 900)) if late else random.random() * 25), body))
        if random.random() < 0.05:
            sent.append((ts + 30 * random.random(), body))
        if random.random() < 0.01:
            sent.append(
                (ts, json.dumps({"ts": ts + 7200, "id": f"wild {ts}", "service": "inventory"}).encode())
            )
        if random.random() < 0.01:
            sent.append((ts, body[:-9]))
    return sorted(sent, key=lambda each: each[0])


_SENT: Final = disturbed()
DISTURBED: Final = [body for _, body in _SENT]
ARRIVED: Final = np.array([arrival for arrival, _ in _SENT])
