"""The outbox as records of a compacted topic: rows and the pipeline's state, in one transaction."""

from collections.abc import Iterable

import msgspec
import pytest

from alerting.outbox.row import OutboxRow, Send, State
from detectors.state.state import FORMAT, NewerStateError, StateError, Writer
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.outbox import KEY, KafkaOutboxStorage
from streams.drivers.kafka.stage import Emission


class Topic(FencedStore):
    """The records that a compacted topic keeps of a key; each write is one transaction."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.transactions = 0

    async def take_over(self, key: str) -> dict[str, bytes]:
        return {
            name: value for name, value in self.records.items() if name == key or name.startswith(f"{key}|")
        }

    async def write(
        self, key: str, records: Iterable[tuple[str, bytes | None]], elsewhere: Iterable[Emission] = ()
    ) -> None:
        assert key == KEY
        assert not elsewhere
        self.transactions += 1
        for name, value in records:
            if value is None:
                self.records.pop(name, None)
            else:
                self.records[name] = value


def row(identity: str) -> OutboxRow:
    return OutboxRow(
        id=identity,
        destination="slack:#uneri",
        subject="s",
        send=Send.POST,
        urgency=0,
        sequence=1,
        created=0.0,
        body=b"\x00\xff",
        state=State.SENT,
    )


async def test_rows_and_parts_come_back_as_they_were_written_together() -> None:
    topic = Topic()
    storage = KafkaOutboxStorage(topic)
    await storage.write([row("a"), row("b")], {"pipeline": b"1", "story/x": b"2"})
    await storage.write([], {"pipeline": b"3", "story/x": None}, ["a"])
    assert topic.transactions == 2
    rows, parts = await KafkaOutboxStorage(topic).load()
    assert [msgspec.to_builtins(stored) for stored in rows] == [msgspec.to_builtins(row("b"))]
    assert parts == {"pipeline": b"3"}


async def test_what_another_version_wrote_is_said_in_one_line() -> None:
    topic = Topic()
    topic.records[f"{KEY}|a"] = msgspec.msgpack.encode({"id": 1})
    with pytest.raises(StateError, match="the outbox cannot be read"):
        await KafkaOutboxStorage(topic).load()


async def test_rows_of_a_later_version_are_refused_with_the_version_to_start() -> None:
    topic = Topic()
    await KafkaOutboxStorage(topic).write([row("a")], {})
    assert msgspec.msgpack.decode(topic.records[KEY], type=Writer).format == FORMAT
    topic.records[KEY] = msgspec.msgpack.encode(Writer(FORMAT + 1, "9.9.9"))
    with pytest.raises(NewerStateError, match=r"the outbox was written by uneri 9\.9\.9"):
        await KafkaOutboxStorage(topic).load()
