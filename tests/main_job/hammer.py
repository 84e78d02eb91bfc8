"""A hammer: one build of the app calls one function twenty times a second instead of every twenty seconds."""

import json
from collections.abc import Sequence
from typing import Final

PER_SECOND: Final = 20
FUNCTION: Final = "inventory-put-item"
CLIENT: Final = {"name": "ios", "version": "3.2.1"}


def hammer(records: Sequence[bytes], start: float, end: float) -> list[bytes]:
    """Return the records of a hammer between two moments (epoch seconds), each like one of ``records``."""
    like = next(
        record
        for record in map(json.loads, records)
        if record["function"] == FUNCTION and record["client"] == CLIENT
    )
    return [
        json.dumps({**like, "ts": number / PER_SECOND, "id": f"hammer-{number}"}).encode()
        for number in range(int(start * PER_SECOND) + 1, int(end * PER_SECOND) + 1)
    ]
