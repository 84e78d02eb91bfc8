"""Answers of the role intake, before a producer that the test controls."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import RecordMetadata, TopicPartition

from config.settings import DeadLetterSettings, Settings
from streams.drivers.kafka import intake as intake_module
from streams.drivers.kafka.intake import BATCH_BYTES, TopicSink, key_of
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.event import MAX_BYTES
from streams.engine.stages.dead_letter_limit import counted_in_topic
from streams.process.web.request_body import BodyError

NOW = 1_760_000_000.0


class ToldProducer:
    """Acknowledges at once, unless set otherwise."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.dropped = False
        self.waiting: list[asyncio.Future[Any]] = []

    async def start(self) -> None:
        self._world.starts += 1
        if self._world.unreachable:
            raise KafkaConnectionError("nobody there")

    async def send(self, topic: str, value: bytes, key: bytes | None) -> asyncio.Future[Any]:
        acknowledged = asyncio.get_running_loop().create_future()
        self.waiting.append(acknowledged)
        if (error := self._world.fails(value)) is not None:
            acknowledged.set_exception(error)
        elif not self._world.silent:
            self._world.topic.append((topic, key, value))
            appended = self._world.appended
            stamp = round((appended if appended is not None else NOW - 86400) * 1000)
            acknowledged.set_result(
                RecordMetadata(topic, 0, TopicPartition(topic, 0), 0, stamp, int(appended is not None), 0)
            )
        return acknowledged

    async def drop(self) -> None:
        self.dropped = True


class World:
    def __init__(self) -> None:
        self.topic: list[tuple[str, bytes | None, bytes]] = []
        self.producers: list[ToldProducer] = []
        self.starts = 0
        self.unreachable = self.silent = self.silenced = False
        self.appended: float | None = None  # by the brokers' clock; None: its producers stamp what they send
        self.fails: Callable[[bytes], KafkaError | None] = lambda _: None

    def open(self) -> ToldProducer:
        self.producers.append(ToldProducer(self))
        return self.producers[-1]

    async def unusable(self) -> str | None:
        return "Kafka at b:9 does not answer" if self.silenced else None

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)

    @asynccontextmanager
    async def taking(
        self, settings: Settings | None = None, patience: float = 8.0
    ) -> AsyncIterator[TopicSink]:
        sink = TopicSink(
            "requests",
            self.open,
            self.unusable,
            settings or Settings(),
            lambda: NOW,
            patience=patience,
            retry=0.001,
        )
        running = asyncio.create_task(sink.run())
        try:
            yield sink
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def line(number: int, **more: object) -> bytes:
    return json.dumps({"ts": NOW - 1, "id": f"r{number}", "service": "shop", **more}).encode()


async def refused(sink: TopicSink, lines: Sequence[bytes], *, waits: bool = True) -> BodyError:
    with pytest.raises(BodyError) as error:
        await sink.append(lines, waits=waits)
    return error.value


async def test_what_is_acknowledged_is_accepted_under_the_key_of_its_request() -> None:
    world = World()
    async with world.taking() as sink:
        await world.until(lambda: sink.why_full() is None)
        lines = [line(1), line(2, joins="abc c6af"), b'{"ts": 1760000000, "service": "shop"}']
        taken = await sink.append(lines)
        assert (list(taken.rejected), taken.late) == ([], 0)
        assert world.topic == [
            ("requests", b"r1", lines[0]),
            ("requests", b"abc", lines[1]),
            ("requests", None, lines[2]),
        ]
        assert sink.held == 0
    assert world.producers[-1].dropped, "closed at the stop"


async def test_what_a_broker_whose_clock_is_behind_stamps_is_to_be_sent_again() -> None:
    """By its stamps, which decide when a record has arrived, all of them are of the future."""
    world = World()
    async with world.taking() as sink:
        await world.until(lambda: sink.why_full() is None)
        world.appended = NOW - 3600
        error = await refused(sink, [line(1)])
        assert (error.status, error.reason) == (503, "clock")
        assert "Kafka's clock is 3,599 s behind these records" in str(error)
        assert sink.held == 0
        world.appended = NOW + 3600
        assert not (await sink.append([line(1)])).rejected
    assert len(world.producers) == 1, "the connection is not at fault"


def test_a_long_key_is_one_of_fixed_length() -> None:
    key = key_of(line(1, joins="x" * 5000))
    assert key is not None
    assert len(key) == 64
    assert key == key_of(line(2, joins="x" * 5000))


