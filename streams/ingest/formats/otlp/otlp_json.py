"""The format ``otlp_json``: exports of OpenTelemetry as JSON, one message or one on each line."""

import binascii
import math
import re
from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from streams.engine.decode.parse import decoded, readable
from streams.engine.decode.rejected import SAMPLE_BYTES, RejectReason
from streams.ingest.formats.format import Reading, RefusalError, Refused, Surroundings, read_parts
from streams.ingest.formats.json_payload import JSON_ERRORS, json_refusal
from streams.ingest.formats.otlp.attributes import (
    EXCEPTION,
    MOST_DIGITS,
    MOST_TEXTS,
    RESOURCE,
    SPAN,
    Attributes,
    Value,
)
from streams.ingest.formats.otlp.message import (
    MOST_BYTES,
    Recognised,
    bounded,
    read_message,
    refuse_unsupported_encoding,
)
from streams.ingest.formats.otlp.span import (
    CLIENT,
    CONSUMER,
    INTERNAL,
    NO_ATTRIBUTES,
    PRODUCER,
    SERVER,
    SPAN_BYTES,
    TRACE_BYTES,
    OtlpMessage,
    OtlpSpan,
    Point,
    Raised,
    ResourceLogs,
    ResourceMetrics,
    ResourceSpans,
    of_text,
)

MOST_OBJECTS: Final = 2_000_000
"""JSON objects of a payload: twenty and more a span."""

_MARK: Final = re.compile(rb'\s*\{\s*"resource(?:Spans|Logs|Metrics)"\s*:')
_DIGITS: Final = re.compile(r"\s*[-+]?[0-9]+\s*", re.ASCII)
_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 64) - 1
_KINDS: Final = {
    "SPAN_KIND_INTERNAL": INTERNAL, "SPAN_KIND_SERVER": SERVER, "SPAN_KIND_CLIENT": CLIENT,
    "SPAN_KIND_PRODUCER": PRODUCER, "SPAN_KIND_CONSUMER": CONSUMER,
}  # fmt: skip
_ERRORS: Final = frozenset({2, "2", "STATUS_CODE_ERROR"})

# Messages as JSON has them, without the fields that are not read.
_Whole = int | float | str | None
T = TypeVar("T")
_Many = list[T] | None


