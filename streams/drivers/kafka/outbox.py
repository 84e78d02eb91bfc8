"""The outbox of the Kafka driver: rows in the compacted topic that also holds the checkpoints."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from alerting.outbox.row import OutboxRow, rows_of
from detectors.state.state import Writer, refuse_newer, this_writer
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore

KEY: Final = "outbox"
_PART: Final = f"{KEY}|part/"  # ids of rows have no slash


class KafkaOutboxStorage:
    """An ``OutboxStorage``; loading takes the rows over from any other process."""

    def __init__(self, records: FencedStore) -> None:
        self._records = records
        self._writer: Writer | None = None  # as it is in the topic

    async def load(self) -> tuple[list[OutboxRow], dict[str, bytes]]:
        """Return all rows, and the parts of the pipeline's state.

        Raises
        ------
        detectors.state.state.StateError
            When a row is damaged, or a later version wrote them.
        """
        found = await self._records.take_over(KEY)
        if (writer := found.pop(KEY, None)) is not None:
            self._writer = msgspec.msgpack.decode(writer, type=Writer)
            refuse_newer(self._writer, "the outbox")
        parts = {name.removeprefix(_PART): value for name, value in found.items() if name.startswith(_PART)}
        rows = rows_of(value for name, value in found.items() if not name.startswith(_PART))
        return rows, parts

    async def write(
        self, rows: Iterable[OutboxRow], parts: Mapping[str, bytes | None], gone: Iterable[str] = ()
    ) -> None:
        """Insert or replace rows and parts, drop parts that are None and rows in ``gone``: all or none."""
        records: list[tuple[str, bytes | None]] = [
            (_name(row.id), msgspec.msgpack.encode(row)) for row in rows
        ]
        records += [(f"{_PART}{name}", part) for name, part in parts.items()]
        records += [(_name(row), None) for row in gone]
        if self._writer != (own := this_writer()):
            records.append((KEY, msgspec.msgpack.encode(own)))
        await self._records.write(KEY, records)
        self._writer = own

    async def close(self) -> None:
        """Give the rows up."""
        await self._records.give_up(KEY)


def part_named(key: str) -> str | None:
    """Return which part of the pipeline's state a record of the topic is; None for any other record.

    Examples
    --------
    >>> part_named("outbox|part/memos"), part_named("outbox|3f2a"), part_named("detect/0")
    ('memos', None, None)
    """
    return key.removeprefix(_PART) if key.startswith(_PART) else None


def _name(row: str) -> str:
    return f"{KEY}|{row}"
