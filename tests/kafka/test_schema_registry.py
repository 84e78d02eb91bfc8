"""A topic of Avro on a real broker, whose schema registry is down, comes back, and goes again."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.kafka import topic as topics
from tests.kafka.kafka_app import PARTITIONS, START, KafkaApp, MakeApp, event
from tests.streams.ingest.registry.standin import RegistryStandin
from tests.streams.ingest.registry.test_registry import REQUEST, avro, framed

COUNT = 4_000  # records of each topic
APART = 0.1  # seconds
OTHER = {**REQUEST, "fields": [*REQUEST["fields"], {"name": "status", "type": "int"}]}


@pytest.fixture
def registry() -> Iterator[RegistryStandin]:
    standin = RegistryStandin()
    standin.has(7, REQUEST)
    standin.has(8, OTHER)
    try:
        yield standin
    finally:
        standin.stop()


def order(number: int) -> bytes:
    """A record of one schema, and from the second half on of two."""
    at = round((START + number * APART) * 1000)
    if number >= COUNT // 2 and number % 3:
        return framed(8, avro({"ts": at, "service": "shop", "status": 200}, OTHER))
    return framed(7, avro({"ts": at, "service": "shop"}, REQUEST))


@pytest.mark.release
def test_a_registry_that_is_down_is_waited_for_and_the_totals_are_right(
    make_app: MakeApp, registry: RegistryStandin
) -> None:
    app = make_app(
        kafka={"shards": 1},
        sources={
            "inputs": [{"name": "orders", "format": "confluent", "topic": topics.unique("orders")}],
            "registry": {"urls": [registry.url]},
        },
        time={"idle": 5},
    )
    (orders,), requests = app.names.inputs, app.names.requests
    payloads = [order(number) for number in range(COUNT)]
    payloads[30:30] = [framed(99)]  # a schema that no registry has
    events = [event(number) for number in range(COUNT)]

    def fill(first: float, last: float) -> None:
        app.fill(requests, events, 0.05, first, last)
        app.fill(orders, payloads, APART, first, last)

    def waits() -> bool:
        code, reasons = app.get("/readyz")
        return code == 503 and f"rollup/{orders}/0, rollup/{orders}/1 wait: the schema registry" in reasons

    def taken(last: float) -> bool:
        counts = [sum(app.committed(topic)) for topic in (requests, orders)]
        return counts == [int(COUNT * last), int(len(payloads) * last)]

    first = app.start()
    fill(0, 0.5)
    app.until(waits)
    assert sum(app.committed(orders)) == 0
    assert app.metric("uneri_registry_down") == 1
    assert f"the schema registry {registry.url} does not answer" in app.shown()["registry"]
    registry.start()
    app.until(lambda: taken(0.5))
    app.until(app.ready)
    assert app.metric("uneri_registry_down") == 0

    registry.stop()
    fill(0.5, 0.75)
    app.until(waits)
    app.until(lambda: sum(app.committed(requests)) == COUNT * 0.75)  # it is in nobody's way
    assert waits()
    first.kill()
    running = app.start()
    fill(0.75, 1)
    app.until(waits)
    registry.start()
    app.until(lambda: taken(1))
    app.until(app.ready)
    assert running.stop() == 0
    said = running.output()
    assert said.count("records of schemas that are not known yet wait") == 1
    assert said.count("the schema registry can be asked again") == 1

    assert_counted_once(app)
    assert [(key, letter["reason"], letter["detail"]) for key, letter in app.dead_letters()] == [
        (f"{orders}/0/15", "unknown_format", "the schema 99 is not in the registry")
    ], "exactly once, and nothing else"


def assert_counted_once(app: KafkaApp) -> None:
    blocks = app.blocks()
    for topic, seconds in ((app.names.requests, 0.05), (app.names.inputs[0], APART)):
        of_topic = [block for block in blocks if block.source.startswith(f"{topic}/")]
        passed = Counter[str]()
        for block in of_topic:
            passed[block.source] = max(passed[block.source], block.watermark)
        assert len(passed) == PARTITIONS
        before = min(passed.values())
        assert before > START + 100, "most of it is closed"
        counted = sum(block.records for block in of_topic if block.bucket < before)
        assert counted == sum(START + number * seconds < before for number in range(COUNT))
