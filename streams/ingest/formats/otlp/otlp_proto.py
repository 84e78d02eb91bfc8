"""The format ``otlp_proto``: exports of OpenTelemetry as protobuf."""

from collections.abc import Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from detectors.state.compiled import COMPILES, is_kept
from streams.engine.decode.records import Records
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import Lines, Reading, RefusalError, Surroundings, to_json_line
from streams.ingest.formats.otlp.attributes import EXCEPTION, RESOURCE, SPAN
from streams.ingest.formats.otlp.message import (
    MOST_BYTES,
    Recognised,
    bounded,
    read_message,
    refuse_unsupported_encoding,
)
from streams.ingest.formats.otlp.proto_message import attributes_of, bound_parts
from streams.ingest.formats.otlp.proto_text import readable_proto
from streams.ingest.formats.otlp.request import id_of
from streams.ingest.formats.otlp.span import (
    SPAN_BYTES,
    TRACE_BYTES,
    OtlpMessage,
    OtlpSpan,
    Point,
    Raised,
    ResourceLogs,
    ResourceMetrics,
    ResourceSpans,
    of_bytes,
)
from streams.ingest.formats.otlp.spans import read_spans
from streams.process.compilation import SPANS

if TYPE_CHECKING or COMPILES:
    from streams.ingest.formats.otlp.scan.scan_message import scan
    from streams.ingest.formats.otlp.scan.span_scanner import LeftSpans, Scanned, SpanScanner

_FIRST: Final = b"\x0a"  # the only field of a message: a resource
_ERROR: Final = 2
_MOST_SCANNERS: Final = 16  # sources whose names are remembered apart

_Signal = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest


def is_scanner_kept() -> bool | None:
    """Return whether the machine code that ``lines`` needs is kept; None if it cannot be, or needs none."""
    return is_kept(scan) if COMPILES else None


class OtlpProto:
    """Reads the messages of traces, logs and metrics, distinguished by their content.

    It has no state but the names that its scanner has learnt.
    """

    name: Final = "otlp_proto"

    def __init__(self, recognised: Recognised) -> None:
        self._recognised: Final = recognised
        # Those that no thread uses now. Taking one out of a list and putting it back are single steps.
        self._scanners: Final[dict[Surroundings, list[SpanScanner]]] = {}

    def looks_like(self, payload: bytes) -> bool:
        """Return whether it is a message of OpenTelemetry that holds something."""
        if payload[:1] != _FIRST or len(payload) > MOST_BYTES:
            return False
        try:
            bound_parts(payload)
        except RefusalError:
            return True  # for reading to refuse
        return (_signal(payload) or _mended(payload)) is not None

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

    def lines(self, payload: bytes, around: Surroundings) -> Lines | None:
        """Read by compiled code, as ``read`` would; return None if only that can."""
        if not COMPILES or not SPANS.ready() or payload[:1] != _FIRST or len(payload) > MOST_BYTES:
            return None
        key = msgspec.structs.replace(around, mapping=None, at=None)
        idle = self._scanners.get(key)
        if idle is None:
            if len(self._scanners) >= _MOST_SCANNERS:
                self._scanners.clear()
            idle = self._scanners.setdefault(key, [])
        try:
            scanner = idle.pop()
        except IndexError:
            scanner = SpanScanner(key)
        found = scanner.scan(payload)
        idle.append(scanner)
        if found is None:
            return None
        if not found.left:
            return Lines(found.lines, [], found.skipped)
        try:
            return _completed(found, around)
        except (RefusalError, DecodeError):
            return None  # for reading to refuse


def _message(payload: bytes) -> OtlpMessage:
    found = _signal(payload) or _mended(payload)
    if isinstance(found, ExportTraceServiceRequest):
        return OtlpMessage(spans=_spans(found))
    if isinstance(found, ExportLogsServiceRequest):
        return OtlpMessage(logs=_logs(found))
    if isinstance(found, ExportMetricsServiceRequest):
        return OtlpMessage(metrics=_metrics(found))
    refuse_unsupported_encoding(payload)
    traces = ExportTraceServiceRequest()
    if not _parsed(traces, payload):
        raise RefusalError(RejectReason.DAMAGED, "not the protobuf of an OpenTelemetry message")
    return OtlpMessage(spans=_spans(traces))


def _mended(payload: bytes) -> _Signal | None:
    """Return a message whose texts are no UTF-8."""
    for kind in (ExportTraceServiceRequest, ExportMetricsServiceRequest, ExportLogsServiceRequest):
        text = readable_proto(payload, kind)
        if text is not None and isinstance(found := _signal(text), kind):
            return found
    return None


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
            attributes_of(resource.resource.attributes, RESOURCE),
            [_span(span) for scope in resource.scope_spans for span in scope.spans],
        )
        for resource in message.resource_spans
    ]


def _completed(found: "Scanned", around: Surroundings) -> Lines | None:
    """Return scanned spans with those that were left, in their order.

    None if no span has a kind or a time: it may be a message of another signal.
    """
    resources = list(map(_left, found.left))
    reading = read_spans(resources, around)
    rows: dict[str, int] = {}
    for left, resource in zip(found.left, resources, strict=True):
        for row, span in zip(left.rows, resource.spans, strict=True):
            rows.setdefault(id_of(span), row)  # of one sent twice, the first counts
    lines = [*zip(found.rows, found.lines, strict=True)]
    lines += [(rows[record.id or ""], to_json_line(record)) for record in reading.records]
    spans = (span for resource in resources for span in resource.spans)
    if not lines and not any(span.kind or span.start for span in spans):
        return None
    lines.sort(key=itemgetter(0))
    records = Records.of([line for _, line in lines])
    return Lines(records, reading.refused, found.skipped + reading.skipped)


def _left(found: "LeftSpans") -> ResourceSpans:
    identified = None
    if found.identified is not None:
        identified = attributes_of(trace_pb2.Span.FromString(found.identified).attributes, SPAN)
    return ResourceSpans(
        attributes_of(Resource.FromString(found.resource).attributes, RESOURCE),
        [_span(trace_pb2.Span.FromString(span)) for span in found.spans],
        identified=identified,
    )


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
        attributes_of(span.attributes, SPAN),
        _raised(span.events) if span.events else None,
    )


def _raised(events: Iterable[trace_pb2.Span.Event]) -> Raised | None:
    found = None
    for event in events:
        if event.name == "exception":
            raised = attributes_of(event.attributes, EXCEPTION)
            found = Raised(str(raised.get("exception.type", "")), str(raised.get("exception.message", "")))
    return found


def _logs(message: ExportLogsServiceRequest) -> list[ResourceLogs]:
    bounded(
        sum(len(scope.log_records) for resource in message.resource_logs for scope in resource.scope_logs)
    )
    return [
        ResourceLogs(
            attributes_of(resource.resource.attributes, RESOURCE),
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
            attributes_of(resource.resource.attributes, RESOURCE),
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
