"""History in a topic of a real broker: between timestamps, merged in event time, gone on with, its ends."""

import json
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.connections.client import open_client
from streams.engine.stages.rollup_engine import RollupEngine
from streams.offline.replay import ReplayError, replay
from streams.offline.sources import topic as replay_kafka
from streams.offline.sources.topic import TopicSource
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


def kafka_of(broker: str) -> KafkaSettings:
    return KafkaSettings(brokers=[broker])


LONG = 20_000


def long_hour() -> list[bytes]:
    """More than is fetched ahead."""
    return [event(START + n * HOUR / LONG, id=str(n), pad="x" * 1000) for n in range(LONG)]


def reading() -> bool:
    """Whether anything still reads."""
    return any(thread.name == "chunk-reader" for thread in threading.enumerate())


def read(history: TopicSource, *, count: int | None = None) -> list[Any]:
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


def test_every_partition_is_read_in_order_and_an_empty_one_is_noted(kafka: str) -> None:
    given = [hour(0), hour(1, 500), []]
    name = written(kafka, given, batch_bytes=20_000)
    history = TopicSource(kafka_of(kafka), name)
    assert history.partitions == tuple(f"{name}/{n}" for n in range(3))
    assert history.notes == [f"no records in {name}/2"]
    pieces = read(history)
    for number, partition in enumerate(history.partitions):
        assert records(pieces, partition) == given[number]
        offsets = [
            at for piece in pieces if piece.partition == partition and piece.records for at in piece.offsets
        ]
        assert offsets == list(range(len(given[number])))
        assert [piece.records is None for piece in pieces if piece.partition == partition].count(True) == 1
    assert pieces[-1].done == 1.0
    assert [piece.done for piece in pieces] == sorted(piece.done for piece in pieces)


def test_of_many_empty_partitions_the_first_few_are_named(kafka: str) -> None:
    name = topics.unique("history")
    topics.create(kafka, NewTopic(name, 10, 1, topic_configs={"retention.ms": "-1"}))
    topics.fill(kafka, name, [hour(0, 5)])
    (note,) = TopicSource(kafka_of(kafka), name).notes
    assert note == f"no records in {name}/1, {name}/2, {name}/3, {name}/4 and 5 more"


def test_partitions_come_merged_in_event_time_whatever_the_record_timestamps_say(kafka: str) -> None:
    # Written one after the other with one timestamp, as a topic that was filled afterwards.
    given = [hour(0, 20_000), hour(1, 20_000), hour(2, 300)]
    name = written(kafka, given, batch_bytes=8_000)
    history = TopicSource(kafka_of(kafka), name)
    rolling = RollupEngine(Settings(), history.partitions)
    left = set(history.partitions)
    turns = []
    for piece in history.pieces(rolling.watermark):
        if piece.records is None:
            left.discard(piece.partition)
            continue
        levels = [rolling.watermark(text) for text in left]
        assert rolling.watermark(piece.partition) <= min(levels) + replay_kafka.AHEAD
        turns.append(piece.partition)
        rolling.feed(piece.partition, piece.records)
    assert sum(first != second for first, second in pairwise(turns)) > 10, "they take turns"


def test_without_an_engine_the_record_timestamps_decide_who_is_next(kafka: str) -> None:
    name = topics.unique("history")
    topics.create(kafka, NewTopic(name, 2, 1, topic_configs={"retention.ms": "-1"}))
    big = [event(START, pad="x" * 1000)] * 1000  # a fetch of a partition holds one of these
    for minute in (0, 10, 20):
        topics.fill(kafka, name, [big, big], timestamp=(START + 60 * minute) * 1000)
    turns = [piece.partition for piece in TopicSource(kafka_of(kafka), name).pieces() if piece.records]
    for partition in (f"{name}/0", f"{name}/1"):
        assert turns.index(partition) < 5, "neither waits for the end of the other"


def test_only_what_was_written_between_two_timestamps_is_read(kafka: str) -> None:
    name = topics.unique("history")
    topics.create(kafka, NewTopic(name, 1, 1, topic_configs={"retention.ms": "-1"}))
    for minute in range(5):
        topics.fill(kafka, name, [[event(START + 60 * minute)]], timestamp=(START + 60 * minute) * 1000)
    history = TopicSource(kafka_of(kafka), name, START + 60, START + 180)
    assert records(read(history), f"{name}/0") == [event(START + 60), event(START + 120)]
    with pytest.raises(ReplayError, match="has no records between --from and --to"):
        read(TopicSource(kafka_of(kafka), name, START + 1000, START + 2000))


