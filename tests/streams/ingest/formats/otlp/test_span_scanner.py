"""The compiled scanner of spans gives what the plain reader gives, or leaves it to that."""

import base64
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.state.compiled import COMPILES
from streams.engine.decode.event import Event
from streams.ingest.formats.format import RefusalError, Refused, Surroundings, to_json_line
from streams.ingest.formats.formats import FORMATS
from streams.ingest.formats.otlp.otlp_proto import OtlpProto
from streams.ingest.formats.otlp.scan.scan_keys import NAMES
from streams.ingest.formats.otlp.scan.span_scanner import MOST_PIECES, SpanScanner
from streams.process.compilation import SPANS
from tests.streams.ingest.formats.otlp.test_otlp import as_protobuf, messages
from tests.streams.ingest.formats.test_shapes import mutated

pytestmark = pytest.mark.skipif(not COMPILES, reason="nothing is compiled here")

SHAPES = Path(__file__).parents[1] / "shapes" / "otlp_proto.json"
START = 1_760_000_000_000_000_000
NOWHERE = Surroundings()
PROTO = FORMATS["otlp_proto"]
EVENT = msgspec.json.Decoder(Event)

LEFT_WHOLE = {
    "spans without valid ids are refused; their neighbour counts",  # not in the form of an exporter
    "log records whose bodies are events, and others",
    "quotas and limits are samples, other metrics are not",
    "nothing",
    "cut off",
    "a message of a resource without spans",
    "fields that nobody knows",
    "text instead of protobuf",
    "names that are no text",
    "Jaeger's protobuf is refused by name",
    "Zipkin's protobuf is refused by name",
    "Zipkin's Thrift is refused by name",
}

ReadEvents = tuple[list[Event], list[Refused], Counter[str]]


def scanned(payload: bytes, around: Surroundings = NOWHERE) -> ReadEvents | None:
    assert isinstance(PROTO, OtlpProto)
    found = PROTO.lines(payload, around)
    return found and ([EVENT.decode(line) for line in found.records], found.refused, found.skipped)


def read(payload: bytes, around: Surroundings = NOWHERE) -> ReadEvents | None:
    try:
        reading = PROTO.read(payload, around)
    except RefusalError:
        return None
    records = [EVENT.decode(to_json_line(record)) for record in reading.records if isinstance(record, Event)]
    return records, reading.refused, reading.skipped


def agrees(payload: bytes, around: Surroundings = NOWHERE) -> bool:
    """Compare the two; return whether the scanner took the message."""
    found, expected = scanned(payload, around), read(payload, around)
    if found is None:
        return False
    assert expected is not None
    if expected[1]:  # where a part was refused, its repeat may stand elsewhere
        found[0].sort(key=str)
        expected[0].sort(key=str)
    assert found == expected
    return True


def shapes() -> list[tuple[str, bytes, Surroundings]]:
    return [
        (load["is"], base64.b64decode(load["base64"]), msgspec.convert(load.get("around", {}), Surroundings))
        for load in json.loads(SHAPES.read_text())
    ]


@pytest.mark.parametrize(("what", "payload", "around"), shapes(), ids=[what for what, _, _ in shapes()])
def test_a_shape_of_the_corpus_is_scanned_as_it_is_read(
    what: str, payload: bytes, around: Surroundings
) -> None:
    assert agrees(payload, around) == (what not in LEFT_WHOLE)


@settings(deadline=None)
@given(messages)
def test_whatever_a_message_holds_it_is_scanned_as_it_is_read(message: dict[str, Any]) -> None:
    agrees(as_protobuf(message))


def test_spans_without_a_kind_a_time_and_valid_ids_are_left_to_the_reader_who_may_find_metrics() -> None:
    span = {"traceId": "0" * 32, "spanId": "0" * 16, "kind": 0, "startTimeUnixNano": "0"}
    span |= {"attributes": [], "events": [{"name": "exception", "attributes": []}]}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "quest"}}]}
    message = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    assert not agrees(as_protobuf(message))


def described(what: Any, attributes: dict[str, str | int | bool | list[str]]) -> None:
    for key, content in attributes.items():
        value = what.attributes.add(key=key).value
        if isinstance(content, bool):
            value.bool_value = content
        elif isinstance(content, int):
            value.int_value = content
        elif isinstance(content, str):
            value.string_value = content
        else:
            for text in content:
                value.array_value.values.add(string_value=text)


