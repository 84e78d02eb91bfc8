"""What happens to the small backend whose state is kept for later versions: two days, and an hour after."""

import json
import math
import random
from pathlib import Path
from typing import Any, Final, NamedTuple

from alerting.commands.labels import scope_of
from config.settings import Settings
from detectors.model.finding import Finding
from detectors.state import zstd

START: Final = 1_767_571_200  # 2026-01-05, a Monday
MINUTES: Final = 46 * 60  # until the state is taken
AFTER: Final = 70  # minutes that follow
FIRST: Final = range(MINUTES - 110, MINUTES - 90)  # hammers "ledger"; resolved when the state is taken
SECOND: Final = range(MINUTES - 14, MINUTES + 12)  # hammers "items"; open when the state is taken
PARTITIONS: Final = 2
SHARDS: Final = 2
SINCE: Final = "2026-01-05T00:00+00:00"
SILENCED: Final = "table:never"


class Sent(NamedTuple):
    """A record, when it arrived (epoch seconds), and on which partition of a topic."""

    partition: int
    arrived: float
    record: bytes


def settings(**sections: Any) -> Settings:
    """Return the settings under which the state was made."""
    given = {"judge": {"young": 3600}, "time": {"idle": 3600}, "notify": {"since": SINCE}}
    return Settings.model_validate({**given, **sections})


def minutes(first: int, last: int) -> list[list[Sent]]:
    """Draw what is sent in each minute."""
    return [_minute(number) for number in range(first, last)]


def _minute(number: int) -> list[Sent]:
    draw = random.Random(number)  # noqa: S311 - a scenario, not a secret
    swell = 1 + 0.3 * math.sin(2 * math.pi * number / 1440)
    sent = []
    for function, table, hammered in (("buy", "ledger", FIRST), ("get", "items", SECOND)):
        count = round(6 * swell + draw.choice((-1, 0, 0, 1))) * (7 if number in hammered else 1)
        for one in range(count):
            at = START + 60 * number + 60 * one / count
            sent.append(Sent(draw.randrange(PARTITIONS), at + 0.5, _event(at, number, one, function, table)))
    return sorted(sent, key=lambda one: one.arrived)


def _event(at: float, minute: int, number: int, function: str, table: str) -> bytes:
    event = {
        "ts": round(at, 3),
        "id": f"{function}-{minute}-{number}",
        "account": "123456789012",
        "region": "eu-west-1",
        "service": "shop",
        "route": f"POST /{function}",
        "function": function,
        "status": 200,
        "client": {"name": "ios", "version": "3.2.1"},
        "ms": {"total": 20 + number % 4, "function": 16},
        "tables": [{"name": table, "op": "UpdateItem", "wcu": 2.0, "ms": 5.0}],
    }
    return json.dumps(event).encode()


def write_sent(path: Path, sent: list[Sent]) -> None:
    """Keep records: what follows is the same for every later version."""
    lines = [json.dumps([one.partition, one.arrived, one.record.decode()]) for one in sent]
    path.write_bytes(zstd.compress("\n".join(lines).encode(), 19))


def read_sent(path: Path) -> list[Sent]:
    """Read what ``write_sent`` wrote."""
    lines = zstd.decompress(path.read_bytes()).decode().splitlines()
    return [Sent(partition, at, record.encode()) for partition, at, record in map(json.loads, lines)]


def told(finding: Finding) -> dict[str, Any]:
    """Return what of a finding no later version may tell otherwise (it may weigh anew how strong it is)."""
    return {
        "id": finding.id,
        "revision": finding.revision,
        "verdict": finding.verdict.value,
        "about": scope_of(finding),
        "measure": finding.measure.value,
        "start": finding.start,
        "end": finding.end,
        "observed": finding.observed,
        "expected": finding.expected,
        "lower": finding.lower,
        "upper": finding.upper,
    }
