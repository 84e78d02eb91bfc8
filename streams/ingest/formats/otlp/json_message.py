"""Messages of OpenTelemetry as JSON has them; what is not read is left out."""

from typing import TypeVar

import msgspec

Whole = int | float | str | None
T = TypeVar("T")
Many = list[T] | None


class JsonValue(msgspec.Struct, gc=False, rename="camel"):
    """A value: one of its fields."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Whole = None
    double_value: Whole = None
    bytes_value: str | None = None
    array_value: "JsonArray | None" = None


class JsonArray(msgspec.Struct, gc=False, rename="camel"):
    """A list of values."""

    values: Many[JsonValue | None] = None


class JsonAttribute(msgspec.Struct, gc=False, rename="camel"):
    """One attribute."""

    key: str | None = None
    value: JsonValue | None = None


class JsonResource(msgspec.Struct, gc=False, rename="camel"):
    """What sent something."""

    attributes: Many[JsonAttribute] = None


class JsonEvent(msgspec.Struct, gc=False, rename="camel"):
    """An event of a span, such as an exception."""

    name: str | None = None
    attributes: Many[JsonAttribute] = None


class JsonStatus(msgspec.Struct, gc=False, rename="camel"):
    """The status of a span."""

    code: int | str | None = None
    message: str | None = None


class JsonSpan(msgspec.Struct, gc=False, rename="camel"):
    """One span."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: Whole = None
    end_time_unix_nano: Whole = None
    attributes: Many[JsonAttribute] = None
    events: Many[JsonEvent] = None
    status: JsonStatus | None = None


class JsonScopeSpans(msgspec.Struct, gc=False, rename="camel"):
    """The spans of one library."""

    spans: Many[JsonSpan] = None


class JsonResourceSpans(msgspec.Struct, gc=False, rename="camel"):
    """The spans of one resource."""

    resource: JsonResource | None = None
    scope_spans: Many[JsonScopeSpans] = None


class JsonLogRecord(msgspec.Struct, gc=False, rename="camel"):
    """One log record."""

    body: JsonValue | None = None


class JsonScopeLogs(msgspec.Struct, gc=False, rename="camel"):
    """The log records of one library."""

    log_records: Many[JsonLogRecord] = None


class JsonResourceLogs(msgspec.Struct, gc=False, rename="camel"):
    """The log records of one resource."""

    resource: JsonResource | None = None
    scope_logs: Many[JsonScopeLogs] = None


class JsonPoint(msgspec.Struct, gc=False, rename="camel"):
    """One data point."""

    time_unix_nano: Whole = None
    as_int: Whole = None
    as_double: Whole = None


class JsonPoints(msgspec.Struct, gc=False, rename="camel"):
    """The data points of a gauge or a sum."""

    data_points: Many[JsonPoint] = None


class JsonMetric(msgspec.Struct, gc=False, rename="camel"):
    """One metric; other kinds than these two are not read."""

    name: str | None = None
    unit: str | None = None
    gauge: JsonPoints | None = None
    sum: JsonPoints | None = None


class JsonScopeMetrics(msgspec.Struct, gc=False, rename="camel"):
    """The metrics of one library."""

    metrics: Many[JsonMetric] = None


class JsonResourceMetrics(msgspec.Struct, gc=False, rename="camel"):
    """The metrics of one resource."""

    resource: JsonResource | None = None
    scope_metrics: Many[JsonScopeMetrics] = None


class JsonMessage(msgspec.Struct, gc=False, rename="camel"):
    """One message, of one signal."""

    resource_spans: Many[JsonResourceSpans] = None
    resource_logs: Many[JsonResourceLogs] = None
    resource_metrics: Many[JsonResourceMetrics] = None


class LooseScopeSpans(msgspec.Struct, gc=False, rename="camel"):
    """The spans of one library, each of which may be anything."""

    spans: Many[msgspec.Raw] = None


class LooseResourceSpans(msgspec.Struct, gc=False, rename="camel"):
    """The spans of one resource, each of which may be anything."""

    resource: JsonResource | None = None
    scope_spans: Many[LooseScopeSpans] = None


class LooseMessage(msgspec.Struct, gc=False, rename="camel"):
    """A message of traces, one of whose spans may be anything."""

    resource_spans: Many[LooseResourceSpans] = None