async def test_before_the_first_answer_nothing_is_taken() -> None:
    world = World()
    sink = TopicSink("requests", world.open, world.unusable, Settings())
    assert sink.why_full() == sink.not_ready() == "Kafka has not answered yet"
    error = await refused(sink, [line(1)])
    assert (error.status, error.reason, error.seconds) == (503, "not_stored", 5)


async def test_a_broker_that_is_away_is_tried_until_it_is_back() -> None:
    world = World()
    world.unreachable = True
    async with world.taking() as sink:
        await world.until(lambda: world.starts > 2)
        assert "Kafka does not take records (KafkaConnectionError)" in str(sink.why_full())
        assert all(producer.dropped for producer in world.producers[:2])
        world.silenced = True
        await world.until(lambda: sink.why_full() == "Kafka at b:9 does not answer")
        world.silenced = world.unreachable = False
        await world.until(lambda: sink.why_full() is None)
        await sink.append([line(1)])
    assert len(world.topic) == 1


async def test_silence_ends_in_503_and_a_new_producer_for_what_is_sent_again() -> None:
    world = World()
    async with world.taking(patience=0.02) as sink:
        await world.until(lambda: sink.why_full() is None)
        world.silent = True
        error = await refused(sink, [line(1), line(2)])
        assert (error.status, error.seconds) == (503, 5)
        assert "send it again later: Kafka does not answer in time" in str(error)
        world.silent = False
        await world.until(lambda: sink.why_full() is None)
        assert [producer.dropped for producer in world.producers] == [True, False]
        await sink.append([line(1), line(2)])
        assert [key for _, key, _ in world.topic] == [b"r1", b"r2"]
        assert sink.held == 0


async def test_one_failure_reaches_all_who_wait_at_once() -> None:
    world = World()
    world.silent = True
    async with world.taking(patience=60) as sink:
        await world.until(lambda: sink.why_full() is None)
        others = [asyncio.create_task(refused(sink, [line(number)])) for number in range(5)]
        await world.until(lambda: len(world.producers[0].waiting) == 5)
        world.fails = lambda _: NotEnoughReplicasError()
        assert "NotEnoughReplicasError" in str(await refused(sink, [line(9)]))
        async with asyncio.timeout(5):
            assert {error.status for error in await asyncio.gather(*others)} == {503}
        assert not world.topic


async def test_without_the_right_the_answer_names_what_to_grant() -> None:
    world = World()
    async with world.taking() as sink:
        await world.until(lambda: sink.why_full() is None)
        world.fails = lambda _: TopicAuthorizationFailedError("requests")
        said = str(await refused(sink, [line(1)]))
    assert "may not write to the topic requests; grant it: docs/kafka.md" in said


async def test_more_than_may_wait_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "MOST_HELD", 150)
    world = World()
    world.silent = True
    async with world.taking(patience=60) as sink:
        await world.until(lambda: sink.why_full() is None)
        waiting = [asyncio.create_task(refused(sink, [line(number)])) for number in range(2)]
        await world.until(lambda: sink.held > 100)
        error = await refused(sink, [line(3)])
        assert (error.status, error.reason, error.seconds) == (503, "backlog", 5)
        monkeypatch.setattr(intake_module, "MOST_HELD", 100)
        assert "MiB wait for Kafka" in str(sink.why_full())
        world.fails = lambda _: NotEnoughReplicasError()
        monkeypatch.setattr(intake_module, "MOST_HELD", 1000)
        await refused(sink, [line(4)])
        await asyncio.gather(*waiting)
        assert sink.held == 0


