"""The rollup of a topic with a format: what it emits depends on its payloads alone."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest

from config.settings import (
    DeadLetterSettings,
    InputSettings,
    KafkaSettings,
    MappingSettings,
    Settings,
    SourcesSettings,
    TimeSettings,
)
from streams.drivers.kafka.stage import Emission, UnfedError
from streams.drivers.kafka.stages import RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.stages.dead_letter_limit import DeadLetterLimitError
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.formats.envelopes.confluent import JsonSchema, Schema, SchemaId, SchemasAtHand
from streams.ingest.formats.inputs import Inputs
from streams.process.metrics import Metrics

START = 1_760_000_000
ORDERS = MappingSettings.model_validate(
    {
        "name": "orders",
        "each": "$.orders[*]",
        "when": [{"path": "$.test", "exists": False}],
        "fields": {"ts": "$.at", "id": "$.id", "function": {"const": "put"}},
    }
)
SOURCES = SourcesSettings(
    mappings=[ORDERS], inputs=[InputSettings(name="orders", format="orders", topic="orders-topic")]
)
KAFKA = KafkaSettings(app="uneri")
TOPICS = Topics.of(KAFKA, SOURCES)
INPUT = Inputs(SOURCES).topics["orders-topic"]
SETTINGS = Settings(sources=SOURCES, time=TimeSettings(idle=30), dead_letters=DeadLetterSettings(stop=False))


def stage(settings: Settings = SETTINGS, metrics: Metrics | None = None) -> RollupStage:
    return RollupStage(2, settings, 2, TOPICS, metrics, source=INPUT, topic="orders-topic")


def payload(*orders: dict[str, Any]) -> bytes:
    return json.dumps({"orders": orders}).encode()


def topic() -> tuple[list[bytes], list[float]]:
    """Return payloads of several orders, bad ones, garbage, a clock that runs ahead, tests alone."""
    payloads, arrived = [], []
    for number in range(400):
        at = START + 5 * number
        orders: list[dict[str, Any]] = [
            {"at": at + part, "id": f"r{number}/{part}"} for part in range(number % 4)
        ]
        if number % 50 == 7:
            orders.insert(1, {"id": "without a time"})
        if number == 122:
            orders[1]["at"] += 86_400
        if 200 <= number < 300:
            orders = [{"test": True}]
        payloads.append(b"garbage" if number % 90 == 80 else payload(*orders))
        arrived.append(at + 3.0)
    return payloads, arrived


PAYLOADS, ARRIVED = topic()


def chunk(first: int, last: int) -> Chunk:
    offsets = range(1000 + 2 * first, 1000 + 2 * last, 2)  # as a transactional producer leaves them
    return Chunk(
        "orders-topic",
        2,
        1000 + 2 * first,
        1000 + 2 * last,
        list(offsets),
        PAYLOADS[first:last],
        arrived=np.array(ARRIVED[first:last]),
    )


def fed(random: Random | None) -> Iterator[Emission]:
    one, at = stage(), 0
    while at < len(PAYLOADS):
        last = len(PAYLOADS) if random is None else min(at + random.choice((1, 3, 40)), len(PAYLOADS))
        yield from one.feed(chunk(at, last))
        at = last
        if random is not None and random.random() < 0.3:
            parts = one.snapshot()
            one = stage()
            one.restore(parts)


@pytest.mark.parametrize("seed", range(5))
def test_chunks_and_restarts_change_no_emission(seed: int) -> None:
    whole, cut = list(fed(None)), list(fed(Random(seed)))  # noqa: S311
    for name in (TOPICS.dead_letters, TOPICS.rollups):
        assert [emission for emission in cut if emission.topic == name] == [
            emission for emission in whole if emission.topic == name
        ]


def test_a_dead_letter_names_topic_offset_and_part_and_no_two_have_one_key() -> None:
    letters = [emission for emission in fed(None) if emission.topic == TOPICS.dead_letters]
    assert all(letter.once for letter in letters)
    assert len({letter.key for letter in letters}) == len(letters)
    by_place = {(letter.key or b"").decode(): json.loads(letter.value) for letter in letters}
    ahead = by_place.pop("orders-topic/2/1244.1")  # number 122: two records, of which the second leaps a day
    assert (ahead["reason"], ahead["offset"], ahead["part"]) == ("far_future", 1244, 1)
    garbage = {key for key, letter in by_place.items() if "part" not in letter}
    assert garbage == {f"orders-topic/2/{1000 + 2 * number}" for number in range(80, 400, 90)}
    assert by_place["orders-topic/2/1014.3"]["reason"] == "no_ts"  # number 7: three records, then the refusal
    assert {letter["source"] for letter in by_place.values()} == {"orders"}


def test_payloads_without_a_record_have_no_say_in_time() -> None:
    one = stage()
    list(one.feed(chunk(0, 200)))
    timely = one.timely
    assert timely > 200
    list(one.feed(chunk(200, 300)))
    assert one.timely == timely


def test_records_and_what_is_none_are_counted() -> None:
    metrics = Metrics()
    one = stage(metrics=metrics)
    list(one.feed(chunk(0, 400)))
    garbage, without_a_time, ahead = 4, 6, 1
    assert metrics.registry.get_sample_value("uneri_records_total") == one.records
    assert one.rejected == garbage + without_a_time + ahead
    skipped = [
        sample
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "uneri_skipped_parts_total" and sample.labels["reason"] != "no records"
    ]
    assert sum(sample.value for sample in skipped) == 99, "one of the hundred was garbage"


def test_too_many_refusals_end_the_stage_and_name_the_offset() -> None:
    strict = SETTINGS.model_copy(update={"dead_letters": DeadLetterSettings(in_a_row=3)})
    one = stage(strict)
    garbage = Chunk(
        "orders-topic", 2, 7, 12, range(7, 12), [payload({"at": START, "id": "a"}), *[b"bad"] * 4]
    )
    with pytest.raises(DeadLetterLimitError, match=r"orders-topic, partition 2, offset 11: 4 bad records"):
        one.feed(garbage)


FRAMED = SOURCES.model_copy(update={"inputs": [InputSettings(name="framed", topic="framed")]})


def framed_chunk() -> Chunk:
    """Payloads in frames, those of every twenty of a schema of their own."""
    values = [b"\0" + (1 + at // 20).to_bytes(4) + payload for at, payload in enumerate(PAYLOADS)]
    offsets, arrived, tombstones = list(range(1000, 1800, 2)), np.array(ARRIVED), range(1001, 1800, 4)
    return Chunk("framed", 2, 900, 1800, offsets, values, arrived=arrived, tombstones=tombstones)


@pytest.mark.parametrize("already", [0, 1, 11])
def test_to_wait_for_schemas_changes_no_emission(already: int) -> None:
    def emitted(first: int) -> tuple[list[list[Emission]], list[int], list[float | None]]:
        known: dict[SchemaId, Schema] = {number: JsonSchema() for number in range(1, first + 1)}
        source = Inputs(FRAMED, SchemasAtHand(known.get)).topics["framed"]
        metrics = Metrics()
        one = RollupStage(2, SETTINGS, 2, TOPICS, metrics, source=source, topic="framed")
        found, rest, waited = list[Emission](), framed_chunk(), list[int]()
        while True:
            try:
                found += one.feed(rest)
                break
            except UnfedError as error:
                waited.append(error.offset)
                found += error.emissions
                rest = rest.since(error.offset)
                known[error.needs[0]] = JsonSchema()
        by_topic = [
            [emission for emission in found if emission.topic == name]
            for name in (TOPICS.dead_letters, TOPICS.rollups)
        ]
        value = metrics.registry.get_sample_value
        skipped = value("uneri_skipped_parts_total", {"reason": "tombstone"})
        return by_topic, waited, [value("uneri_records_total"), skipped]

    whole, never, counted = emitted(20)
    cut, waited, again = emitted(already)
    assert cut == whole
    assert all(whole)
    assert never == []
    assert waited == [1000 + 40 * number for number in range(already, 20)], "the first payload of each schema"
    assert again == counted
    assert counted[1] == 200
