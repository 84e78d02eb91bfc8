"""The outbox of the Kafka driver: rows in the compacted topic that also holds the checkpoints."""

import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from alerting.row import Row, State
from streams.owned_records import OwnedRecords

KEY: Final = "outbox"
KEPT_SECONDS: Final = 30 * 86400  # of wall time: no crash lets a notice repeat after that


class KafkaOutboxStorage:
    """Implements ``alerting.outbox.OutboxStorage``; loading takes the rows over from any other process."""

    def __init__(self, records: OwnedRecords, clock: Callable[[], float] = time.time) -> None:
        self._records = records
        self._clock = clock

    async def load(self) -> list[Row]:
        """Return all rows, and drop those that are long done."""
        rows = [
            msgspec.msgpack.decode(value, type=Row) for value in (await self._records.take_over(KEY)).values()
        ]
        done = [row for row in rows if self._is_done(row)]
        if done:
            await self._records.write(KEY, [(_name(row), None) for row in done])
        return [row for row in rows if not self._is_done(row)]

    async def write(self, rows: Iterable[Row]) -> None:
        """Insert rows or replace those with the same id, all of them or none."""
        await self._records.write(KEY, [(_name(row), msgspec.msgpack.encode(row)) for row in rows])

    async def close(self) -> None:
        """Give the rows up."""
        await self._records.give_up(KEY)

    def _is_done(self, row: Row) -> bool:
        return row.state in (State.SENT, State.MERGED) and row.created < self._clock() - KEPT_SECONDS


def _name(row: Row) -> str:
    return f"{KEY}|{row.id}"