def usual(chance: random.Random, requests: int = 3) -> ExportTraceServiceRequest:
    """Return a message as services send it: requests, what lies inside, and table calls."""
    message = ExportTraceServiceRequest()
    for _ in range(chance.choice([1, 1, 2, 3])):
        resource = message.resource_spans.add()
        names: dict[str, Any] = {"service.name": chance.choice(["inventory", "プレイヤー"])}
        if chance.random() < 0.7:
            names["faas.name"] = chance.choice(["put-item", "get-item"])
        if chance.random() < 0.5:
            names |= {"cloud.account.id": "123456789012", "faas.max_memory": 512}
        described(resource.resource, names)
        scope = resource.scope_spans.add()
        scope.scope.name = "test"
        for _ in range(requests):
            _usual_trace(chance, scope)
    return message


def _usual_trace(chance: random.Random, scope: Any) -> None:
    trace, inside = chance.randbytes(16), b""
    begin = START + chance.randrange(10**12) * chance.choice([1, 1000, 1000_000])
    if chance.random() < 0.9:
        inside = chance.randbytes(8)
        server = scope.spans.add(
            trace_id=trace, span_id=inside, kind=chance.choice([2, 2, 5]), name="handler"
        )
        server.start_time_unix_nano, server.end_time_unix_nano = begin, begin + chance.randrange(10**10)
        names: dict[str, Any] = {
            "http.route": "/items/{id}",
            "http.request.method": chance.choice(["GET", "PUT"]),
        }
        names |= {"http.response.status_code": chance.choice([200, 200, 404, 500]), "url.path": "/items/1"}
        if chance.random() < 0.5:
            names |= {
                "faas.invocation_id": chance.randbytes(8).hex(),
                "faas.coldstart": chance.random() < 0.5,
            }
            names |= {"cloud.resource_id": "arn:aws:lambda:eu-west-1:123456789012:function:put-item"}
        if chance.random() < 0.3:
            names |= {"user_agent.original": chance.choice(["myapp/3.2.1", "Mozilla/5.0"])}
        described(server, names)
        if chance.random() < 0.2:
            server.status.code, server.status.message = 2, chance.choice(["", "timed out"])
            event = server.events.add(name="exception", time_unix_nano=begin)
            described(event, {"exception.type": "KeyError", "exception.stacktrace": "…\n" * 9})
    for _ in range(chance.randrange(4)):
        _usual_call(chance, scope, trace, inside, begin)


def _usual_call(chance: random.Random, scope: Any, trace: bytes, inside: bytes, begin: int) -> None:
    if chance.random() < 0.3:
        between = scope.spans.add(trace_id=trace, span_id=chance.randbytes(8), parent_span_id=inside, kind=1)
        between.links.add(trace_id=chance.randbytes(16), span_id=chance.randbytes(8))
        inside = between.span_id
    span = scope.spans.add(trace_id=trace, span_id=chance.randbytes(8), parent_span_id=inside, kind=3)
    span.start_time_unix_nano, span.end_time_unix_nano = begin, begin + chance.randrange(10**8)
    span.name, op = "DynamoDB", chance.choice(["GetItem", "PutItem", "Query", "TransactWriteItems"])
    table, units = (
        chance.choice(["items", "arn:aws:dynamodb:eu-west-1:1:table/prices"]),
        chance.choice([0.5, 1, 12.25]),
    )
    names: dict[str, Any] = {"rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": op}
    names |= {"db.system": "dynamodb", "db.operation": op, "aws.dynamodb.table_names": [table]}
    names |= {"aws.request_id": chance.randbytes(20).hex(), "retry_attempts": 0, "http.status_code": 200}
    used: dict[str, Any] = {"TableName": table, "CapacityUnits": units}
    if chance.random() < 0.5:
        used |= {"Table": {"CapacityUnits": 0.5}, "GlobalSecondaryIndexes": {"by-day": {"CapacityUnits": 2}}}
    if op == "TransactWriteItems":
        used |= {"WriteCapacityUnits": 2.0}
    compact = chance.choice([(",", ":"), (", ", ": ")])
    if chance.random() < 0.8:
        names["aws.dynamodb.consumed_capacity"] = [json.dumps(used, separators=compact)]
    described(span, names)
    span.flags = 257


def test_usual_messages_are_not_left_to_the_plain_reader() -> None:
    chance = random.Random(1)  # noqa: S311 - the same in every run
    scanner = SpanScanner(NOWHERE)
    left = taken = 0
    for _ in range(200):
        payload = usual(chance).SerializeToString()
        assert agrees(payload)
        found = scanner.scan(payload)
        assert found is not None
        left += sum(len(spans.spans) for spans in found.left)
        taken += len(found.lines)
    assert left == 0
    assert taken > 1000