class _JsonValue(msgspec.Struct, gc=False, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: _Whole = None
    double_value: _Whole = None
    bytes_value: str | None = None
    array_value: "_JsonArray | None" = None


class _JsonArray(msgspec.Struct, gc=False, rename="camel"):
    values: _Many[_JsonValue | None] = None


class _JsonAttribute(msgspec.Struct, gc=False, rename="camel"):
    key: str | None = None
    value: _JsonValue | None = None


class _JsonResource(msgspec.Struct, gc=False, rename="camel"):
    attributes: _Many[_JsonAttribute] = None


class _JsonEvent(msgspec.Struct, gc=False, rename="camel"):
    name: str | None = None
    attributes: _Many[_JsonAttribute] = None


class _JsonStatus(msgspec.Struct, gc=False, rename="camel"):
    code: int | str | None = None
    message: str | None = None


class _JsonSpan(msgspec.Struct, gc=False, rename="camel"):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: _Whole = None
    end_time_unix_nano: _Whole = None
    attributes: _Many[_JsonAttribute] = None
    events: _Many[_JsonEvent] = None
    status: _JsonStatus | None = None


class _JsonScopeSpans(msgspec.Struct, gc=False, rename="camel"):
    spans: _Many[_JsonSpan] = None


class _JsonResourceSpans(msgspec.Struct, gc=False, rename="camel"):
    resource: _JsonResource | None = None
    scope_spans: _Many[_JsonScopeSpans] = None


class _JsonLogRecord(msgspec.Struct, gc=False, rename="camel"):
    body: _JsonValue | None = None


class _JsonScopeLogs(msgspec.Struct, gc=False, rename="camel"):
    log_records: _Many[_JsonLogRecord] = None


class _JsonResourceLogs(msgspec.Struct, gc=False, rename="camel"):
    resource: _JsonResource | None = None
    scope_logs: _Many[_JsonScopeLogs] = None


class _JsonPoint(msgspec.Struct, gc=False, rename="camel"):
    time_unix_nano: _Whole = None
    as_int: _Whole = None
    as_double: _Whole = None


class _JsonPoints(msgspec.Struct, gc=False, rename="camel"):
    data_points: _Many[_JsonPoint] = None


class _JsonMetric(msgspec.Struct, gc=False, rename="camel"):  # other kinds are not read
    name: str | None = None
    unit: str | None = None
    gauge: _JsonPoints | None = None
    sum: _JsonPoints | None = None


class _JsonScopeMetrics(msgspec.Struct, gc=False, rename="camel"):
    metrics: _Many[_JsonMetric] = None


class _JsonResourceMetrics(msgspec.Struct, gc=False, rename="camel"):
    resource: _JsonResource | None = None
    scope_metrics: _Many[_JsonScopeMetrics] = None


class _JsonMessage(msgspec.Struct, gc=False, rename="camel"):
    resource_spans: _Many[_JsonResourceSpans] = None
    resource_logs: _Many[_JsonResourceLogs] = None
    resource_metrics: _Many[_JsonResourceMetrics] = None


class _LooseScopeSpans(msgspec.Struct, gc=False, rename="camel"):  # of which one may be anything
    spans: _Many[msgspec.Raw] = None


class _LooseResourceSpans(msgspec.Struct, gc=False, rename="camel"):
    resource: _JsonResource | None = None
    scope_spans: _Many[_LooseScopeSpans] = None


class _LooseMessage(msgspec.Struct, gc=False, rename="camel"):
    resource_spans: _Many[_LooseResourceSpans] = None


_MESSAGE: Final = msgspec.json.Decoder(_JsonMessage)
_LOOSE: Final = msgspec.json.Decoder(_LooseMessage)
_ONE: Final = msgspec.json.Decoder(_JsonSpan)
_WHAT: Final = "a message of OpenTelemetry"


class OtlpJson:
    """Reads the messages of traces, logs and metrics."""

    name: Final = "otlp_json"

    def __init__(self, recognised: Recognised) -> None:
        self._recognised: Final = recognised

    def looks_like(self, payload: bytes) -> bool:
        """Return whether it begins as a message of OpenTelemetry."""
        return _MARK.match(payload) is not None

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        """Read one message, or one on each line.

        Raises
        ------
        RefusalError
            When it is none.
        """
        if not payload.strip():
            raise RefusalError(RejectReason.EMPTY, "the payload is empty")
        if len(payload) > MOST_BYTES or payload.count(b"{") > MOST_OBJECTS:
            raise RefusalError(
                RejectReason.TOO_LARGE, f"more than {MOST_BYTES:,} bytes or {MOST_OBJECTS:,} JSON objects"
            )
        try:
            return read_message(_message(payload), around, self._recognised)
        except RefusalError as error:
            lines = [line for line in payload.split(b"\n") if line.strip()]
            if error.reason is not RejectReason.NOT_JSON or not self._is_in_lines(lines):
                raise
        return read_parts(lines, lambda line: read_message(_message(line), around, self._recognised))

    def _is_in_lines(self, lines: list[bytes]) -> bool:
        return len(lines) > 1 and any(map(self.looks_like, lines[1:]))


def _message(payload: bytes) -> OtlpMessage:
    try:
        found = decoded(_MESSAGE.decode, payload)
    except msgspec.ValidationError as error:
        return _loose(readable(payload), error)
    except JSON_ERRORS as error:
        refuse_unsupported_encoding(payload)
        raise json_refusal(payload, error, _WHAT) from None
    if found.resource_spans is None and found.resource_logs is None and found.resource_metrics is None:
        refuse_unsupported_encoding(payload)
        raise RefusalError(
            RejectReason.UNKNOWN_FORMAT,
            "neither resourceSpans nor resourceLogs nor resourceMetrics in the message",
        )
    _bound(found)
    message = OtlpMessage()
    message.spans = [_resource_spans(spans, message.refused) for spans in found.resource_spans or ()]
    message.logs = [
        ResourceLogs(
            _of_resource(logs.resource),
            [_body(record.body) for scope in logs.scope_logs or () for record in scope.log_records or ()],
        )
        for logs in found.resource_logs or ()
    ]
    message.metrics = [_resource_metrics(metrics) for metrics in found.resource_metrics or ()]
    return message


def _loose(payload: bytes, problem: msgspec.ValidationError) -> OtlpMessage:
    """Read the spans one by one, since one of them is malformed."""
    try:
        found = _LOOSE.decode(payload)
    except JSON_ERRORS:
        found = None
    if found is None or found.resource_spans is None:
        refuse_unsupported_encoding(payload)
        raise json_refusal(payload, problem, _WHAT)
    message = OtlpMessage()
    resources = []
    bounded(len(found.resource_spans))
    scopes = [scope for resource in found.resource_spans for scope in resource.scope_spans or ()]
    bounded(len(scopes))
    bounded(sum(len(scope.spans or ()) for scope in scopes))
    for resource in found.resource_spans:
        spans: list[_JsonSpan] = []
        for scope in resource.scope_spans or ():
            for raw in scope.spans or ():
                try:
                    spans.append(_ONE.decode(raw))
                except JSON_ERRORS as error:
                    message.refused.append(
                        Refused(RejectReason.BAD_TYPE, str(error), bytes(raw)[:SAMPLE_BYTES])
                    )
        resources.append(_JsonResourceSpans(resource.resource, [_JsonScopeSpans(spans)]))
    message.spans = [_resource_spans(resource, message.refused) for resource in resources]
    return message


def _bound(message: _JsonMessage) -> None:
    """Refuse a message of more resources, scopes or parts than a payload may have."""
    spans, logs = message.resource_spans or (), message.resource_logs or ()
    metrics = message.resource_metrics or ()
    bounded(len(spans) + len(logs) + len(metrics))
    span_scopes = [scope for span in spans for scope in span.scope_spans or ()]
    log_scopes = [scope for log in logs for scope in log.scope_logs or ()]
    metric_scopes = [scope for metric in metrics for scope in metric.scope_metrics or ()]
    bounded(len(span_scopes) + len(log_scopes) + len(metric_scopes))
    bounded(sum(len(scope.spans or ()) for scope in span_scopes))
    bounded(sum(len(scope.log_records or ()) for scope in log_scopes))
    bounded(sum(len(scope.metrics or ()) for scope in metric_scopes))


def _resource_spans(resource: _JsonResourceSpans, refused: list[Refused]) -> ResourceSpans:
    spans = []
    for scope in resource.scope_spans or ():
        for span in scope.spans or ():
            try:
                spans.append(_span(span))
            except RefusalError as error:
                refused.append(error.of(msgspec.json.encode(span)))
    return ResourceSpans(_of_resource(resource.resource), spans)


def _span(span: _JsonSpan) -> OtlpSpan:
    status = span.status
    return OtlpSpan(
        of_text(span.trace_id, TRACE_BYTES) if span.trace_id else "",
        of_text(span.span_id, SPAN_BYTES) if span.span_id else "",
        of_text(span.parent_span_id, SPAN_BYTES) if span.parent_span_id else "",
        span.trace_state or "",
        span.name or "",
        span.kind if isinstance(span.kind, int) else _kind(span.kind),
        _whole(span.start_time_unix_nano),
        _whole(span.end_time_unix_nano),
        status is not None and status.code in _ERRORS,
        (status.message or "") if status else "",
        _attributes(span.attributes, SPAN) if span.attributes else NO_ATTRIBUTES,
        _raised(span.events) if span.events else None,
    )


def _kind(kind: str | None) -> int:
    if not kind:
        return 0
    return _KINDS.get(kind, 0) if not kind.isdecimal() else int(kind[:MOST_DIGITS])


def _whole(value: _Whole) -> int:
    """Return a whole number, which plain protobuf JSON writes as a text; 0 if there is none."""
    if not value:
        return 0
    if isinstance(value, str):
        found = int(value) if len(value) <= MOST_DIGITS and value.isdecimal() else _signed(value)
    elif isinstance(value, int) or (math.isfinite(value) and value.is_integer()):
        found = int(value)
    else:
        found = None
    if found is not None and _LEAST <= found <= _MOST:
        return found
    raise RefusalError(RejectReason.BAD_TYPE, "a time or a number that has more than 64 bits, or is none")


def _signed(value: str) -> int | None:
    return int(value) if len(value) <= MOST_DIGITS and _DIGITS.fullmatch(value) else None


def _number(value: _Whole) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _raised(events: Iterable[_JsonEvent]) -> Raised | None:
    found = None
    for event in events:
        if event.name == "exception":
            raised = _attributes(event.attributes or (), EXCEPTION)
            found = Raised(str(raised.get("exception.type", "")), str(raised.get("exception.message", "")))
    return found


def _of_resource(resource: _JsonResource | None) -> Attributes:
    return _attributes(resource.attributes or (), RESOURCE) if resource else NO_ATTRIBUTES


def _attributes(attributes: Iterable[_JsonAttribute], wanted: frozenset[str]) -> Attributes:
    found: dict[str, Value] = {}
    for attribute in attributes:
        key = attribute.key
        if key in wanted and attribute.value is not None:
            value = _value(attribute.value)
            if value is not None:
                found[key] = value
    return found or NO_ATTRIBUTES


def _value(value: _JsonValue) -> Value | None:
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return _whole(value.int_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.array_value is not None:
        return [
            item.string_value
            for item in (value.array_value.values or ())[:MOST_TEXTS]
            if item is not None and item.string_value is not None
        ]
    return _number(value.double_value)


def _body(body: _JsonValue | None) -> bytes | None:
    if body is None:
        return None
    if body.string_value is not None:
        return body.string_value.encode(errors="replace")
    try:
        return None if body.bytes_value is None else binascii.a2b_base64(body.bytes_value)
    except ValueError:
        return None


def _resource_metrics(resource: _JsonResourceMetrics) -> ResourceMetrics:
    points, others = [], 0
    for scope in resource.scope_metrics or ():
        for metric in scope.metrics or ():
            kind = metric.gauge or metric.sum
            if kind is None:
                others += 1
                continue
            points += [
                Point(
                    metric.name or "",
                    metric.unit or "",
                    _whole(point.time_unix_nano),
                    _number(point.as_double if point.as_int is None else point.as_int),
                )
                for point in kind.data_points or ()
            ]
            bounded(len(points))
    return ResourceMetrics(_of_resource(resource.resource), points, others)
