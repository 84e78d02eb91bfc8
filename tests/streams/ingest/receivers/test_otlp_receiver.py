"""OTLP over HTTP, by the exporters of OpenTelemetry's own SDK and in its own words."""

import asyncio
import gzip
import json
from collections.abc import Iterator

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from config.settings import LocalSettings, Settings
from tests.streams.ingest.receivers.conftest import Serve, Serving

PROTOBUF = "application/x-protobuf"
RESOURCE = Resource({"service.name": "shop", "faas.name": "put-item", "cloud.account.id": "123456789012"})


def spans(count: int) -> list[ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("tests")
    for _ in range(count):
        attributes = {"http.request.method": "PUT", "http.route": "/items/{id}"}
        with tracer.start_as_current_span(
            "PUT /items/{id}", kind=SpanKind.SERVER, attributes=attributes
        ) as span:
            span.set_attribute("http.response.status_code", 200)
    return list(memory.get_finished_spans())


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
async def test_the_sdks_own_exporter_reads_that_all_was_accepted(
    serve: Serve, compression: Compression
) -> None:
    async with serve() as served:
        exporter = OTLPSpanExporter(f"{served.url}/v1/traces", compression=compression)
        assert await asyncio.to_thread(exporter.export, spans(3)) is SpanExportResult.SUCCESS
        assert [entry["route"] for entry in served.stored] == ["PUT /items/{id}"] * 3
        assert {entry["function"] for entry in served.stored} == {"put-item"}


async def test_the_sdks_exporter_is_locked_out_without_a_token_and_let_in_with_one(serve: Serve) -> None:
    token = "uneri_intake_0123456789abcdef"  # noqa: S105 - of this test
    async with serve(environment={"UNERI_INTAKE_TOKEN": token}) as served:
        for headers, result in (
            ({}, SpanExportResult.FAILURE),
            ({"Authorization": f"Bearer {token}"}, SpanExportResult.SUCCESS),
        ):
            exporter = OTLPSpanExporter(f"{served.url}/v1/traces", headers=headers)
            assert await asyncio.to_thread(exporter.export, spans(1)) is result
        assert served.store.end == 1


async def test_the_sdks_exporter_sends_again_what_could_not_be_taken(serve: Serve) -> None:
    settings = Settings(local=LocalSettings(backlog=1000))
    async with serve(settings) as served:
        served.store.append([b"{}"] * 1000)
        exporter = OTLPSpanExporter(f"{served.url}/v1/traces", timeout=30)
        exporting = asyncio.create_task(asyncio.to_thread(exporter.export, spans(1)))
        async with asyncio.timeout(20):
            while not served.counted("uneri_intake_refused_requests_total", "backlog"):
                await asyncio.sleep(0.01)
        served.intake.judged = 1000
        assert await exporting is SpanExportResult.SUCCESS
        assert served.store.end == 1001


async def test_metrics_of_the_sdk_are_taken(serve: Serve) -> None:
    async with serve() as served:
        exporter = OTLPMetricExporter(f"{served.url}/v1/metrics")

        def export() -> None:
            reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
            provider = MeterProvider([reader], RESOURCE)
            provider.get_meter("tests").create_gauge("shop.quota.used").set(7)
            provider.shutdown()  # which exports

        await asyncio.to_thread(export)
        assert [entry["value"] for entry in served.stored] == [7.0]


GOOD_SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "kind": 2,
    "name": "PUT /items",
    "startTimeUnixNano": "1760000000000000000",
    "endTimeUnixNano": "1760000000100000000",
}
BAD_SPAN = GOOD_SPAN | {"spanId": "eee19b7ec3c1b175", "startTimeUnixNano": "17"}


def traces(*some: dict[str, object]) -> bytes:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return json.dumps(
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(some)}]}]}
    ).encode()


async def post(served: Serving, path: str, body: bytes, **headers: str) -> tuple[int, str, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with served.http.post(served.url + path, data=body, headers=named) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_json_is_answered_in_json(serve: Serve) -> None:
    async with serve() as served:
        kind = "application/json"
        answer = await post(served, "/v1/traces", traces(GOOD_SPAN), Content_Type=kind)
        assert answer == (200, kind, b"{}")
        packed = gzip.compress(traces(GOOD_SPAN, BAD_SPAN))
        status, _, body = await post(
            served, "/v1/traces", packed, Content_Type=f"{kind}; charset=utf-8", Content_Encoding="gzip"
        )
        assert status == 200
        partial = json.loads(body)["partialSuccess"]
        assert partial["rejectedSpans"] == "1"
        assert partial["errorMessage"].startswith("bad_ts: ")


async def test_protobuf_is_answered_in_protobuf(serve: Serve) -> None:
    message = json.loads(traces(GOOD_SPAN, BAD_SPAN))
    for span, last in zip(message["resourceSpans"][0]["scopeSpans"][0]["spans"], "QU", strict=True):
        span["traceId"], span["spanId"] = "W47/95gDgQPSabYzgT/GDA==", f"7uGbfsPBsX{last}="
    body = ParseDict(message, ExportTraceServiceRequest()).SerializeToString()
    async with serve() as served:
        status, kind, answer = await post(served, "/v1/traces", body, Content_Type=PROTOBUF)
        assert (status, kind) == (200, PROTOBUF)
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
        assert partial.rejected_spans == 1
        assert partial.error_message.startswith("bad_ts: ")
        assert len(served.stored) == 2


async def test_nothing_at_all_is_a_message_too(serve: Serve) -> None:
    async with serve() as served:
        assert await post(served, "/v1/logs", b"", Content_Type=PROTOBUF) == (200, PROTOBUF, b"")
        assert not ExportLogsServiceResponse.FromString(b"").HasField("partial_success")
        json_kind = "application/json"
        assert await post(served, "/v1/logs", b"{}\n", Content_Type=json_kind) == (200, json_kind, b"{}")


def refusals() -> Iterator[tuple[bytes, str, int, int]]:
    yield b"\x0a\xff\xff\xff\xff", PROTOBUF, 400, 3
    yield b"nonsense", PROTOBUF, 400, 3
    yield b"{", "application/json", 400, 3
    yield b"[]", "application/json", 400, 3
    yield traces(BAD_SPAN), "application/json", 400, 3
    yield b"", "text/plain", 415, 3


@pytest.mark.parametrize(("body", "kind", "status", "code"), list(refusals()))
async def test_what_can_never_be_read_is_a_status_in_the_senders_encoding(
    serve: Serve, body: bytes, kind: str, status: int, code: int
) -> None:
    async with serve() as served:
        found, answered, answer = await post(served, "/v1/traces", body, Content_Type=kind)
        assert found == status
        if answered == PROTOBUF:  # a number in the first place, a text in the second
            assert answer.startswith(bytes([8, code, 18]))
        else:
            assert json.loads(answer)["code"] == code
            assert json.loads(answer)["message"]
        assert served.store.end == 0


async def test_an_unknown_source_is_said_in_the_senders_encoding(serve: Serve) -> None:
    async with serve() as served:
        status, _, answer = await post(
            served, "/v1/traces?source=nope", traces(GOOD_SPAN), Content_Type="application/json"
        )
        assert (status, json.loads(answer)["code"]) == (404, 5)