def test_a_missing_topic_or_broker_is_reported_in_one_line(kafka: str) -> None:
    with pytest.raises(ReplayError, match="has no topic 'nothing'"):
        TopicSource(kafka_of(kafka), "nothing")
    name = written(kafka, [[event(START)], []])
    with pytest.raises(ReplayError, match="does not answer"):
        TopicSource(kafka_of("127.0.0.1:1"), name)
    empty = topics.unique("empty")
    topics.create(kafka, NewTopic(empty, 2, 1))
    with pytest.raises(ReplayError, match=f"topic '{empty}' has no records"):
        read(TopicSource(kafka_of(kafka), empty))


def delete_before(broker: str, name: str, offset: int) -> None:
    with open_client(KafkaAdminClient, bootstrap_servers=broker) as admin:
        admin.delete_records({TopicPartition(name, 0): offset})


def delete_topic(broker: str, name: str) -> None:
    with open_client(KafkaAdminClient, bootstrap_servers=broker) as admin:
        admin.delete_topics([name])


def recreated(broker: str, name: str) -> None:
    """Make a topic of a name that was just deleted, as soon as the broker has forgotten it."""
    for attempt in range(50):
        try:
            topics.create(broker, NewTopic(name, 1, 1, topic_configs={"retention.ms": "-1"}))
        except TopicAlreadyExistsError:
            assert attempt < 49
            time.sleep(0.1)
        else:
            return


def test_records_deleted_by_retention_are_noted_with_the_time_of_the_first_one_left(
    kafka: str,
) -> None:
    name = topics.unique("history")
    topics.create(kafka, NewTopic(name, 1, 1, topic_configs={"retention.ms": "-1"}))
    for minute in range(0, 60, 10):
        topics.fill(kafka, name, [[event(START + 60 * minute)]], timestamp=(START + 60 * minute) * 1000)
    delete_before(kafka, name, 3)
    history = TopicSource(kafka_of(kafka), name, START)
    (note,) = history.notes
    assert note.startswith(f"{name}/0 starts at 2025-10-09T09:23:20Z, after --from: Kafka has")
    assert len(records(read(history), f"{name}/0")) == 3
    assert TopicSource(kafka_of(kafka), name, START + 1800).notes == []


def test_a_replay_resumes_at_its_offsets_and_ends_where_it_would_have(kafka: str) -> None:
    given = [hour(0, 9000), hour(1, 100)]
    name = written(kafka, given, batch_bytes=20_000)
    for count in (1, 2, 3, 4):
        first = TopicSource(kafka_of(kafka), name)
        taken = read(first, count=count)
        places = {piece.partition: piece.place for piece in taken}
        topics.fill(kafka, name, [[event(START + 9000)]])  # after the replay began: not of it
        again = TopicSource(kafka_of(kafka), name)
        again.resume(json.loads(json.dumps(first.bounds)), json.loads(json.dumps(places)))
        rest = read(again)
        for number, partition in enumerate(first.partitions):
            assert records([*taken, *rest], partition)[: len(given[number])] == given[number]
            extra = len(records([*taken, *rest], partition)) - len(given[number])
            assert extra == (count - 1 if number == 0 else 0), "only what was there when it began"
        ends = [piece.partition for piece in (*taken, *rest) if piece.records is None]
        assert sorted(ends) == sorted(first.partitions)


def test_a_replay_does_not_resume_if_the_next_records_are_deleted(kafka: str) -> None:
    name = written(kafka, [hour(0), []])
    first = TopicSource(kafka_of(kafka), name)
    for left in (700, 2000):  # some of it, nothing
        delete_before(kafka, name, left)
        again = TopicSource(kafka_of(kafka), name)
        with pytest.raises(
            ReplayError, match=rf"now starts at offset {left:,}, .* would resume at 5: .* --restart"
        ):
            again.resume(first.bounds, {f"{name}/0": 5, f"{name}/1": "end"})


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
    history = TopicSource(kafka_of(kafka), name)
    pieces = read(history)
    await producer.abort_transaction()
    await producer.stop()
    assert records(pieces, f"{name}/0") == [event(START + number) for number in (0, 2, 4)]
    assert [at for piece in pieces for at in piece.offsets] == [0, 4, 8]


