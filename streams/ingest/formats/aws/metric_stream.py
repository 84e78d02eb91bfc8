"""The format ``metric_stream``: what a metric stream of CloudWatch delivers becomes levels.

A stream writes JSON, one metric a line, or OpenTelemetry 1.0: messages of ``ExportMetricsServiceRequest``,
each after its length. Both are sums of a minute, so they say nothing of single requests and are never counted
as such: ``well_known_metrics`` says which are kept, and as what. OpenTelemetry 0.7 is refused by name.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import SummaryDataPoint

from streams.engine.decode.event import MAX_BYTES, SampleRecord
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.aws.well_known_metrics import PERIOD, Statistic, level_of
from streams.ingest.formats.envelopes.concatenated import split
from streams.ingest.formats.format import Reading, RefusalError, Surroundings, settled
from streams.ingest.formats.json_refusal import JSON_ERRORS, json_refusal
from streams.ingest.formats.skipped import SkippedError
from streams.ingest.formats.validated import judged

_HEAD: Final = 8192
_LONGEST_LENGTH: Final = 5  # bytes of a varint: more than any payload
_ARN: Final = b"aws.exporter.arn"
_PREFIX: Final = b"amazonaws.com/"
_NANOSECONDS: Final = 1e9
_UNITS: Final = {
    "": "1",
    "None": "1",
    "Count": "1",
    "{Count}": "1",
    "Percent": "%",
    "Milliseconds": "ms",
    "Seconds": "s",
    "Microseconds": "us",
    "Bytes": "By",
}
"""Units in one spelling: OpenTelemetry's."""


class _Value(msgspec.Struct):
    max: float | None = None
    min: float | None = None
    sum: float | None = None
    count: float | None = None


class _Line(msgspec.Struct):
    account_id: str | None = None
    region: str | None = None
    namespace: str | None = None
    metric_name: str | None = None
    dimensions: dict[str, str] = {}
    timestamp: float | None = None
    value: _Value | None = None
    unit: str | None = None


class _Metric(NamedTuple):
    """A metric of one minute."""

    account: str | None
    region: str | None
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    ts: float | None  # seconds
    value: _Value
    unit: str | None


_LINE: Final = msgspec.json.Decoder(_Line)


class _MetricStream:
    name: Final = "metric_stream"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD]
        if head.lstrip().startswith(b"{"):
            return b'"metric_stream_name"' in head or (b'"metric_name"' in head and b'"namespace"' in head)
        return _PREFIX in head and (_ARN in head or _begins_with_length(payload))

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        if not payload.strip():
            raise RefusalError(RejectReason.EMPTY, "the payload is empty")
        reading = Reading()
        is_json = payload.lstrip()[:1] in {b"{", b"["} and not _begins_with_length(payload)
        for found in _of_lines(payload, around) if is_json else _of_messages(payload, around):
            reading.add(found)
        return reading


def _length(payload: bytes, at: int) -> tuple[int, int] | None:
    """Return the length of the message that begins at ``at``, and where what has that length begins."""
    length = 0
    for index, byte in enumerate(payload[at : at + _LONGEST_LENGTH]):
        length |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
            return length, at + index + 1
    return None


def _begins_with_length(payload: bytes) -> bool:
    """Return whether a payload begins with the length of a message that fits into it."""
    found = _length(payload, 0)
    if found is None:
        return False
    length, begin = found
    return payload[begin : begin + 1] == b"\n" and length <= len(payload) - begin


def _of_lines(payload: bytes, around: Surroundings) -> Iterator[Reading]:
    for line in split(payload):
        try:
            read = _LINE.decode(line)
        except JSON_ERRORS as error:
            yield Reading(refused=[json_refusal(line, error, "a metric").of(line)])
            continue
        metric = _Metric(
            read.account_id,
            read.region,
            read.namespace or "",
            read.metric_name or "",
            read.dimensions,
            None if read.timestamp is None else read.timestamp / 1000,
            read.value or _Value(),
            read.unit,
        )
        yield _kept(metric, line, around)


