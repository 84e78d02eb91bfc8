"""Topics with formats beside that of the requests, on a real broker, through kills."""

from collections import Counter
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from streams.cli.check.kafka import check_kafka
from streams.drivers.kafka.topics import TopicError, existing_topics, setup_topics, verified_topics
from streams.engine.rollup.blocks.block import Block
from streams.engine.stages.rollup_engine import RollupEngine
from streams.offline.sources.open_source import open_source
from tests.kafka import topic as topics
from tests.kafka.kafka_app import PARTITIONS, START, KafkaApp, MakeApp, event, stamps

EVENTS, REQUESTS = 8_000, 4_000
STEP = 60  # seconds: a rollup that is behind emits no buckets
EACH = 20  # spans of a payload


def of_spans(topic: str) -> dict[str, Any]:
    return {"inputs": [{"name": "spans", "format": "otlp_proto", "topic": topic}]}


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


def replayed(app: KafkaApp, topic: str) -> list[Block]:
    """The blocks of a replay of a topic, which knows its format by the configuration."""
    history = open_source(f"kafka://{app.kafka.brokers[0]}/{topic}", app.settings)
    rolling = RollupEngine(app.settings, history.partitions, shards=2)
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


@pytest.mark.release
def test_spans_and_events_are_counted_once_each_through_a_kill(make_app: MakeApp) -> None:
    app = make_app(sources=of_spans(topics.unique("otlp_spans")), time={"idle": 5})
    (otlp,), requests = app.names.inputs, app.names.requests
    events = [event(number) for number in range(EVENTS)]
    payloads = [spans(number) for number in range(0, REQUESTS, EACH)]
    payloads[11:11] = [b"\xffgarbage", b""]
    payloads[41:41] = [payloads[39]]  # a sender that was not answered sends it again, to the same partition

    def taken(last: float) -> bool:
        counts = [sum(app.committed(topic)) for topic in (requests, otlp)]
        return counts == [int(EVENTS * last), int(len(payloads) * last)]

    running = app.start()
    app.fill(requests, events, 0.05, 0, 0.5)
    app.fill(otlp, payloads, 2.0, 0, 0.5)
    app.until(lambda: taken(0.5))
    counted = app.metric("uneri_records_total") or 0
    app.fill(requests, events, 0.05, 0.5, 1)
    app.until(lambda: (app.metric("uneri_records_total") or 0) > counted + 100)
    running.kill()
    app.fill(otlp, payloads, 2.0, 0.5, 1)
    running = app.start()
    app.until(lambda: taken(1))
    app.until(lambda: len({block.source for block in app.blocks()}) == 2 * PARTITIONS)
    app.until(app.ready)
    assert running.stop() == 0

    blocks = app.blocks()
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
            again = in_steps(replayed(app, otlp), otlp, before)
            assert in_steps(blocks, otlp, before) == again, "a replay of the topic counts what the daemon did"

    letters = sorted(app.dead_letters())
    assert [(key, letter["reason"], letter["source"]) for key, letter in letters] == sorted(
        (f"{otlp}/{at % PARTITIONS}/{at // PARTITIONS}", reason, "spans")
        for at, reason in ((11, "damaged"), (12, "empty"))
    ), "exactly once"


def test_setup_leaves_topics_of_inputs_to_their_senders_unless_asked(make_app: MakeApp) -> None:
    topic = topics.unique("otlp_spans")
    app = make_app(prepared=False, kafka={"requests": ""}, sources=of_spans(topic))
    settings, ours = app.settings, app.kafka
    lines = setup_topics(settings)
    assert [line for line in lines if topic in line] == [
        f"{topic}: missing; left to who writes to it, or run `uneri setup --inputs` to create it"
    ]
    app.until(lambda: len(existing_topics(ours)) == 7)  # a broker shows what it made a moment later
    with pytest.raises(TopicError, match=f"no topic {topic}, which sources.inputs names.*setup --inputs"):
        verified_topics(ours, [topic])
    said = [result.text for result in check_kafka(ours, settings.sources) if result.ok is False]
    assert len(said) == 1
    assert said[0].startswith(f"kafka: no topic {topic}; correct it in sources.inputs, have its sender")
    assert f"{topic}: created, 8 partitions" in setup_topics(settings, inputs=True)
    app.until(lambda: len(existing_topics(ours, [topic])) == 1)
    assert f"{topic}: exists, 8 partitions" in setup_topics(settings)
    assert verified_topics(ours, [topic])[topic].partitions == 8
    said = [result.text for result in check_kafka(ours, settings.sources)]
    assert f"kafka: topic {topic} of spans (otlp_proto) exists, 8 partitions" in said


@pytest.mark.release
def test_a_daemon_without_a_topic_of_requests_reads_inputs_and_shows_them(make_app: MakeApp) -> None:
    topic = topics.unique("otlp_spans")
    inputs = [{"name": "spans", "topic": topic}]  # which are spans unless it says otherwise
    app = make_app(kafka={"requests": "", "shards": 1}, sources={"inputs": inputs})
    payloads = [spans(number) for number in range(0, 1000, EACH)]
    topics.fill(app.kafka.brokers[0], topic, [payloads], arrived=[stamps(len(payloads), 2.0)])
    running = app.start()
    app.until(lambda: app.committed(topic) == [len(payloads), 0])
    shown = app.shown()
    assert app.metric("uneri_lag_records", partition=f"{topic}/0", stage="rollup") == 0
    app.until(lambda: (app.metric("uneri_steps_total") or 0) > 0)
    assert running.stop() == 0
    assert shown["partitions"][f"rollup/{topic}/0"] == len(payloads)
    assert shown["records"] == 1000
