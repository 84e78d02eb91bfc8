"""The format ``otlp_proto``: what OpenTelemetry exports, as protobuf."""

from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from streams.decode.rejected import RejectReason
from streams.formats.format import Reading, RefusalError, Surroundings
from streams.formats.otlp.attributes import EXCEPTION, MOST_TEXTS, RESOURCE, SPAN, Attributes, Value
from streams.formats.otlp.ids import SPAN_BYTES, TRACE_BYTES, of_bytes
from streams.formats.otlp.logs import Recognised
from streams.formats.otlp.message import bounded, read_message
from streams.formats.otlp.parts import bound_parts
from streams.formats.otlp.span import (
    NO_ATTRIBUTES,
    OtlpMessage,
    OtlpSpan,
    Point,
    Raised,
    ResourceLogs,
    ResourceMetrics,
    ResourceSpans,
)
from streams.formats.otlp.strangers import refuse_stranger

MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a message. Its empty parts become many times their size."""

_FIRST: Final = b"\x0a"  # the only field of a message: a resource with what it sent
_ERROR: Final = 2


class OtlpProto:
    """Reads the messages of traces, logs and metrics, told apart by what they hold.

    Parameters
    ----------
    recognised
        Returns the format that the body of a log record looks like.
    """

    name: Final = "otlp_proto"

    def __init__(self, recognised: Recognised) -> None:
        self._recognised: Final = recognised

    def looks_like(self, payload: bytes) -> bool:
        """Return whether it is a message of OpenTelemetry that holds something."""
        if payload[:1] != _FIRST or len(payload) > MOST_BYTES:
            return False
        try:
            bound_parts(payload)
        except RefusalError:
            return True  # reading it says what is wrong
        return _signal(payload) is not None

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        """Read one message.

        Raises
        ------
        RefusalError
            When it is none.
        """
        if not payload:
            raise RefusalError(RejectReason.EMPTY, "the payload is empty")
        if len(payload) > MOST_BYTES:
            raise RefusalError(RejectReason.TOO_LARGE, f"a message of more than {MOST_BYTES:,} bytes")
        bound_parts(payload)
        return read_message(_message(payload), around, self._recognised)


_Signal = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest


def _message(payload: bytes) -> OtlpMessage:
    found = _signal(payload)
    if isinstance(found, ExportTraceServiceRequest):
        return OtlpMessage(spans=_spans(found))
    if isinstance(found, ExportLogsServiceRequest):
        return OtlpMessage(logs=_logs(found))
    if isinstance(found, ExportMetricsServiceRequest):
        return OtlpMessage(metrics=_metrics(found))
    refuse_stranger(payload)
    traces = ExportTraceServiceRequest()
    if not _parsed(traces, payload):
        raise RefusalError(RejectReason.DAMAGED, "not the protobuf of an OpenTelemetry message")
    return OtlpMessage(spans=_spans(traces))


def _signal(payload: bytes) -> _Signal | None:
    """Return the message, by the fields that only one of the three has; None if it has none of them."""
    traces, logs, metrics = (
        ExportTraceServiceRequest(),
        ExportLogsServiceRequest(),
        ExportMetricsServiceRequest(),
    )
    if _parsed(traces, payload) and any(
        span.start_time_unix_nano or span.kind
        for resource in traces.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ):
        return traces
    if _parsed(logs, payload) and any(
        record.time_unix_nano or record.observed_time_unix_nano or record.HasField("body")
        for resource in logs.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ):
        return logs
    if _parsed(metrics, payload) and any(
        metric.name and metric.WhichOneof("data")
        for resource in metrics.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ):
        return metrics
    return None


def _parsed(message: _Signal, payload: bytes) -> bool:
    try:
        message.ParseFromString(payload)
    except DecodeError:
        return False
    return True


def _spans(message: ExportTraceServiceRequest) -> list[ResourceSpans]:
    return [
        ResourceSpans(
            _attributes(resource.resource.attributes, RESOURCE),
            [_span(span) for scope in resource.scope_spans for span in scope.spans],
        )
        for resource in message.resource_spans
    ]


def _span(span: trace_pb2.Span) -> OtlpSpan:
    status = span.status
    return OtlpSpan(
        of_bytes(span.trace_id, TRACE_BYTES),
        of_bytes(span.span_id, SPAN_BYTES),
        of_bytes(span.parent_span_id, SPAN_BYTES),
        span.trace_state,
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        status.code == _ERROR,
        status.message,
        _attributes(span.attributes, SPAN),
        _raised(span.events) if span.events else None,
    )


def _raised(events: Iterable[trace_pb2.Span.Event]) -> Raised | None:
    found = None
    for event in events:
        if event.name == "exception":
            said = _attributes(event.attributes, EXCEPTION)
            found = Raised(str(said.get("exception.type", "")), str(said.get("exception.message", "")))
    return found


def _attributes(attributes: Iterable[KeyValue], wanted: frozenset[str]) -> Attributes:
    found: dict[str, Value] = {}
    for each in attributes:
        key = each.key
        if key in wanted:
            value = each.value
            said = value.string_value  # most are texts; only an empty one may be something else
            if said:
                found[key] = said
            elif (other := _value(value)) is not None:
                found[key] = other
    return found or NO_ATTRIBUTES


def _value(value: AnyValue) -> Value | None:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            return value.double_value
        case "array_value":
            return [
                each.string_value
                for each in value.array_value.values[:MOST_TEXTS]
                if each.string_value or each.HasField("string_value")
            ]
        case _:
            return None


def _logs(message: ExportLogsServiceRequest) -> list[ResourceLogs]:
    bounded(
        sum(len(scope.log_records) for resource in message.resource_logs for scope in resource.scope_logs)
    )
    return [
        ResourceLogs(
            _attributes(resource.resource.attributes, RESOURCE),
            [_body(record.body) for scope in resource.scope_logs for record in scope.log_records],
        )
        for resource in message.resource_logs
    ]


def _body(body: AnyValue) -> bytes | None:
    if body.HasField("bytes_value"):
        return body.bytes_value
    return body.string_value.encode() if body.HasField("string_value") else None


def _metrics(message: ExportMetricsServiceRequest) -> list[ResourceMetrics]:
    all_metrics = [
        [metric for scope in resource.scope_metrics for metric in scope.metrics]
        for resource in message.resource_metrics
    ]
    bounded(sum(len(_points_of(metric)) for metrics in all_metrics for metric in metrics))
    return [
        ResourceMetrics(
            _attributes(resource.resource.attributes, RESOURCE),
            [
                Point(metric.name, metric.unit, point.time_unix_nano, _number(point))
                for metric in metrics
                for point in _points_of(metric)
            ],
            sum(metric.WhichOneof("data") not in {"gauge", "sum"} for metric in metrics),
        )
        for resource, metrics in zip(message.resource_metrics, all_metrics, strict=True)
    ]


def _points_of(metric: metrics_pb2.Metric) -> list[metrics_pb2.NumberDataPoint]:
    match metric.WhichOneof("data"):
        case "gauge":
            return list(metric.gauge.data_points)
        case "sum":
            return list(metric.sum.data_points)
        case _:
            return []


def _number(point: metrics_pb2.NumberDataPoint) -> float | None:
    match point.WhichOneof("value"):
        case "as_double":
            return point.as_double
        case "as_int":
            return float(point.as_int)
        case _:
            return None
