"""A topic of Avro on a real broker, whose schema registry is down, comes back, and goes again."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from kafka.admin import NewTopic

from config.settings import (
    InputSettings,
    KafkaSettings,
    RegistrySettings,
    Settings,
    SourcesSettings,
    TimeSettings,
    WebSettings,
)
from streams.drivers.kafka.topics import setup_topics
from tests.free_port import free_port
from tests.kafka import topic as topics
from tests.kafka.test_guards import get, metric
from tests.kafka.test_input_topics import (
    PARTITIONS,
    START,
    blocks_of,
    committed,
    dead_letters,
    names_of,
    stamps,
    wait_for,
)
from tests.kafka.test_kafka_daemon import daemon, event, stop
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


@pytest.fixture
def settings(kafka: str, registry: RegistryStandin) -> Settings:
    orders = topics.unique("orders")
    ours = Settings(
        kafka=KafkaSettings(
            brokers=[kafka], app=topics.unique("app"), requests=topics.unique("requests"), shards=1
        ),
        sources=SourcesSettings(
            inputs=[InputSettings(name="orders", format="confluent", topic=orders)],
            registry=RegistrySettings(urls=[registry.url]),
        ),
        web=WebSettings(listen=f"127.0.0.1:{free_port()}"),
        time=TimeSettings(idle=5),
    )
    topics.create(
        kafka,
        *(
            NewTopic(name, PARTITIONS, 1, topic_configs={"retention.ms": "-1"})
            for name in (orders, names_of(ours).requests)
        ),
    )
    setup_topics(ours)
    return ours


def order(number: int) -> bytes:
    """A record of one schema, and from the second half on of two."""
    at = round((START + number * APART) * 1000)
    if number >= COUNT // 2 and number % 3:
        return framed(8, avro({"ts": at, "service": "shop", "status": 200}, OTHER))
    return framed(7, avro({"ts": at, "service": "shop"}, REQUEST))


def test_a_registry_that_is_down_is_waited_for_and_the_totals_are_right(
    kafka: str, settings: Settings, registry: RegistryStandin
) -> None:
    (orders,), requests = names_of(settings).inputs, names_of(settings).requests
    payloads = [order(number) for number in range(COUNT)]
    payloads[30:30] = [framed(99)]  # a schema that no registry has
    events = [event(number) for number in range(COUNT)]

    def fill(first: float, last: float) -> None:
        for topic, all_of, seconds in ((requests, events, 0.05), (orders, payloads, APART)):
            part = slice(int(len(all_of) * first), int(len(all_of) * last))
            arrived = stamps(len(all_of), seconds)
            topics.fill(
                kafka,
                topic,
                [all_of[part][n::PARTITIONS] for n in range(PARTITIONS)],
                arrived=[arrived[part][n::PARTITIONS] for n in range(PARTITIONS)],
            )

    def waits() -> bool:
        code, reasons = get(settings, "/readyz")
        return code == 503 and f"rollup/{orders}/0, rollup/{orders}/1 wait: the schema registry" in reasons

    def taken(last: float) -> bool:
        counts = [sum(committed(kafka, settings, text)) for text in (requests, orders)]
        return counts == [int(COUNT * last), int(len(payloads) * last)]

    running = daemon(settings)
    try:
        fill(0, 0.5)
        wait_for(waits)
        assert sum(committed(kafka, settings, orders)) == 0
        assert metric(get(settings, "/metrics")[1], "uneri_registry_down") == 1
        said = json.loads(get(settings, "/status")[1])["registry"]
        assert f"the schema registry {registry.url} does not answer" in said
        registry.start()
        wait_for(lambda: taken(0.5))
        wait_for(lambda: get(settings, "/readyz")[0] == 200)
        assert metric(get(settings, "/metrics")[1], "uneri_registry_down") == 0

        registry.stop()
        fill(0.5, 0.75)
        wait_for(waits)
        wait_for(lambda: sum(committed(kafka, settings, requests)) == COUNT * 0.75)  # it is in nobody's way
        assert waits()
        running.kill()
        running.communicate()
        running = daemon(settings)
        fill(0.75, 1)
        wait_for(waits)
        registry.start()
        wait_for(lambda: taken(1))
        wait_for(lambda: get(settings, "/readyz")[0] == 200)
    finally:
        code, said = stop(running)
    assert code == 0, said
    assert "Traceback" not in said
    assert said.count("records of schemas that are not known yet wait") == 1
    assert said.count("the schema registry can be asked again") == 1

    assert_counted_once(kafka, settings)
    assert [(key, letter["reason"], letter["detail"]) for key, letter in dead_letters(kafka, settings)] == [
        (f"{orders}/0/15", "unknown_format", "the schema 99 is not in the registry")
    ], "exactly once, and nothing else"


def assert_counted_once(kafka: str, settings: Settings) -> None:
    (orders,), requests = names_of(settings).inputs, names_of(settings).requests
    blocks = blocks_of(kafka, settings)
    for topic, seconds in ((requests, 0.05), (orders, APART)):
        of_topic = [block for block in blocks if block.source.startswith(f"{topic}/")]
        passed = Counter[str]()
        for block in of_topic:
            passed[block.source] = max(passed[block.source], block.watermark)
        assert len(passed) == PARTITIONS
        before = min(passed.values())
        assert before > START + 100, "most of it is closed"
        counted = sum(block.records for block in of_topic if block.bucket < before)
        assert counted == sum(START + number * seconds < before for number in range(COUNT))