def test_while_its_machine_code_is_being_made_messages_are_read_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payload = usual(random.Random(1)).SerializeToString()  # noqa: S311 - the same in every run
    assert scanned(payload)
    monkeypatch.setattr(SPANS, "ready", lambda: False)
    assert scanned(payload) is None


def test_spoilt_messages_are_scanned_as_they_are_read() -> None:
    chance = random.Random(2)  # noqa: S311
    taken = 0
    for _ in range(4000):
        payload, other = (usual(chance, 1).SerializeToString() for _ in range(2))
        taken += agrees(mutated(payload, other, chance))
        spoilt = bytearray(payload)
        spoilt[chance.randrange(len(spoilt))] = chance.choice([0, 1, 2, 0x0A, 0x22, 0x7F, 0x80, 0xFF])
        taken += agrees(bytes(spoilt))
    assert taken > 500


def test_a_configured_source_is_scanned_with_what_the_configuration_says() -> None:
    around = Surroundings(account="1", service="s", counts="function,table", templates=("/items/{item}",))
    chance = random.Random(3)  # noqa: S311
    assert all(agrees(usual(chance).SerializeToString(), around) for _ in range(50))


def test_an_unusual_trace_is_left_alone_and_its_neighbours_are_not() -> None:
    message = usual(random.Random(4), 20)  # noqa: S311
    odd = next(span for span in message.resource_spans[0].scope_spans[0].spans if span.kind == 2)
    odd.trace_state = "ot=th:8"
    payload = message.SerializeToString()
    assert agrees(payload)
    found = SpanScanner(NOWHERE).scan(payload)
    assert found is not None
    assert found.left
    assert all(odd.trace_id in span for spans in found.left for span in spans.spans)
    assert len(found.lines) > 10


def test_what_a_caller_writes_into_the_trace_state_decides_about_no_count() -> None:
    message = usual(random.Random(4), 1)  # noqa: S311
    spans = message.resource_spans[0].scope_spans[0].spans
    for state, weight in (("ot=p:19", 2.0**19), ("ot=th:ffffffffffffff", None), ("ot=th:8", 2.0)):
        for span in spans:
            span.trace_state = state
        payload = message.SerializeToString()
        for sampled in (False, True):
            reading = PROTO.read(payload, Surroundings(sampled=sampled))
            assert not reading.refused
            weights = {record.weight for record in reading.records if isinstance(record, Event)}
            assert weights == {weight if sampled else None}


def test_a_text_of_one_span_that_is_no_utf_8_costs_no_other_span() -> None:
    message = usual(random.Random(4), 50)  # noqa: S311
    good = PROTO.read(message.SerializeToString(), NOWHERE)
    odd = message.resource_spans[0].scope_spans[0].spans[3].attributes.add()
    odd.key, odd.value.string_value = "user_agent.original", "z" * 9
    payload = message.SerializeToString().replace(b"z" * 9, b"app/\xff\xfe/1\xed")
    found = PROTO.read(payload, NOWHERE)
    assert (len(found.records), found.refused) == (len(good.records), [])
    assert scanned(payload) is None, "only the whole reader mends it"


def test_a_message_of_more_spans_than_there_is_room_for_makes_room() -> None:
    chance = random.Random(5)  # noqa: S311
    message = ExportTraceServiceRequest()
    for _ in range(20):
        message.MergeFrom(usual(chance, 60))
    assert agrees(message.SerializeToString())


def test_names_without_end_are_forgotten_not_kept() -> None:
    scanner = SpanScanner(NOWHERE)
    message = usual(random.Random(6), 1)  # noqa: S311
    spans = message.resource_spans[0].scope_spans[0].spans
    del spans[1:]
    for number in range(MOST_PIECES + 100):
        if number % 50 == 0:
            del spans[:]
        span = spans.add(trace_id=number.to_bytes(16, "big"), span_id=b"12345678", kind=2)
        span.trace_id = (number + 1).to_bytes(16, "big")
        span.start_time_unix_nano = START
        described(span, {"http.route": f"/{number}"})
        if number % 50 == 49:
            found = scanner.scan(message.SerializeToString())
            assert found is not None
            assert len(found.lines) + sum(len(left.spans) for left in found.left) == 50


def test_every_attribute_that_is_read_is_known_to_the_scanner() -> None:
    assert len(set(NAMES)) == len(NAMES)
