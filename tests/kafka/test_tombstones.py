"""Topics that are compacted, with records that have no value, on a real broker."""

from streams.offline.sources.open_source import open_source
from tests.kafka import topic as topics
from tests.kafka.kafka_app import KEPT, MakeApp, event, stamps

COUNT = 700


def test_a_topic_with_tombstones_is_read_on_and_replayed_without_them(kafka: str, make_app: MakeApp) -> None:
    orders = topics.unique("orders")
    app = make_app(
        partitions=1,
        configs={**KEPT, "cleanup.policy": "compact"},
        kafka={"shards": 1},
        sources={"inputs": [{"name": "orders", "format": "uneri", "topic": orders}]},
    )
    both = app.kafka.requests, orders
    values = [None if number % 7 == 0 else event(number) for number in range(COUNT)]
    for name in both:
        topics.fill(kafka, name, [values], arrived=[stamps(COUNT, 0.05)], keyed=True)

    running = app.start()
    app.until(lambda: all(app.committed(name) == [COUNT] for name in both))
    assert app.metric("uneri_records_total") == 2 * 600
    assert app.metric("uneri_skipped_parts_total", reason="tombstone") == 2 * 100
    assert running.stop() == 0
    assert app.dead_letters() == []

    for name in both:
        history = open_source(f"kafka://{kafka}/{name}", app.settings)
        offsets = [offset for piece in history.pieces() if piece.records for offset in piece.offsets or ()]
        assert offsets == [number for number in range(COUNT) if number % 7]
