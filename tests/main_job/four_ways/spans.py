"""The second way: spans of OpenTelemetry, made by its SDK for Python as in an instrumented function."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from detectors.model.measures import SUMMED
from detectors.model.scope import ACCOUNT, CLIENT, FUNCTION, ROUTE, SERVICE, TABLE
from streams.engine.decode.event import Event, Layers, TableCall
from tests.main_job.four_ways.request_ids import invocation_of, span_of, trace_of
from tests.main_job.four_ways.way import Carried, Delivery, stamp

AT_ONCE: Final = 100
"""Spans in one message, wherever that divides a trace."""


class _Ids(IdGenerator):
    """Gives the ids of the present request."""

    def __init__(self) -> None:
        self._trace = 0
        self._spans: Iterator[int] = iter(())

    def now(self, event: Event) -> None:
        """Go on to another request."""
        self._trace = int(trace_of(event), 16)
        self._spans = (int(span_of(event, at), 16) for at in range(1_000_000))

    def generate_trace_id(self) -> int:
        return self._trace

    def generate_span_id(self) -> int:
        return next(self._spans)


class Sdk:
    """The SDK in each function of a backend."""

    def __init__(self) -> None:
        self._memory = InMemorySpanExporter()
        self._ids = _Ids()
        self._tracers: dict[str, Tracer] = {}

    def spans(self, events: Sequence[Event]) -> tuple[ReadableSpan, ...]:
        """Return the spans of these requests, in the order in which they ended."""
        for event in events:
            self._trace(event)
        found = self._memory.get_finished_spans()
        self._memory.clear()
        return tuple(sorted(found, key=lambda span: span.end_time or 0))

    def _tracer(self, event: Event) -> Tracer:
        name = str(event.function)
        if name not in self._tracers:
            provider = TracerProvider(
                resource=Resource(
                    {
                        "service.name": str(event.service),
                        "faas.name": name,
                        "cloud.provider": str(event.cloud),
                        "cloud.account.id": str(event.account),
                        "cloud.region": str(event.region),
                    }
                ),
                id_generator=self._ids,
                shutdown_on_exit=False,
            )
            provider.add_span_processor(SimpleSpanProcessor(self._memory))
            self._tracers[name] = provider.get_tracer("opentelemetry.instrumentation.aws_lambda")
        return self._tracers[name]

    def _trace(self, event: Event) -> None:
        self._ids.now(event)
        tracer, began = self._tracer(event), round(stamp(event) * 1000) * 1_000_000
        assert isinstance(event.ms, Layers)
        server = tracer.start_span(
            str(event.function), kind=SpanKind.SERVER, start_time=began, attributes=_of_request(event)
        )
        for call in event.tables or ():
            _call(tracer, server, call, began)
        if event.error == "fatal":
            server.add_event("exception", {"exception.type": str(event.error_type)}, timestamp=began)
            server.set_status(Status(StatusCode.ERROR))
        server.end(began + round((event.ms.function or 0.0) * 1_000_000))


def _of_request(event: Event) -> dict[str, Any]:
    method, _, path = str(event.route).partition(" ")
    said = {
        "faas.invocation_id": invocation_of(event),
        "faas.coldstart": bool(event.cold_start),
        "http.request.method": method,
        "http.route": path,
        "http.response.status_code": event.status,
        "url.path": path.replace("{id}", "42"),
    }
    if event.client is not None:
        client = event.client
        named = {"name": client.name, "version": client.version, "tenant": client.tenant}
        said |= {f"uneri.client.{key}": value for key, value in named.items() if value}
    return said


def _call(tracer: Tracer, server: Span, call: TableCall, began: int) -> None:
    """Make the span that the instrumentation of botocore makes."""
    said: dict[str, Any] = {
        "rpc.system": "aws-api",
        "rpc.service": "DynamoDB",
        "rpc.method": str(call.op),
        "db.system": "dynamodb",
        "aws.dynamodb.table_names": [call.name],
    }
    if not call.throttled:
        units = {"ReadCapacityUnits": call.rcu, "WriteCapacityUnits": call.wcu}
        consumed = {"TableName": call.name, **{name: amount for name, amount in units.items() if amount}}
        said["aws.dynamodb.consumed_capacity"] = [json.dumps(consumed)]
    span = tracer.start_span(
        f"DynamoDB.{call.op}", set_span_in_context(server), SpanKind.CLIENT, said, start_time=began
    )
    if call.throttled:
        why = {
            "exception.type": "botocore.errorfactory.ProvisionedThroughputExceededException",
            "exception.message": f"Throughput exceeds the current capacity: {call.throttled}",
        }
        span.add_event("exception", why, timestamp=began)
        span.set_status(Status(StatusCode.ERROR))
    span.end(began + round((call.ms or 0.0) * 1_000_000))


class Spans:
    """Spans in messages of OTLP."""

    carried: Carried = dict.fromkeys((ACCOUNT, SERVICE, ROUTE, FUNCTION, CLIENT, TABLE), frozenset(SUMMED))

    def __init__(self, source: str | None = None) -> None:
        self.inputs: Sequence[Mapping[str, Any]] = ()
        self._source = source
        self._sdk = Sdk()

    def native(self, event: Event) -> Event:
        return event

    def deliveries(self, events: Sequence[Event]) -> Iterator[Delivery]:
        spans = self._sdk.spans(events)
        for first in range(0, len(spans), AT_ONCE):
            message = encode_spans(spans[first : first + AT_ONCE])
            yield Delivery(message.SerializeToString(), "otlp_proto", self._source)
