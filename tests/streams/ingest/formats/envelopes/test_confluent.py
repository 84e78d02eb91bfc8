"""Avro in the frames of a schema registry, by the schemas that were handed over."""

import random
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import msgspec
import pytest

from streams.engine.decode.event import Event
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.avro_schema import AvroSchema, UnreadableSchemaError
from streams.ingest.formats.envelopes.confluent import (
    Confluent,
    JsonSchema,
    Schema,
    SchemaId,
    UnreadSchema,
    frame_of,
)
from streams.ingest.formats.envelopes.envelope import Enveloped
from streams.ingest.formats.format import Reading, RefusalError, Surroundings
from streams.ingest.formats.formats import recognised

fastavro = pytest.importorskip("fastavro")

CALL = {
    "type": "record",
    "name": "Call",
    "fields": [{"name": "name", "type": "string"}, {"name": "wcu", "type": ["null", "double"]}],
}
REQUEST: dict[str, Any] = {
    "type": "record",
    "name": "Request",
    "namespace": "shop",
    "fields": [
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "service", "type": "string"},
        {"name": "status", "type": ["null", "int"], "default": None},
        {"name": "tables", "type": {"type": "array", "items": CALL}, "default": []},
    ],
}
AT = datetime(2025, 11, 24, 16, 0, 0, 250_000, UTC)
VALUE = {"ts": AT, "service": "注文", "status": 200, "tables": [{"name": "items", "wcu": 2.5}]}

AVRO = AvroSchema(msgspec.json.encode(REQUEST).decode())
SCHEMAS: dict[SchemaId, Schema] = {
    7: AVRO,
    "000102030405060708090a0b0c0d0e0f": AVRO,
    8: JsonSchema(),
    9: UnreadSchema("the schema is of the kind PROTOBUF"),
}
READER = Enveloped(Confluent(SCHEMAS.get), recognised)


def avro(value: object = VALUE, schema: dict[str, Any] = REQUEST) -> bytes:
    stream = BytesIO()
    fastavro.schemaless_writer(stream, schema, value)
    return stream.getvalue()


def framed(body: bytes, schema: int = 7) -> bytes:
    return b"\0" + schema.to_bytes(4) + body


def read(payload: bytes) -> Reading:
    return READER.read(payload, Surroundings())


def refusal(payload: bytes) -> RejectReason:
    with pytest.raises(RefusalError) as caught:
        read(payload)
    return caught.value.reason


@pytest.mark.parametrize("payload", [framed(avro()), b"\1" + bytes(range(16)) + avro()])
def test_avro_is_read_by_the_schema_of_its_frame(payload: bytes) -> None:
    (event,) = read(payload).records
    assert isinstance(event, Event)
    assert event.ts == "2025-11-24T16:00:00.250000Z"
    assert (event.service, event.status) == ("注文", 200)
    assert event.tables is not None
    assert [(call.name, call.wcu) for call in event.tables] == [("items", 2.5)]


def test_what_avro_does_not_say_is_absent() -> None:
    (event,) = read(framed(avro({**VALUE, "status": None}))).records
    assert isinstance(event, Event)
    assert event.status is None


def test_a_schema_that_is_not_there_is_a_refusal() -> None:
    assert refusal(framed(avro(), 99)) is RejectReason.UNKNOWN_FORMAT


def test_protobuf_is_refused_by_name() -> None:
    with pytest.raises(RefusalError, match="PROTOBUF"):
        read(framed(b"\0\n\4shop", 9))


def test_json_by_its_schema_is_what_it_is() -> None:
    assert len(read(framed(b'{"ts":1764000000,"service":"shop"}', 8)).records) == 1


@pytest.mark.parametrize("body", [avro()[:-1], avro() + b"\0", b"", b"\xff" * 40])
def test_bytes_that_are_no_record_of_their_schema_are_damaged(body: bytes) -> None:
    assert refusal(framed(body)) is RejectReason.DAMAGED


def test_mutations_end_in_records_or_a_named_refusal() -> None:
    chance = random.Random("avro")  # noqa: S311 - the same mutations every time
    good = framed(avro())
    for _ in range(1000):
        payload = bytearray(good)
        for _ in range(chance.choice([1, 1, 2, 4])):
            payload[chance.randrange(len(payload))] = chance.randrange(256)
        with suppress(RefusalError):
            read(bytes(payload[: chance.choice([len(payload), chance.randrange(len(payload))])]))


def test_a_longer_record_than_any_event_is_refused() -> None:
    assert refusal(framed(bytes(1 << 21))) is RejectReason.TOO_LARGE