async def test_who_fills_what_waits_for_kafka_waits_and_others_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake_module, "MOST_HELD", 100_000)
    world = World()
    async with world.taking(patience=60) as sink:
        await world.until(lambda: sink.why_full("quiet") is None)
        world.silent = True
        waiting = [
            asyncio.create_task(sink.append([line(n, x="x" * 9000)], sender="loud")) for n in range(20)
        ]
        await world.until(lambda: sum(task.done() for task in waiting) == 11)
        errors = [task.exception() for task in waiting if task.done()]
        assert {error.reason for error in errors if isinstance(error, BodyError)} == {"backlog"}
        assert sink.why_full("quiet") is sink.why_full() is None
        waiting.append(asyncio.create_task(sink.append([line(20)], sender="quiet")))
        await world.until(lambda: len(world.producers[0].waiting) == 10)
        world.fails = lambda _: NotEnoughReplicasError()
        await refused(sink, [line(21)])
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_bad_lines_are_reported_and_written_for_the_dead_letters() -> None:
    world = World()
    ahead = json.dumps({"ts": NOW + 86_400, "service": "shop"}).encode()
    async with world.taking() as sink:
        await world.until(lambda: sink.why_full() is None)
        lines = [line(1), b"nonsense", ahead]
        taken = await sink.append(lines)
        assert [(bad.index, bad.reason.value) for bad in taken.rejected] == [
            (1, "not_json"),
            (2, "far_future"),
        ]
        assert world.topic[0][2] == line(1)
        stored = [msgspec.json.decode(value) for *_, value in world.topic[1:]]
        assert [(record["kind"], record["reason"]) for record in stored] == [
            ("refused", "not_json"),
            ("refused", "far_future"),
        ]
        taken = await sink.append([b"nonsense"])
        assert [bad.reason.value for bad in taken.rejected] == ["not_json"]
        assert len(world.topic) == 3, "its sender, who waits, hears that all of it is bad"


async def test_too_many_bad_lines_are_kept_from_the_engine_and_good_ones_are_not() -> None:
    world = World()
    settings = Settings(dead_letters=DeadLetterSettings(in_a_row=10))
    async with world.taking(settings) as sink:
        await world.until(lambda: sink.why_full() is None)
        await sink.append([line(1), *[b"nonsense"] * 8], sender="a")
        taken = await sink.append([*[b"nonsense"] * 8, line(2)], sender="a")
        assert [bad.index for bad in taken.rejected] == list(range(8))
        values = [value for *_, value in world.topic]
        assert (values[0], len(values), values[-1]) == (line(1), 12, line(2))
        await sink.append([b"nonsense"] * 20, sender="b", waits=False)
        await sink.append([b"nonsense"] * 20, sender="c", waits=False)
        assert len(world.topic) == 32, "each has the limit"
        _, bad = Decoder().decode([value for *_, value in world.topic])
        assert len(bad) == 30
        assert not counted_in_topic(bad), "no partition ends its worker, however they are spread over them"
    async with world.taking(Settings(dead_letters=DeadLetterSettings(stop=False))) as sink:
        await world.until(lambda: sink.why_full() is None)
        assert not (await sink.append([b"nonsense"], waits=False)).rejected, "nobody waits, nothing counts"


async def test_a_record_that_no_topic_takes_becomes_a_dead_letter_of_the_same_reason() -> None:
    world = World()
    huge = b'{"ts": 1760000000, "service": "' + b"x" * MAX_BYTES + b'"}'
    async with world.taking() as sink:
        await world.until(lambda: sink.why_full() is None)
        taken = await sink.append([line(1), huge])
    assert [(bad.index, bad.reason.value) for bad in taken.rejected] == [(1, "too_large")]
    stored = json.loads(world.topic[1][2])
    assert (stored["kind"], stored["reason"]) == ("refused", "too_large")
    assert len(world.topic[1][2]) < 2000


async def test_a_topic_that_takes_less_is_learnt_and_never_wedges() -> None:
    world = World()
    large = line(1, sample="x" * (2 * BATCH_BYTES))
    world.fails = lambda value: MessageSizeTooLargeError() if len(value) > 2 * BATCH_BYTES else None
    async with world.taking() as sink:
        await world.until(lambda: sink.why_full() is None)
        error = await refused(sink, [line(2), large])
        assert error.status == 503
        assert "raise its max.message.bytes" in str(error)
        await world.until(lambda: sink.why_full() is None)
        taken = await sink.append([line(2), large])  # sent again
        assert [(bad.index, bad.reason.value) for bad in taken.rejected] == [(1, "too_large")]
        assert f"takes at most {len(large) - 1:,}" in taken.rejected[0].detail
        assert len((await sink.append([large])).rejected) == 1
        await sink.append([line(3)])


async def test_once_it_stops_receivers_know_and_what_was_received_is_completed() -> None:
    world = World()
    async with world.taking() as sink:
        await world.until(lambda: sink.why_full() is None)
        sink.close()
        assert sink.why_full() == "the daemon is stopping"
        await sink.append([line(1)])
    assert len(world.topic) == 1
