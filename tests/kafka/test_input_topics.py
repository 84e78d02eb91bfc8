"""Topics with formats beside that of the requests, on a real broker, through kills."""

import json
import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from config.settings import InputSettings, KafkaSettings, Settings, SourcesSettings, TimeSettings, WebSettings
from detectors.model.array_types import Floats
from streams.cli.check.kafka import check_kafka
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.topics import TopicError, Topics, existing_topics, setup_topics, verified_topics
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.engine.stages.rollup_engine import RollupEngine
from streams.offline.sources.open_source import open_source
from tests.free_port import free_port
from tests.kafka import topic as topics
from tests.kafka.test_guards import get, metric
from tests.kafka.test_kafka_daemon import daemon, event, records, stop

START = 1_760_000_000
EVENTS, REQUESTS, PARTITIONS = 8_000, 4_000, 2
STEP = 60  # seconds: a rollup that is behind emits no buckets
EACH = 20  # spans of a payload
PATIENCE = 240


def spans(first: int) -> bytes:
    """A payload as a collector's exporter writes it: requests of one function."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    for key, value in (("service.name", "quest"), ("faas.name", "quest-end"), ("cloud.account.id", "1")):
        of_resource.resource.attributes.add(key=key).value.string_value = value
    scope = of_resource.scope_spans.add()
    for number in range(first, first + EACH):
        begin = (START * 10 + number) * 100_000_000
        span = scope.spans.add(
            trace_id=(number + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            name="POST /quests",
            kind=2,
            start_time_unix_nano=begin,
            end_time_unix_nano=begin + 30_000_000,
        )
        span.attributes.add(key="http.route").value.string_value = "/quests"
        span.attributes.add(key="http.request.method").value.string_value = "POST"
        span.attributes.add(key="http.response.status_code").value.int_value = 200
    written: bytes = request.SerializeToString()
    return written


def stamps(count: int, seconds: float) -> Floats:
    return np.array([START + number * seconds + 3 for number in range(count)])


@pytest.fixture
def settings(kafka: str) -> Settings:
    spans_topic = topics.unique("otlp_spans")
    ours = Settings(
        kafka=KafkaSettings(
            brokers=[kafka], app=topics.unique("app"), requests=topics.unique("requests"), shards=2
        ),
        sources=SourcesSettings(inputs=[InputSettings(name="spans", format="otlp_proto", topic=spans_topic)]),
        web=WebSettings(listen=f"127.0.0.1:{free_port()}"),
        time=TimeSettings(idle=5),
    )
    topics.create(
        kafka,
        *(
            NewTopic(name, PARTITIONS, 1, topic_configs={"retention.ms": "-1"})
            for name in (spans_topic, ours.kafka.requests if ours.kafka else "")
        ),
    )
    setup_topics(ours)
    return ours


def names_of(settings: Settings) -> Topics:
    assert settings.kafka is not None
    return Topics.of(settings.kafka, settings.sources)


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it did not get there in time"
        time.sleep(0.3)


def committed(kafka: str, settings: Settings, topic: str) -> list[int]:
    assert settings.kafka is not None
    return topics.committed(kafka, settings.kafka.app, topic, PARTITIONS)


def blocks_of(kafka: str, settings: Settings) -> list[Block]:
    """The blocks that are not about idleness, once each; what was written again is the same."""
    kept: dict[tuple[str, int, int], bytes] = {}
    for record in records(kafka, names_of(settings).rollups):
        block = decode_block(record.value)
        if not block.idle:
            place = block.source, block.shard, block.sequence
            assert kept.setdefault(place, record.value) == record.value
    return [decode_block(value) for value in kept.values()]


def dead_letters(kafka: str, settings: Settings) -> list[tuple[str, dict[str, Any]]]:
    """Keys and letters, read as whoever reads committed records only."""
    topic = names_of(settings).dead_letters
    options: dict[str, Any] = {"bootstrap_servers": kafka, "isolation_level": "read_committed"}
    found = []
    with open_client(
        KafkaConsumer, **options, auto_offset_reset="earliest", enable_auto_commit=False
    ) as consumer:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        while consumer.position(place) < end:
            for several in consumer.poll(500).values():
                found += [(record.key.decode(), json.loads(record.value)) for record in several]
    return found


def replayed(kafka: str, settings: Settings, topic: str) -> list[Block]:
    """The blocks of a replay of a topic, which knows its format by the configuration."""
    history = open_source(f"kafka://{kafka}/{topic}", settings)
    rolling = RollupEngine(settings, history.partitions, shards=2)
    blocks: list[Block] = []
    bad = []
    for piece in history.pieces(rolling.watermark):
        if piece.records is None:
            blocks += rolling.finish(piece.partition).blocks
        else:
            rolled = rolling.feed(piece.partition, piece.records, piece.arrived)
            blocks += rolled.blocks
            bad += [piece.offsets[part.index] for part in piece.placed(rolled.rejected)]
    assert sorted(bad) == [5, 6], "the offsets of the two that are no spans"
    return blocks


def in_steps(blocks: list[Block], topic: str, before: int) -> Counter[tuple[str, int, int]]:
    found = Counter[tuple[str, int, int]]()
    for block in blocks:
        if (
            block.source.startswith(f"{topic}/")
            and block.bucket < before
            and block.records
            and not block.idle
        ):
            found[block.source, block.shard, block.bucket - block.bucket % STEP] += block.records
    return found


def test_spans_and_events_are_counted_once_each_through_a_kill(kafka: str, settings: Settings) -> None:
    (otlp,), requests = names_of(settings).inputs, names_of(settings).requests
    events = [event(number) for number in range(EVENTS)]
    payloads = [spans(number) for number in range(0, REQUESTS, EACH)]
    payloads[11:11] = [b"\xffgarbage", b""]
    payloads[41:41] = [payloads[39]]  # a sender that was not answered sends it again, to the same partition

    def fill(first: float, last: float, *, of: Collection[str] = (requests, otlp)) -> None:
        for topic, all_of, seconds in ((requests, events, 0.05), (otlp, payloads, 2.0)):
            if topic not in of:
                continue
            part = slice(int(len(all_of) * first), int(len(all_of) * last))
            arrived = stamps(len(all_of), seconds)
            topics.fill(
                kafka,
                topic,
                [all_of[part][n::PARTITIONS] for n in range(PARTITIONS)],
                arrived=[arrived[part][n::PARTITIONS] for n in range(PARTITIONS)],
            )

    def taken(last: float) -> bool:
        counts = [sum(committed(kafka, settings, text)) for text in (requests, otlp)]
        return counts == [int(EVENTS * last), int(len(payloads) * last)]

    running = daemon(settings)
    try:
        fill(0, 0.5)
        wait_for(lambda: taken(0.5))
        before = metric(get(settings, "/metrics")[1], "uneri_records_total") or 0
        fill(0.5, 1, of=[requests])
        wait_for(lambda: (metric(get(settings, "/metrics")[1], "uneri_records_total") or 0) > before + 100)
        running.kill()
        running.communicate()
        fill(0.5, 1, of=[otlp])
        running = daemon(settings)
        wait_for(lambda: taken(1))
        wait_for(lambda: len({block.source for block in blocks_of(kafka, settings)}) == 2 * PARTITIONS)
        wait_for(lambda: get(settings, "/readyz")[0] == 200)
    finally:
        code, said = stop(running)
    assert code == 0, said
    assert "Traceback" not in said

    blocks = blocks_of(kafka, settings)
    for topic, count, seconds in ((requests, EVENTS, 0.05), (otlp, REQUESTS, 0.1)):
        of_topic = [block for block in blocks if block.source.startswith(f"{topic}/")]
        passed = [
            max(block.watermark for block in of_topic if block.source == f"{topic}/{number}")
            for number in range(PARTITIONS)
        ]
        before = min(passed) - min(passed) % STEP
        assert before > START + 300, "most of it is closed"
        for shard in range(2):
            counted = sum(
                block.records for block in of_topic if block.shard == shard and block.bucket < before
            )
            assert counted == sum(START + number * seconds < before for number in range(count))

        if topic == otlp:
            again = in_steps(replayed(kafka, settings, otlp), otlp, before)
            assert in_steps(blocks, otlp, before) == again, "a replay of the topic counts what the daemon did"

    letters = dead_letters(kafka, settings)
    assert [(key, letter["reason"], letter["source"]) for key, letter in sorted(letters)] == sorted(
        (f"{otlp}/{at % PARTITIONS}/{at // PARTITIONS}", reason, "spans")
        for at, reason in ((11, "damaged"), (12, "empty"))
    ), "exactly once"


def test_setup_leaves_topics_of_inputs_to_their_senders_unless_asked(kafka: str) -> None:
    topic = topics.unique("otlp_spans")
    settings = Settings(
        kafka=KafkaSettings(brokers=[kafka], app=topics.unique("app"), requests=""),
        sources=SourcesSettings(inputs=[InputSettings(name="spans", format="otlp_proto", topic=topic)]),
    )
    ours = settings.kafka
    assert ours is not None
    lines = setup_topics(settings)
    assert [line for line in lines if topic in line] == [
        f"{topic}: missing; left to who writes to it, or run `uneri setup --inputs` to create it"
    ]
    wait_for(lambda: len(existing_topics(ours)) == 7)  # a broker shows what it made a moment later
    with pytest.raises(TopicError, match=f"no topic {topic}, which sources.inputs names.*setup --inputs"):
        verified_topics(ours, [topic])
    said = [result.text for result in check_kafka(ours, settings.sources) if result.ok is False]
    assert len(said) == 1
    assert said[0].startswith(f"kafka: no topic {topic}; correct it in sources.inputs, have its sender")
    assert f"{topic}: created, 8 partitions" in setup_topics(settings, inputs=True)
    wait_for(lambda: len(existing_topics(ours, [topic])) == 1)
    assert f"{topic}: exists, 8 partitions" in setup_topics(settings)
    assert verified_topics(ours, [topic])[topic].partitions == 8
    said = [result.text for result in check_kafka(ours, settings.sources)]
    assert f"kafka: topic {topic} of spans (otlp_proto) exists, 8 partitions" in said


def test_a_daemon_without_a_topic_of_requests_reads_inputs_and_shows_them(kafka: str) -> None:
    topic = topics.unique("otlp_spans")
    settings = Settings(
        kafka=KafkaSettings(brokers=[kafka], app=topics.unique("app"), requests="", shards=1),
        sources=SourcesSettings(inputs=[InputSettings(name="spans", topic=topic)]),
        web=WebSettings(listen=f"127.0.0.1:{free_port()}"),
        time=TimeSettings(idle=2),
    )
    topics.create(kafka, NewTopic(topic, PARTITIONS, 1, topic_configs={"retention.ms": "-1"}))
    setup_topics(settings)
    payloads = [spans(number) for number in range(0, 1000, EACH)]
    topics.fill(kafka, topic, [payloads], arrived=[stamps(len(payloads), 2.0)])
    running = daemon(settings)
    try:
        wait_for(lambda: committed(kafka, settings, topic) == [len(payloads), 0])
        _, status = get(settings, "/status")
        _, metrics = get(settings, "/metrics")
        wait_for(lambda: (metric(get(settings, "/metrics")[1], "uneri_steps_total") or 0) > 0)
    finally:
        code, said = stop(running)
    assert code == 0, said
    shown = json.loads(status)
    assert shown["partitions"][f"rollup/{topic}/0"] == len(payloads)
    assert shown["records"] == 1000
    assert metric(metrics, "uneri_lag_records", partition=f"{topic}/0", stage="rollup") == 0