def _of_messages(payload: bytes, around: Surroundings) -> Iterator[Reading]:
    at = 0
    while at < len(payload):
        found = _length(payload, at)
        if found is None or found[0] > len(payload) - found[1]:
            refusal = RefusalError(RejectReason.DAMAGED, "cut off, or no message after its length")
            if not at:
                raise refusal
            yield Reading(refused=[refusal.of(payload[at:])])
            return
        length, begin = found
        data, is_first, at = payload[begin : begin + length], not at, begin + length
        try:
            for metric in _metrics(_message(data)):
                yield _kept(metric, data, around)
        except RefusalError as error:
            if is_first and error.reason is RejectReason.DAMAGED:  # what it begins with is no length
                raise
            yield Reading(refused=[error.of(data)])


def _message(data: bytes) -> ExportMetricsServiceRequest:
    if len(data) > MAX_BYTES:  # a few bytes can become hundreds in memory
        raise RefusalError(RejectReason.TOO_LARGE, f"{len(data)} bytes; at most {MAX_BYTES} are accepted")
    message = ExportMetricsServiceRequest()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise RefusalError(RejectReason.DAMAGED, f"not OpenTelemetry's metrics: {error}") from None
    return message


def _metrics(message: ExportMetricsServiceRequest) -> Iterator[_Metric]:
    for resource in message.resource_metrics:
        told = _texts(resource.resource.attributes)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.summary.data_points:
                    yield _metric(told, metric.name, metric.unit, point)


def _metric(told: Mapping[str, str], name: str, unit: str, point: SummaryDataPoint) -> _Metric:
    if not point.attributes:
        raise RefusalError(
            RejectReason.UNKNOWN_FORMAT,
            f"{name[:100]!r} has no attributes, as in OpenTelemetry 0.7; set the stream to 1.0 or JSON",
        )
    attributes = _texts(point.attributes)
    dimensions = next(
        (
            attribute.value.kvlist_value.values
            for attribute in point.attributes
            if attribute.key == "Dimensions"
        ),
        (),
    )
    extremes = {quantile_value.quantile: quantile_value.value for quantile_value in point.quantile_values}
    stamp = point.start_time_unix_nano or point.time_unix_nano
    return _Metric(
        told.get("cloud.account.id"),
        told.get("cloud.region"),
        attributes.get("Namespace", ""),
        attributes.get("MetricName", ""),
        _texts(dimensions),
        stamp / _NANOSECONDS if stamp else None,
        _Value(extremes.get(1.0), extremes.get(0.0), point.sum, point.count),
        unit,
    )


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {
        attribute.key: attribute.value.string_value
        for attribute in attributes
        if attribute.value.HasField("string_value")
    }


def _kept(metric: _Metric, data: bytes, around: Surroundings) -> Reading:
    try:
        return Reading([judged(settled(_sample(metric, around), around))])
    except SkippedError as skipped:
        return Reading(skipped=Counter({skipped.why: 1}))
    except RefusalError as error:
        return Reading(refused=[error.of(data)])


def _sample(metric: _Metric, around: Surroundings) -> SampleRecord:
    if not (metric.namespace and metric.name):
        raise RefusalError(RejectReason.NO_NAME, "a metric needs its namespace and its name")
    unit = _UNITS.get(metric.unit or "", metric.unit)
    account = metric.account or around.account
    level = level_of(metric.namespace, metric.name, metric.dimensions, unit, account or "")
    return SampleRecord(
        ts=metric.ts,
        id=_id(metric),
        cloud="aws",
        account=account,
        region=metric.region,
        of=level.of,
        name=level.name,
        value=_value(metric.value, level.statistic),
        limit=level.limit,
        unit=level.unit,
    )


def _value(value: _Value, statistic: Statistic) -> float | None:
    match statistic:
        case "max":
            return value.max
        case "sum":
            return value.sum
        case "a second":
            return None if value.sum is None else value.sum / PERIOD
        case "average":
            return value.sum / value.count if value.sum is not None and value.count else None


def _id(metric: _Metric) -> str:
    """Return what a repeated delivery has too, by either way."""
    dimensions = ",".join(f"{key}={metric.dimensions[key]}" for key in sorted(metric.dimensions))
    place = f"{metric.account or ''}/{metric.region or ''}"
    return f"metric:{place}/{metric.namespace}/{metric.name}/{dimensions}/{metric.ts}"


METRIC_STREAM: Final = _MetricStream()
