"""The format ``metric_stream``: what a metric stream of CloudWatch delivers becomes levels.

A stream writes JSON, one metric a line, or OpenTelemetry 1.0: messages of ``ExportMetricsServiceRequest``,
each after its length. Both are sums of a minute, so they say nothing of single requests and are never counted
as such: ``well_known_metrics`` says which are kept, and as what. OpenTelemetry 0.7 is refused by name.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Final, NamedTuple

import msgspec
from google.protobuf import proto
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import SummaryDataPoint

from streams.decode.event import SampleRecord
from streams.decode.rejected import RejectReason
from streams.formats.concatenated import split
from streams.formats.format import Reading, RefusalError, Surroundings, settled
from streams.formats.json_refusal import JSON_ERRORS, json_refusal
from streams.formats.judged import judged
from streams.formats.skipped import SkippedError
from streams.formats.well_known_metrics import PERIOD, Statistic, level_of

_HEAD: Final = 8192
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


def _begins_with_length(payload: bytes) -> bool:
    """Return whether a payload begins with the length of a message that fits into it."""
    length = shift = 0
    for at, byte in enumerate(payload[:5]):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
            return payload[at + 1 : at + 2] == b"\n" and length <= len(payload) - at - 1
    return False


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
    stream = BytesIO(payload)
    while (at := stream.tell()) < len(payload):
        try:
            message = proto.parse_length_prefixed(ExportMetricsServiceRequest, stream)
        except (DecodeError, ValueError, OSError, EOFError, OverflowError, MemoryError) as error:
            refusal = RefusalError(RejectReason.DAMAGED, f"not a message of OpenTelemetry's metrics: {error}")
            if not at:
                raise refusal from None
            yield Reading(refused=[refusal.of(payload[at:])])
            return
        if message is None:
            return
        data = payload[at : stream.tell()]
        try:
            for metric in _metrics(message):
                yield _kept(metric, data, around)
        except SkippedError as skipped:
            yield Reading(skipped=Counter({skipped.why: 1}))
        except RefusalError as error:
            yield Reading(refused=[error.of(data)])


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
        (each.value.kvlist_value.values for each in point.attributes if each.key == "Dimensions"), ()
    )
    extremes = {each.quantile: each.value for each in point.quantile_values}
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
    return {each.key: each.value.string_value for each in attributes if each.value.HasField("string_value")}


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