@pytest.mark.release
def test_a_broker_that_dies_while_it_is_read_ends_in_one_line_and_leaves_no_thread(
    own_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_kafka, "PATIENCE", 10.0)
    name = written(own_broker.address, [long_hour()])
    history = TopicSource(kafka_of(own_broker.address), name)
    pieces = history.pieces()
    next(pieces)
    own_broker.kill()
    with pytest.raises(ReplayError, match=f"Kafka at {own_broker.address} does not answer") as caught:
        list(pieces)
    assert "\n" not in str(caught.value)
    assert not reading()


def test_a_replay_that_is_left_in_the_middle_leaves_no_thread(kafka: str) -> None:
    pieces = TopicSource(kafka_of(kafka), written(kafka, [long_hour()])).pieces()
    next(pieces)
    assert reading()
    pieces.close()  # type: ignore[attr-defined]
    assert not reading()


def test_records_deleted_by_retention_while_reading_end_the_replay(kafka: str) -> None:
    name = written(kafka, [long_hour()])
    pieces = TopicSource(kafka_of(kafka), name).pieces()
    next(pieces)
    delete_before(kafka, name, LONG - 1)
    with pytest.raises(ReplayError, match=rf"now starts at offset {LONG - 1:,}, .* resume at .* --restart"):
        list(pieces)
    assert not reading()


@pytest.mark.release
def test_a_topic_deleted_or_recreated_while_reading_ends_the_replay(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_kafka, "PATIENCE", 10.0)
    for again in (False, True):
        name = written(kafka, [long_hour()])
        pieces = TopicSource(kafka_of(kafka), name).pieces()
        next(pieces)
        delete_topic(kafka, name)
        if again:
            recreated(kafka, name)
        with pytest.raises(ReplayError, match=f"was {'recreated' if again else 'deleted'} since .*--restart"):
            list(pieces)


def test_a_replay_does_not_resume_on_a_recreated_topic(kafka: str) -> None:
    name = written(kafka, [hour(0)])
    bounds = TopicSource(kafka_of(kafka), name).bounds
    delete_topic(kafka, name)
    recreated(kafka, name)
    for given in ([], hour(0)):
        topics.fill(kafka, name, [given])
        with pytest.raises(ReplayError, match=r"was recreated or changed since .* --restart"):
            TopicSource(kafka_of(kafka), name).resume(bounds, {})


def test_a_missing_credential_is_reported_in_one_line() -> None:
    kafka = KafkaSettings(
        brokers=["127.0.0.1:1"],
        security="sasl_plaintext",
        sasl_mechanism="PLAIN",
        username_env="NO_SUCH_NAME",
        password_env="NO_SUCH_NAME",  # noqa: S106 - a variable's name
    )
    with pytest.raises(ReplayError, match=r"kafka.username_env: .* NO_SUCH_NAME is not set"):
        TopicSource(kafka, "requests")


@pytest.mark.release
def test_the_command_leaves_no_group_and_no_commit_behind_and_fails_in_one_line(
    own_broker: Broker, tmp_path: Path
) -> None:
    alone = own_broker.address
    name = written(alone, [hour(0), hour(1)])
    uneri = [str(Path(sys.executable).with_name("uneri")), "replay"]
    done = subprocess.run(
        [*uneri, f"kafka://{alone}/{name}", "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "4,000 records" in done.stdout
    assert groups(alone) == set()
    with open_client(KafkaConsumer, bootstrap_servers=alone, group_id="uneri") as consumer:
        assert consumer.committed(TopicPartition(name, 0)) is None
    for source, said in (
        (f"kafka://{alone}/nothing", "has no topic 'nothing'"),
        ("kafka://127.0.0.1:1/requests", "does not answer"),
        (f"kafka://{alone}", "write kafka://host:port/topic"),
    ):
        failed = subprocess.run(
            [*uneri, source, "--out", tmp_path / "no"], capture_output=True, text=True, check=False
        )
        assert failed.returncode == 2
        assert said in failed.stderr
        assert failed.stderr.count("\n") == 1
        assert not (tmp_path / "no").exists()


def groups(broker: str) -> set[str]:
    with open_client(KafkaAdminClient, bootstrap_servers=broker) as admin:
        return {group["group_id"] for group in admin.list_groups()}


def test_a_replay_of_a_topic_is_the_replay_of_its_records(kafka: str) -> None:
    name = written(kafka, [hour(0), hour(1)], batch_bytes=9_000)
    found = replay(TopicSource(kafka_of(kafka), name), Settings())
    assert found.records == 4000
    assert found.last - found.first >= HOUR
