"""Laws of the formats of OpenTelemetry: both have one meaning, and how spans are divided changes no total."""

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from streams.engine.decode.event import Event
from streams.ingest.formats.format import MOST_RECORDS, Reading, RefusalError, Surroundings, to_json_line
from streams.ingest.formats.formats import FORMATS, recognised, recognised_record
from streams.ingest.formats.otlp.message import MOST_BYTES
from streams.ingest.formats.otlp.proto_message import SMALL
from streams.ingest.formats.otlp.spans import MOST_CALLS

START = 1760000000_000000000
FUNCTION = {"service.name": "quest", "faas.name": "quest-end", "cloud.account.id": "123456789012"}

texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.one_of(
    texts.map(lambda value: {"stringValue": value}),
    st.booleans().map(lambda value: {"boolValue": value}),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: {"intValue": str(value)}),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: {"doubleValue": value}),
    st.lists(texts, max_size=3).map(
        lambda items: {"arrayValue": {"values": [{"stringValue": item} for item in items]}}
    ),
)
keys = st.sampled_from(
    [
        "http.route",
        "http.request.method",
        "http.status_code",
        "error.type",
        "faas.coldstart",
        "faas.invocation_id",
        "aws.dynamodb.table_names",
        "aws.dynamodb.consumed_capacity",
        "db.system",
        "db.operation",
        "db.collection.name",
        "rpc.method",
        "rpc.service",
        "unknown",
    ]
)
attribute = st.one_of(
    st.tuples(keys, values),
    st.sampled_from(
        [
            ("db.system", {"stringValue": "dynamodb"}),
            ("db.collection.name", {"stringValue": "quests"}),
            ("aws.dynamodb.table_names", {"arrayValue": {"values": [{"stringValue": "quests"}]}}),
            (
                "aws.dynamodb.consumed_capacity",
                {
                    "arrayValue": {
                        "values": [{"stringValue": '{"TableName": "quests", "CapacityUnits": 2.5}'}]
                    }
                },
            ),
            ("db.operation", {"stringValue": "PutItem"}),
            ("http.response.status_code", {"intValue": "503"}),
            ("exception.type", {"stringValue": "KeyError"}),
        ]
    ),
)
attributes = st.lists(attribute, max_size=6, unique_by=lambda pair: pair[0]).map(
    lambda pairs: [{"key": key, "value": value} for key, value in pairs]
)
ids = st.integers(0, 6).map(lambda number: f"{number:016x}")
spans = st.fixed_dictionaries(
    {
        "traceId": st.sampled_from(["0" * 32, "a" * 32, "b" * 32]),
        "spanId": ids,
        "kind": st.integers(0, 6),
        "startTimeUnixNano": st.one_of(st.just(START), st.integers(0, 2**64 - 1)).map(str),
        "attributes": attributes,
    },
    optional={
        "parentSpanId": ids,
        "name": texts,
        "traceState": st.sampled_from(["", "ot=th:8", "a=b,ot=th:c;rv:1", "ot=th:", "ot=p:2"]),
        "endTimeUnixNano": st.integers(0, 2**40).map(lambda took: str(START + took)),
        "status": st.fixed_dictionaries({}, optional={"code": st.integers(0, 2), "message": texts}),
        "events": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["exception", "other"]), "attributes": attributes}
            ),
            max_size=2,
        ),
    },
)
resources = st.fixed_dictionaries(
    {
        "resource": st.sampled_from([FUNCTION, {"service.name": "player"}, {}]).map(
            lambda names: {"attributes": named(names)}
        ),
        "scopeSpans": st.lists(st.fixed_dictionaries({"spans": st.lists(spans, max_size=6)}), max_size=2),
    }
)
messages = st.fixed_dictionaries({"resourceSpans": st.lists(resources, max_size=3)})


def named(names: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in names.items()]


def as_protobuf(message: dict[str, Any]) -> bytes:
    copied = json.loads(json.dumps(message))
    for resource in copied["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:  # plain protobuf JSON has them in base64
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return bytes(json_format.ParseDict(copied, ExportTraceServiceRequest()).SerializeToString())


def read(name: str, payload: bytes) -> Reading:
    return FORMATS[name].read(payload, Surroundings())


def contents_of(reading: Reading) -> tuple[list[bytes], list[tuple[str, str]], Counter[str]]:
    return (
        [to_json_line(record) for record in reading.records],
        [(refused.reason.value, refused.detail) for refused in reading.refused],
        reading.skipped,
    )


@settings(deadline=None)
@given(messages)
def test_protobuf_and_json_of_one_message_become_the_same(message: dict[str, Any]) -> None:
    sent = [
        drawn
        for resource in message["resourceSpans"]
        for scope in resource["scopeSpans"]
        for drawn in scope["spans"]
    ]
    # Without a kind or a time, protobuf does not say of which signal a message is.
    assume(not sent or any(drawn["kind"] or int(drawn["startTimeUnixNano"]) for drawn in sent))
    protobuf = as_protobuf(message)
    if protobuf:
        assert contents_of(read("otlp_proto", protobuf)) == contents_of(
            read("otlp_json", json.dumps(message).encode())
        )


def span(number: int, kind: int, parent: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "traceId": "a" * 32,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}",
        "kind": kind,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 5_000_000),
        **more,
    }


