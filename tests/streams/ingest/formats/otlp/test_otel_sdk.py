"""Real calls of an emulated DynamoDB, as the SDK of OpenTelemetry sends them, are read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Tracer

from detectors.state.compiled import COMPILES
from streams.engine.decode.event import Event
from streams.ingest.formats.format import Surroundings, to_json_line
from streams.ingest.formats.formats import FORMATS, recognised
from streams.ingest.formats.otlp.otlp_proto import OtlpProto
from streams.ingest.formats.otlp.scan.span_scanner import SpanScanner

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:put-item"


@dataclass
class Receiver:
    """The bodies that were posted to ``/v1/traces``."""

    url: str
    bodies: list[bytes] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Receiver(f"http://127.0.0.1:{server.server_port}/v1/traces")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield received
        server.shutdown()
        thread.join()


@pytest.fixture
def provider(receiver: Receiver) -> Iterator[TracerProvider]:
    resource = Resource({"service.name": "inventory", "faas.name": "put-item", "cloud.resource_id": ARN})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(receiver.url), schedule_delay_millis=60_000)
    )
    instrumentor: Any = BotocoreInstrumentor  # untyped
    instrumentor().instrument(tracer_provider=provider)
    yield provider
    instrumentor().uninstrument()
    provider.shutdown()


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        for name in ("items", "prices"):
            client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        yield client


def records_of(receiver: Receiver) -> list[Event]:
    found: list[Event] = []
    for body in receiver.bodies:
        format_ = recognised(body)
        assert format_ is FORMATS["otlp_proto"]
        reading = format_.read(body, Surroundings())
        assert not reading.refused
        scanned = format_.lines(body, Surroundings()) if isinstance(format_, OtlpProto) else None
        if COMPILES:
            assert scanned is not None
            decoded = [json.loads(line) for line in scanned.records]
            assert decoded == [json.loads(to_json_line(record)) for record in reading.records]
            assert scanned.skipped == reading.skipped
        found += [record for record in reading.records if isinstance(record, Event)]
    return found


@pytest.fixture
def tracer(dynamodb: Any, provider: TracerProvider, receiver: Receiver) -> Tracer:
    del dynamodb  # its tables were made before anything is traced
    assert not receiver.bodies
    return provider.get_tracer("test")


def item(number: int) -> dict[str, Any]:
    return {"id": {"S": str(number)}}


def left_of(receiver: Receiver) -> int:
    """Return how many spans the compiled scanner leaves to the plain reader."""
    if not COMPILES:
        return 0
    found = [SpanScanner(Surroundings()).scan(body) for body in receiver.bodies]
    return sum(len(left.spans) for scanned in found if scanned for left in scanned.left) + found.count(None)


def test_an_invocation_is_a_request_with_its_table_calls(
    tracer: Tracer, dynamodb: Any, provider: TracerProvider, receiver: Receiver
) -> None:
    attributes: dict[str, str | bool | int] = {
        "faas.invocation_id": "af9d5aa4",
        "faas.coldstart": True,
        "http.route": "/items/{id}",
    }
    attributes |= {"http.request.method": "PUT", "http.response.status_code": 200}
    with tracer.start_as_current_span("put-item", kind=SpanKind.SERVER, attributes=attributes) as span:
        dynamodb.put_item(TableName="items", Item=item(1), ReturnConsumedCapacity="TOTAL")
        with tracer.start_as_current_span("inside"):
            dynamodb.get_item(TableName="items", Key=item(1), ReturnConsumedCapacity="INDEXES")
        dynamodb.batch_write_item(
            RequestItems={
                "items": [{"PutRequest": {"Item": item(2)}}],
                "prices": [{"PutRequest": {"Item": item(3)}}],
            },
            ReturnConsumedCapacity="TOTAL",
        )
        dynamodb.query(
            TableName="prices",
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": "2"}},
        )
    provider.force_flush()

    (record,) = records_of(receiver)
    trace = f"{span.get_span_context().trace_id:032x}"
    assert (record.cloud, record.account, record.region) == ("aws", "123456789012", "eu-west-1")
    assert (record.service, record.function, record.route) == ("inventory", "put-item", "PUT /items/{id}")
    assert (record.status, record.cold_start, record.kind) == (200, True, None)
    assert record.id == f"span:{trace}/{span.get_span_context().span_id:016x}"
    assert record.joins == f"{trace} af9d5aa4"
    assert record.ms
    assert record.ms.function
    calls = record.tables or ()
    assert [(call.name, call.op, call.rcu, call.wcu) for call in calls] == [
        ("items", "PutItem", None, 1.0),
        ("items", "GetItem", 0.5, None),
        ("items", "BatchWriteItem", None, 1.0),
        ("prices", "BatchWriteItem", None, 1.0),
        ("prices", "Query", None, None),
    ]
    assert all(call.ms and call.ms <= record.ms.function for call in calls)


def test_a_call_outside_of_an_invocation_is_a_call(
    tracer: Tracer, dynamodb: Any, provider: TracerProvider, receiver: Receiver
) -> None:
    del tracer
    dynamodb.get_item(TableName="items", Key=item(1), ReturnConsumedCapacity="TOTAL")
    provider.force_flush()

    (record,) = records_of(receiver)
    assert (record.kind, record.service, record.function) == ("call", "inventory", "put-item")
    assert [(call.name, call.op, call.rcu) for call in record.tables or ()] == [("items", "GetItem", 0.5)]
    assert left_of(receiver) == 0


def test_usual_calls_of_an_invocation_are_all_scanned(
    tracer: Tracer, dynamodb: Any, provider: TracerProvider, receiver: Receiver
) -> None:
    attributes: dict[str, str | bool | int] = {"faas.invocation_id": "af9d5aa4", "faas.coldstart": False}
    with tracer.start_as_current_span("put-item", kind=SpanKind.SERVER, attributes=attributes):
        for number in range(5):
            dynamodb.put_item(TableName="items", Item=item(number), ReturnConsumedCapacity="TOTAL")
            dynamodb.get_item(TableName="items", Key=item(number), ReturnConsumedCapacity="INDEXES")
        requests = {"items": [{"PutRequest": {"Item": item(9)}}]}
        dynamodb.batch_write_item(RequestItems=requests, ReturnConsumedCapacity="TOTAL")
        dynamodb.scan(TableName="prices")
    provider.force_flush()

    (record,) = records_of(receiver)
    assert len(record.tables or ()) == 12
    assert left_of(receiver) == 0


def test_an_exception_that_ends_an_invocation_is_fatal_and_a_throttled_call_has_its_reason(
    tracer: Tracer, dynamodb: Any, provider: TracerProvider, receiver: Receiver
) -> None:
    def refuse(**_: Any) -> None:
        answer = {
            "Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }
        raise ClientError(answer, "PutItem")

    dynamodb.meta.events.register("before-send.dynamodb.PutItem", refuse)
    with (
        pytest.raises(ClientError),
        tracer.start_as_current_span("put-item", kind=SpanKind.SERVER),
    ):
        dynamodb.put_item(TableName="items", Item=item(1))
    provider.force_flush()

    (record,) = records_of(receiver)
    assert record.error == "fatal"
    assert record.error_type == "botocore.exceptions.ClientError"
    assert [(call.name, call.throttled) for call in record.tables or ()] == [("items", "unknown")]
    assert left_of(receiver) == 0