def test_values_of_all_kinds_become_json() -> None:
    schema = {
        "type": "record",
        "name": "Values",
        "fields": [
            {
                "name": "sales",
                "type": {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2},
            },
            {"name": "raw", "type": "bytes"},
            {"name": "nothing", "type": "double"},
            {"name": "by", "type": {"type": "map", "values": "long"}},
        ],
    }
    found = AvroSchema(msgspec.json.encode(schema).decode()).as_json(
        avro({"sales": Decimal("12.50"), "raw": b"\1", "nothing": float("nan"), "by": {"a": 1}}, schema)
    )
    assert found == b'{"sales":12.50,"raw":"AQ==","nothing":null,"by":{"a":1}}'


def record_of(name: str, *types: object) -> dict[str, Any]:
    fields = [{"name": f"f{number}", "type": its} for number, its in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def doubled(times: int) -> dict[str, Any]:
    """A record without a byte that holds two to the power of ``times`` others."""
    twice = [record_of(f"Twice{n + 1}", *[f"Twice{n}"] * 2) for n in range(times)]
    return record_of("R", record_of("Twice0"), *twice)


def chained(types: int) -> dict[str, Any]:
    """A record in a record in a record …, by their names: the schema itself is not deep."""
    return record_of(
        "R", record_of("Chain0", "int"), *(record_of(f"Chain{n + 1}", f"Chain{n}") for n in range(types))
    )


def listing(of: str, *before: dict[str, Any]) -> dict[str, Any]:
    """A record with types, and a list of one of them."""
    return record_of("R", *before, {"type": "array", "items": of})


NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
EMPTY: dict[str, Any] = {"type": "record", "name": "Empty", "fields": []}
EMPTIES = {"name": "l", "type": {"type": "array", "items": "Empty"}}


@pytest.mark.parametrize(
    "schema",
    [
        NODE,  # a record of a megabyte would be nested half a million deep
        {"type": "record", "name": "A", "fields": [{"name": "b", "type": {"type": "array", "items": "A"}}]},
        {"type": "array", "items": "null"},  # ten bytes would be any number of them
        {"type": "array", "items": EMPTY},
        {"type": "array", "items": {"type": "fixed", "name": "None", "size": 0}},
        {"type": "record", "name": "R", "fields": [{"name": "e", "type": EMPTY}, EMPTIES]},
        listing("null", record_of("a.null", "int")),  # a type with the name of another that takes no bytes
        listing("b.X", record_of("b.X"), record_of("a.X", "int")),
        listing("X", record_of("X", *["null"] * 100, "int")),
        {"type": "map", "values": record_of("X", *["null"] * 100)},
        doubled(14),
        doubled(35_000),
        chained(100),
        chained(30_000),
        {"type": "fixed", "name": "Less", "size": -1_000_000_000},
        {"type": "surprise"},
        7,
        {"type": "record", "name": "R"},
    ],
)  # fmt: skip
def test_a_schema_that_could_take_unbounded_work_is_not_used(schema: object) -> None:
    with pytest.raises(UnreadableSchemaError):
        AvroSchema(msgspec.json.encode(schema).decode())


@pytest.mark.parametrize("kind", [{"type": "bytes"}, {"type": "fixed", "name": "F", "size": 100_000}])
def test_a_decimal_of_too_many_digits_is_refused_at_once(kind: dict[str, Any]) -> None:
    schema = {**kind, "logicalType": "decimal", "precision": 1000}
    body = avro(b"\x7f" * 100_000, kind)
    with pytest.raises(RefusalError, match="a decimal of more than 1024 bytes"):
        AvroSchema(msgspec.json.encode(schema).decode()).as_json(body)


def test_a_schema_of_many_fields_and_levels_is_used() -> None:
    optional = [["null", {"type": "array", "items": ["null", "string"]}] for _ in range(2000)]
    schema = record_of("All", record_of("Wide", *optional), chained(20), ["null", "Chain20"])
    AvroSchema(msgspec.json.encode(schema).decode())


def test_a_type_may_be_named_twice_side_by_side() -> None:
    fields = [{"name": "first", "type": CALL}, {"name": "second", "type": ["null", "Call"]}]
    schema: dict[str, Any] = {"type": "record", "name": "Two", "fields": fields}
    call = {"name": "items", "wcu": None}
    found = AvroSchema(msgspec.json.encode(schema).decode()).as_json(
        avro({"first": call, "second": call}, schema)
    )
    assert msgspec.json.decode(found) == {"first": call, "second": call}


def test_a_frame_says_which_schema_it_needs() -> None:
    assert frame_of(framed(b"x")).schema == 7
    assert frame_of(b"\1" + bytes(16)).schema == "0" * 32
