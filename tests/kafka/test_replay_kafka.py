"""History in a topic of a real broker: between timestamps, merged in event time, gone on with, its ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from config.settings import Kafka, Settings
from streams import replay_kafka
from streams.replay import ReplayError, replay
from streams.replay_kafka import KafkaHistory
from streams.rolling import Rolling
from tests.kafka import topic as topics
from tests.kafka.broker import Broker

START = 1_760_000_000
HOUR = 3600


def event(at: float, **more: Any) -> bytes:
    return json.dumps({"ts": at, "service": "shop", "function": "buy", "status": 200, **more}).encode()


def hour(partition: int, count: int = 2000) -> list[bytes]:
    """An hour of events of one partition."""
    return [event(START + n * HOUR / count, id=f"{partition}-{n}") for n in range(count)]


def written(broker: str, partitions: list[list[bytes]], **options: Any) -> str:
    name = topics.unique("history")
    topics.create(broker, NewTopic(name, len(partitions), 1, topic_configs={"retention.ms": "-1"}))
    filled = [records for records in partitions if records]
    assert filled == partitions[: len(filled)], "empty ones come last"
    topics.fill(broker, name, filled, **options)
    return name


def kafka_of(broker: str) -> Kafka:
    return Kafka(brokers=[broker])


def read(history: KafkaHistory, *, count: int | None = None) -> list[Any]:
    pieces = history.pieces()
    try:
        return [piece for piece, _ in zip(pieces, range(count or 10**9), strict=False)]
    finally:
        pieces.close()  # type: ignore[attr-defined]


def records(pieces: list[Any], partition: str) -> list[bytes]:
    return [
        record
        for piece in pieces
        if piece.partition == partition and piece.records
        for record in piece.records
    ]


def test_every_partition_is_read_in_order_and_an_empty_one_is_told_of(kafka: str) -> None:
    given = [hour(0), hour(1, 500), []]
    name = written(kafka, given, batch_bytes=20_000)
    history = KafkaHistory(kafka_of(kafka), name)
    assert history.partitions == tuple(f"{name}/{n}" for n in range(3))
    assert history.notes == [f"no record there: {name}/2"]
    pieces = read(history)
    for number, partition in enumerate(history.partitions):
        assert records(pieces, partition) == given[number]
        offsets = [at for one in pieces if one.partition == partition and one.records for at in one.offsets]
        assert offsets == list(range(len(given[number])))
        assert [one.records is None for one in pieces if one.partition == partition].count(True) == 1
    assert pieces[-1].done == 1.0
    assert [one.done for one in pieces] == sorted(one.done for one in pieces)


def test_partitions_come_merged_in_event_time_whatever_the_record_timestamps_say(kafka: str) -> None:
    # Written one after the other with one timestamp, as a topic that was filled afterwards.
    given = [hour(0, 6000), hour(1, 6000), hour(2, 300)]
    name = written(kafka, given, batch_bytes=8_000)
    history = KafkaHistory(kafka_of(kafka), name)
    rolling = Rolling(Settings(), history.partitions)
    left = set(history.partitions)
    widest = 0
    for piece in history.pieces(rolling.watermark):
        if piece.records is None:
            left.discard(piece.partition)
            continue
        levels = [rolling.watermark(one) for one in left]
        if min(levels):
            widest = max(widest, rolling.watermark(piece.partition) - min(levels))
        rolling.feed(piece.partition, piece.records)
    assert widest <= replay_kafka.AHEAD, "a piece was taken of a partition that was ahead of another"


def test_only_what_was_written_between_two_timestamps_is_read(kafka: str) -> None:
    name = topics.unique("history")
    topics.create(kafka, NewTopic(name, 1, 1, topic_configs={"retention.ms": "-1"}))
    for minute in range(5):
        topics.fill(kafka, name, [[event(START + 60 * minute)]], timestamp=(START + 60 * minute) * 1000)
    history = KafkaHistory(kafka_of(kafka), name, START + 60, START + 180)
    assert records(read(history), f"{name}/0") == [event(START + 60), event(START + 120)]
    with pytest.raises(ReplayError, match="has no record in the range asked for"):
        KafkaHistory(kafka_of(kafka), name, START + 1000, START + 2000)


def test_what_is_not_there_is_said_in_one_line(kafka: str) -> None:
    with pytest.raises(ReplayError, match="has no topic 'nothing'"):
        KafkaHistory(kafka_of(kafka), "nothing")
    name = written(kafka, [[event(START)], []])
    with pytest.raises(ReplayError, match="does not answer"):
        KafkaHistory(kafka_of("127.0.0.1:1"), name)
    empty = topics.unique("empty")
    topics.create(kafka, NewTopic(empty, 2, 1))
    with pytest.raises(ReplayError, match=f"topic '{empty}' has no record"):
        KafkaHistory(kafka_of(kafka), empty)


def delete_before(broker: str, name: str, offset: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.delete_records({TopicPartition(name, 0): offset})
    admin.close()


def test_retention_that_has_eaten_the_start_is_told_with_the_time_at_which_the_rest_begins(
    kafka: str,
) -> None:
    name = topics.unique("history")
    topics.create(kafka, NewTopic(name, 1, 1, topic_configs={"retention.ms": "-1"}))
    for minute in range(0, 60, 10):
        topics.fill(kafka, name, [[event(START + 60 * minute)]], timestamp=(START + 60 * minute) * 1000)
    delete_before(kafka, name, 3)
    history = KafkaHistory(kafka_of(kafka), name, START)
    (note,) = history.notes
    assert note.startswith(f"{name}/0 begins at 2025-10-09T09:23:20Z, after --from: Kafka has")
    assert len(records(read(history), f"{name}/0")) == 3
    assert KafkaHistory(kafka_of(kafka), name, START + 1800).notes == []


def test_a_replay_goes_on_at_the_offsets_where_it_was_left_and_ends_where_it_would_have(kafka: str) -> None:
    given = [hour(0, 9000), hour(1, 100)]
    name = written(kafka, given, batch_bytes=20_000)
    for count in (1, 2, 3, 4):
        first = KafkaHistory(kafka_of(kafka), name)
        taken = read(first, count=count)
        places = {piece.partition: piece.place for piece in taken}
        topics.fill(kafka, name, [[event(START + 9000)]])  # after the replay began: not of it
        again = KafkaHistory(kafka_of(kafka), name)
        again.resume(json.loads(json.dumps(first.bounds)), json.loads(json.dumps(places)))
        rest = read(again)
        for number, partition in enumerate(first.partitions):
            assert records([*taken, *rest], partition)[: len(given[number])] == given[number]
            extra = len(records([*taken, *rest], partition)) - len(given[number])
            assert extra == (count - 1 if number == 0 else 0), "only what was there when it began"
        ends = [piece.partition for piece in (*taken, *rest) if piece.records is None]
        assert sorted(ends) == sorted(first.partitions)


def test_a_replay_does_not_go_on_where_what_comes_next_is_gone_or_the_topic_is_another(kafka: str) -> None:
    name = written(kafka, [hour(0), [event(START)]])
    first = KafkaHistory(kafka_of(kafka), name)
    delete_before(kafka, name, 700)
    again = KafkaHistory(kafka_of(kafka), name)
    with pytest.raises(ReplayError, match=r"begins at offset 700 now, .* would go on at 5: .* --restart"):
        again.resume(first.bounds, {f"{name}/0": 5})
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_topics([name])
    admin.close()
    other = written(kafka, [hour(0), [event(START)]])
    with pytest.raises(ReplayError, match=r"made anew or changed since .* --restart"):
        KafkaHistory(kafka_of(kafka), other).resume(first.bounds, {})


async def test_aborted_transactions_markers_and_holes_are_no_records(kafka: str) -> None:
    name = topics.unique("history")
    topics.create(kafka, NewTopic(name, 1, 1, topic_configs={"retention.ms": "-1"}))
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=topics.unique("writer"))
    await producer.start()
    for number in range(6):
        await producer.begin_transaction()
        await producer.send_and_wait(name, event(START + number), partition=0)
        await (producer.abort_transaction() if number % 2 else producer.commit_transaction())
    await producer.begin_transaction()  # open: nobody knows yet what becomes of it
    await producer.send_and_wait(name, event(START + 99), partition=0)
    history = KafkaHistory(kafka_of(kafka), name)
    pieces = read(history)
    await producer.abort_transaction()
    await producer.stop()
    assert records(pieces, f"{name}/0") == [event(START + number) for number in (0, 2, 4)]
    assert [at for piece in pieces for at in piece.offsets] == [0, 4, 8]


@pytest.fixture
def fragile(kafka: str) -> Iterator[Broker]:  # noqa: ARG001 - no Kafka, no test
    with Broker() as one:
        yield one


def test_a_broker_that_dies_while_it_is_read_ends_in_one_line(
    fragile: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_kafka, "PATIENCE", 2.0)
    name = written(fragile.address, [hour(0, 60_000)], batch_bytes=20_000)
    history = KafkaHistory(kafka_of(fragile.address), name)
    pieces = history.pieces()
    next(pieces)
    fragile.kill()
    with pytest.raises(ReplayError, match=r"nothing came for 2 s.*is the broker up\?"):
        list(pieces)


def test_the_command_leaves_no_group_and_no_commit_behind_and_fails_in_one_line(
    kafka: str, tmp_path: Path
) -> None:
    name = written(kafka, [hour(0), hour(1)])
    before = groups(kafka)
    uneri = [Path(sys.executable).with_name("uneri"), "replay"]
    done = subprocess.run(
        [*uneri, f"kafka://{kafka}/{name}", "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "4,000 records" in done.stdout
    assert groups(kafka) == before
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id="uneri")
    assert consumer.committed(TopicPartition(name, 0)) is None
    consumer.close()
    for source, said in (
        (f"kafka://{kafka}/nothing", "has no topic 'nothing'"),
        ("kafka://127.0.0.1:1/requests", "does not answer"),
        (f"kafka://{kafka}", "write kafka://host:port/topic"),
    ):
        failed = subprocess.run(
            [*uneri, source, "--out", tmp_path / "no"], capture_output=True, text=True, check=False
        )
        assert failed.returncode == 2
        assert said in failed.stderr
        assert failed.stderr.count("\n") == 1
        assert not (tmp_path / "no").exists()


def groups(broker: str) -> list[Any]:
    admin = KafkaAdminClient(bootstrap_servers=broker)
    try:
        return sorted(str(one) for one in admin.list_groups())
    finally:
        admin.close()


def test_a_replay_of_a_topic_is_the_replay_of_its_records(kafka: str) -> None:
    name = written(kafka, [hour(0), hour(1)], batch_bytes=9_000)
    found = replay(KafkaHistory(kafka_of(kafka), name), Settings())
    assert found.records == 4000
    assert found.last - found.first >= HOUR