def table_call(number: int, parent: int) -> dict[str, Any]:
    return span(
        number,
        3,
        parent,
        attributes=named({"db.system": "dynamodb", "db.name": "quests", "db.operation": "Query"}),
    )


def message_of(spans: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceSpans": [{"resource": {"attributes": named(FUNCTION)}, "scopeSpans": [{"spans": spans}]}]
    }


def totals(readings: list[Reading]) -> Counter[str]:
    found: Counter[str] = Counter()
    for reading in readings:
        assert not reading.refused
        for record in reading.records:
            assert isinstance(record, Event)
            found[f"requests of {record.function}"] += record.kind is None
            for call in record.tables or ():
                found[f"{record.function} calls {call.name}"] += 1
    return found


@settings(deadline=None)
@given(st.data())
def test_how_spans_are_divided_into_messages_changes_no_total(data: st.DataObject) -> None:
    made = [
        span(1, 2),
        span(2, 1, 1),
        *(table_call(number, data.draw(st.sampled_from([1, 2, 99]))) for number in range(3, 8)),
    ]
    made = data.draw(st.permutations(made))
    at = data.draw(st.integers(0, len(made)))
    whole = read("otlp_json", json.dumps(message_of(made)).encode())
    parts = [read("otlp_json", json.dumps(message_of(part)).encode()) for part in (made[:at], made[at:])]
    assert totals(parts) == totals([whole]) == {"requests of quest-end": 1, "quest-end calls quests": 5}
    ids = [record.id for reading in parts for record in reading.records]
    assert len(set(ids)) == len(ids)


def test_calls_beyond_what_a_record_holds_stand_alone() -> None:
    made = [span(1, 2), *(table_call(number, 1) for number in range(2, MOST_CALLS + 5))]
    found = read("otlp_json", json.dumps(message_of(made)).encode())
    assert len(found.records) == 4
    assert totals([found])["quest-end calls quests"] == MOST_CALLS + 3


def test_a_long_chain_of_spans_is_looked_at_once() -> None:
    chain = [span(number, 1, number - 1) for number in range(2, 20_000)]
    calls = [table_call(number, number - 20_000) for number in range(20_002, 39_000)]
    found = read("otlp_json", json.dumps(message_of([span(1, 2), *chain, *calls])).encode())
    assert totals([found])["quest-end calls quests"] == len(calls)


def test_a_payload_that_is_too_large_is_refused_unread() -> None:
    for name in ("otlp_proto", "otlp_json"):
        assert FORMATS[name].name == name
        found = refusal_of(name, b"\n" + b" " * MOST_BYTES + b"{")
        assert found == "too_large"


def refusal_of(name: str, payload: bytes) -> str:
    try:
        read(name, payload)
    except RefusalError as error:
        return error.reason.value
    return ""


def test_a_message_of_too_many_empty_parts_is_refused_before_they_are_made() -> None:
    spans = ExportTraceServiceRequest()
    scope = spans.resource_spans.add().scope_spans.add()
    for _ in range(MOST_RECORDS + 1):
        scope.spans.add(name="twelve bytes")
    payload = spans.SerializeToString()
    assert len(payload) > SMALL
    assert refusal_of("otlp_proto", payload) == "too_large"
    assert FORMATS["otlp_proto"].looks_like(payload)
    found = message_of([{}] * (MOST_RECORDS + 1))
    assert refusal_of("otlp_json", json.dumps(found).encode()) == "too_large"


@pytest.mark.parametrize("part", [b"\n\0", b"\n\2\x12\0", b"\n\4\x12\2\x12\0"])
def test_a_small_message_of_too_many_empty_parts_is_refused_as_well(part: bytes) -> None:
    payload = part * (MOST_RECORDS + 1)
    assert len(payload) < 1 << 20
    assert refusal_of("otlp_proto", payload) == "too_large"


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("metric_stream", bytes(MOST_RECORDS + 1)),
        ("lambda_report", b"x\n" * 250_001),
        ("firehose", b'{"records": [' + b"{}," * MOST_RECORDS + b"{}]}"),
    ],
)
def test_a_payload_of_too_many_parts_that_are_no_records_is_refused(name: str, payload: bytes) -> None:
    assert refusal_of(name, payload) == "too_large"


def test_what_holds_payloads_is_not_opened_in_a_log_record() -> None:
    envelope = json.loads((Path(__file__).parents[1] / "shapes/cloudwatch_logs.json").read_text())[0]
    body = base64.b64decode(envelope["base64"]) if "base64" in envelope else envelope["payload"].encode()
    found = recognised(body)
    assert found is not None
    assert found.name == "cloudwatch_logs"
    assert recognised_record(body) is None
    assert recognised_record(json.dumps(message_of([])).encode()) is None
