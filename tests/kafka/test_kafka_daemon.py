import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, KafkaAdminClient, NewTopic
from kafka.consumer.fetcher import ConsumerRecord

from config.settings import KafkaSettings, Settings, TimeSettings, WebSettings
from streams.drivers.kafka import topics as topics_module
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.topics import TopicError, Topics, setup_topics, verified_topics
from streams.engine.detect.gather import JudgedStep
from streams.engine.rollup.blocks.block_codec import decode_block
from tests.free_port import free_port
from tests.kafka import topic as topics

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
from config.settings import Settings
from streams.drivers.kafka.daemon import run_kafka
sys.exit(run_kafka(Settings.model_validate_json(sys.argv[1]), sys.argv[2:] or None))
"""
START = 1_760_000_000
EVENTS = 12_000
PARTITIONS = 8
PATIENCE = 240  # a busy machine starts a daemon in half a minute


def daemon(settings: Settings, *roles: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, settings.model_dump_json(), *roles],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    try:
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, said


def event(number: int) -> bytes:
    return json.dumps(
        {
            "ts": START + number * 0.05,
            "id": f"r{number}",
            "account": "1",
            "service": "shop",
            "function": f"f{number % 5}",
            "ms": {"total": 12.0},
            "tables": [{"name": "items", "op": "GetItem", "rcu": 1.0}],
        }
    ).encode()


@pytest.fixture
def settings(kafka: str) -> Settings:
    ours = Settings(
        kafka=KafkaSettings(
            brokers=[kafka], app=topics.unique("app"), requests=topics.unique("requests"), shards=2
        ),
        web=WebSettings(listen="127.0.0.1:0"),
        time=TimeSettings(idle=2),
    )
    setup_topics(ours)
    return ours


def records(kafka: str, topic: str) -> list[ConsumerRecord]:
    found: list[ConsumerRecord] = []
    options = {"bootstrap_servers": kafka, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    with open_client(KafkaConsumer, **options) as consumer:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        end = consumer.end_offsets(places)
        while any(consumer.position(place) < end[place] for place in places):
            for several in consumer.poll(500).values():
                found += several
    return found


def wait_until(condition: Iterator[bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not next(condition):
        assert time.monotonic() < deadline, "it did not get there in time"
        time.sleep(0.3)


def all_committed(kafka: str, settings: Settings, counts: list[int]) -> Iterator[bool]:
    assert settings.kafka is not None
    while True:
        yield topics.committed(kafka, settings.kafka.app, settings.kafka.requests, PARTITIONS) == counts


def test_events_become_blocks_and_judged_steps_and_a_kill_changes_none_of_them(
    kafka: str, settings: Settings
) -> None:
    assert settings.kafka is not None
    names = Topics.of(settings.kafka)
    events = [event(number) for number in range(EVENTS)]
    half = EVENTS // 2
    first = [events[number:half:PARTITIONS] for number in range(PARTITIONS)]
    first[3][7:7] = [b"no event", b'{"ts": NaN}']
    topics.fill(kafka, names.requests, first)
    running = daemon(settings)
    try:
        wait_until(all_committed(kafka, settings, [len(lines) for lines in first]), PATIENCE)
        topics.fill(
            kafka, names.requests, [events[half + n : EVENTS : PARTITIONS] for n in range(PARTITIONS)]
        )
        time.sleep(0.7)  # somewhere in the second half
        running.kill()
        running.communicate()
        running = daemon(settings)
        counts = [EVENTS // PARTITIONS + (2 if number == 3 else 0) for number in range(PARTITIONS)]
        wait_until(all_committed(kafka, settings, counts), PATIENCE)
    finally:
        code, said = stop(running)
    assert code == 0, said
    assert "Traceback" not in said

    blocks: dict[tuple[str, int, int], bytes] = {}
    for record in records(kafka, names.rollups):
        block = decode_block(record.value)
        assert record.partition == block.shard
        if not block.idle:  # an idle block borrows its number
            assert (
                blocks.setdefault((block.source, block.shard, block.sequence), record.value) == record.value
            )
    closed = [decode_block(value) for value in blocks.values()]
    last = min(
        max(block.watermark for block in closed if block.source == source)
        for source in {b.source for b in closed}
    )
    # what a source had counted when it fell idle reaches beyond its watermark
    last = min(
        (block.bucket for block in closed if block.bucket < last < block.bucket + block.width), default=last
    )
    expected = sum(1 for number in range(EVENTS) if START + number * 0.05 < last)
    for shard in range(2):
        assert (
            sum(block.records for block in closed if block.shard == shard and block.bucket < last) == expected
        )

    letters = {record.key: json.loads(record.value) for record in records(kafka, names.dead_letters)}
    assert {(letter["reason"], letter["partition"], letter["offset"]) for letter in letters.values()} == {
        ("not_json", 3, 7),
        ("not_finite", 3, 8),
    }
    emitted: dict[tuple[int, int], bytes] = {}
    for record in records(kafka, names.findings):
        judged = msgspec.msgpack.decode(record.value, type=JudgedStep)
        assert emitted.setdefault((judged.shard, judged.start), record.value) == record.value
    assert len(emitted) > 2


def test_an_unreachable_broker_is_said_in_one_line_and_tried_again() -> None:
    address = f"127.0.0.1:{free_port()}"
    running = daemon(Settings(kafka=KafkaSettings(brokers=[address]), web=WebSettings(listen="127.0.0.1:0")))
    assert running.stderr is not None
    first = running.stderr.readline()  # however long a busy machine takes to start
    time.sleep(1)
    assert running.poll() is None
    code, rest = stop(running)
    said = first + rest
    lines = said.strip().splitlines()
    assert code == 0
    assert len(lines) == 1, said
    assert f"Kafka at {address} does not answer" in lines[0]
    assert "retrying every 5 s" in lines[0]


def test_missing_topics_end_the_daemon_with_the_remedy(kafka: str) -> None:
    ours = KafkaSettings(brokers=[kafka], app=topics.unique("app"), requests="nowhere")
    running = daemon(Settings(kafka=ours, web=WebSettings(listen="127.0.0.1:0")))
    _, said = running.communicate(timeout=PATIENCE)
    assert running.returncode == 1
    assert len(said.strip().splitlines()) == 1, said
    assert "Kafka has no topic nowhere" in said
    assert "run `uneri setup` to create it" in said


def test_setup_has_an_existing_topic_of_dead_letters_keep_one_of_each_and_no_more_than_fit(
    kafka: str,
) -> None:
    app = topics.unique("uneri")
    settings = Settings(kafka=KafkaSettings(brokers=[kafka], app=app, requests=f"{app}-requests"))
    name = f"{app}-dead-letters"
    topics.create(
        kafka, NewTopic(name, 1, 1, topic_configs={"cleanup.policy": "delete", "retention.ms": "1000000"})
    )
    assert [line for line in setup_topics(settings) if name in line] == [
        f"{name}: exists, 1 partition",
        f"{name}: changed to keep one dead letter for each bad record (cleanup.policy compact,delete)",
        f"{name}: changed to keep at most 256 MiB of dead letters (retention.bytes)",
    ]
    deadline = time.monotonic() + 20  # a broker shows what it received a moment later
    while [line for line in setup_topics(settings) if name in line] != [f"{name}: exists, 1 partition"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
        found = admin.describe_configs([ConfigResource("TOPIC", name)])["topic"][name]
    assert found["cleanup.policy"]["value"] == "compact,delete"
    assert found["retention.bytes"]["value"] == str(256 << 20)
    assert found["retention.ms"]["value"] == "1000000", "what an operator set stays"


def test_setup_verifies_a_topic_that_the_broker_shows_a_moment_later(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = topics.unique("uneri")
    settings = Settings(kafka=KafkaSettings(brokers=[kafka], app=app, requests=f"{app}-requests", shards=2))
    topics.create(kafka, NewTopic(f"{app}-rollups", 3, 1))
    shown, asked = topics_module._partitions, []

    def later(admin: Any) -> dict[str, int]:
        asked.append(admin)
        return {} if len(asked) == 1 else shown(admin)

    monkeypatch.setattr(topics_module, "_partitions", later)
    with pytest.raises(TopicError, match=f"{app}-rollups has 3 partitions"):
        setup_topics(settings)


def test_setup_has_the_broker_stamp_requests_and_says_where_producers_do(kafka: str) -> None:
    app = topics.unique("uneri")
    own, theirs = f"{app}-own", f"{app}-theirs"
    topics.create(kafka, NewTopic(theirs, 1, 1))
    for name in (own, theirs):
        setup_topics(Settings(kafka=KafkaSettings(brokers=[kafka], app=app, requests=name)))
    found = [
        line
        for name in (own, theirs)
        for line in setup_topics(Settings(kafka=KafkaSettings(brokers=[kafka], app=app, requests=name)))
        if "LogAppendTime" in line
    ]
    assert len(found) == 1
    assert found[0].startswith(f"{theirs}: its producers' clocks decide when a record arrived")


def test_setup_lists_existing_topics_and_refuses_another_number_of_shards(settings: Settings) -> None:
    assert settings.kafka is not None
    assert all("exists" in line for line in setup_topics(settings))
    assert verified_topics(settings.kafka)[Topics.of(settings.kafka).rollups].partitions == 2
    other = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"shards": 3})})
    with pytest.raises(TopicError, match=r"has 2 partitions, kafka\.shards is 3: set kafka\.shards to 2"):
        setup_topics(other)
