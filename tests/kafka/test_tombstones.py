"""Topics that are compacted, with records that have no value, on a real broker."""

import numpy as np
from kafka.admin import NewTopic

from config.settings import InputSettings, KafkaSettings, Settings, SourcesSettings, TimeSettings, WebSettings
from streams.drivers.kafka.topics import Topics, setup_topics
from streams.offline.sources.open_source import open_source
from tests.free_port import free_port
from tests.kafka import topic as topics
from tests.kafka.test_guards import get, metric, records
from tests.kafka.test_input_topics import wait_for
from tests.kafka.test_kafka_daemon import START, daemon, event, stop

COUNT = 700


def test_a_topic_with_tombstones_is_read_on_and_replayed_without_them(kafka: str) -> None:
    app, requests, orders = (topics.unique(name) for name in ("app", "requests", "orders"))
    kafka_settings = KafkaSettings(brokers=[kafka], app=app, requests=requests, shards=1)
    settings = Settings(
        kafka=kafka_settings,
        sources=SourcesSettings(inputs=[InputSettings(name="orders", format="uneri", topic=orders)]),
        web=WebSettings(listen=f"127.0.0.1:{free_port()}"),
        time=TimeSettings(idle=2),
    )
    compacted = {"cleanup.policy": "compact", "retention.ms": "-1"}
    topics.create(kafka, *(NewTopic(name, 1, 1, topic_configs=compacted) for name in (requests, orders)))
    setup_topics(settings)
    values = [None if number % 7 == 0 else event(number) for number in range(COUNT)]
    arrived = [np.array([START + number * 0.05 + 3 for number in range(COUNT)])]
    for name in (requests, orders):
        topics.fill(kafka, name, [values], arrived=arrived, keyed=True)

    running = daemon(settings)
    try:
        wait_for(lambda: all(topics.committed(kafka, app, name, 1) == [COUNT] for name in (requests, orders)))
        _, page = get(settings, "/metrics")
    finally:
        code, said = stop(running)
    assert code == 0, said
    assert metric(page, "uneri_records_total") == 2 * 600
    assert metric(page, "uneri_skipped_parts_total", reason="tombstone") == 2 * 100
    assert records(kafka, Topics.of(kafka_settings).dead_letters) == []

    for name in (requests, orders):
        history = open_source(f"kafka://{kafka}/{name}", settings)
        offsets = [offset for piece in history.pieces() if piece.records for offset in piece.offsets or ()]
        assert offsets == [number for number in range(COUNT) if number % 7]
