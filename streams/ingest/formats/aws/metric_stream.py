"""The format ``metric_stream``: the metrics that a stream of CloudWatch delivers become levels.

A stream writes JSON, one metric a line, or OpenTelemetry 1.0: messages of ``ExportMetricsServiceRequest``,
each after its length. Both are sums of a minute, so they never count as single requests. Kept are levels
(concurrency, capacity, quotas, cost), but no metrics of requests, their errors or their time: requests
themselves are counted. OpenTelemetry 0.7 is refused by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import SummaryDataPoint

from streams.engine.decode.event import MAX_BYTES, SampleRecord, ScopeName
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import (
    MOST_RECORDS,
    Reading,
    RefusalError,
    SkippedError,
    Surroundings,
    read_part,
    validated,
    with_defaults,
)
from streams.ingest.formats.json_payload import JSON_ERRORS, json_refusal, split

_HEAD: Final = 8192
_LONGEST_LENGTH: Final = 5  # bytes of a varint: more than any payload
_ARN: Final = b"aws.exporter.arn"
_PREFIX: Final = b"amazonaws.com/"
_NANOSECONDS: Final = 1e9
_UNITS: Final = {
    "": "1", "None": "1", "Count": "1", "{Count}": "1", "Percent": "%",
    "Milliseconds": "ms", "Seconds": "s", "Microseconds": "us", "Bytes": "By",
}  # fmt: skip
"""Units in one spelling: OpenTelemetry's."""

Statistic = Literal["max", "sum", "average", "a second"]

PERIOD: Final = 60.0
"""Seconds that a metric of a stream covers."""

_PERCENT: Final = 100.0

_FUNCTION: Final = ("FunctionName", "function_name", "function")
_TABLE: Final = ("TableName", "table_name", "table")
_SERVICE: Final = ("service", "Service", "ServiceName", "service_name")
_INDEX: Final = "GlobalSecondaryIndexName"


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
        is_json = payload.lstrip()[:1] in {b"{", b"["} and not _begins_with_length(payload)
        return Reading.of(_of_lines(payload, around) if is_json else _of_messages(payload, around))


def _length(payload: bytes, at: int) -> tuple[int, int] | None:
    """Return the length that stands at ``at``, and where its message begins."""
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
    at = messages = 0
    while at < len(payload):
        messages += 1
        if messages > MOST_RECORDS:
            raise RefusalError(
                RejectReason.TOO_LARGE, f"more than {MOST_RECORDS:,} messages; send less at once"
            )
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
            if is_first and error.reason is RejectReason.DAMAGED:  # its first bytes are no length
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
        origin = _texts(resource.resource.attributes)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.summary.data_points:
                    yield _metric(origin, metric.name, metric.unit, point)


def _metric(origin: Mapping[str, str], name: str, unit: str, point: SummaryDataPoint) -> _Metric:
    if not point.attributes:
        raise RefusalError(
            RejectReason.UNKNOWN_FORMAT,
            f"{name[:100]!r} has no attributes, as in OpenTelemetry 0.7; set the stream to 1.0 or JSON",
        )
    attributes = _texts(point.attributes)
    dimensions = next(
        (pair.value.kvlist_value.values for pair in point.attributes if pair.key == "Dimensions"), ()
    )
    extremes = {quantile.quantile: quantile.value for quantile in point.quantile_values}
    stamp = point.start_time_unix_nano or point.time_unix_nano
    return _Metric(
        origin.get("cloud.account.id"),
        origin.get("cloud.region"),
        attributes.get("Namespace", ""),
        attributes.get("MetricName", ""),
        _texts(dimensions),
        stamp / _NANOSECONDS if stamp else None,
        _Value(extremes.get(1.0), extremes.get(0.0), point.sum, point.count),
        unit,
    )


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in attributes if pair.value.HasField("string_value")}


def _kept(metric: _Metric, data: bytes, around: Surroundings) -> Reading:
    return read_part(data, lambda _: validated(with_defaults(_sample(metric, around), around)))


def _sample(metric: _Metric, around: Surroundings) -> SampleRecord:
    if not (metric.namespace and metric.name):
        raise RefusalError(RejectReason.NO_NAME, "a metric needs its namespace and its name")
    unit = _UNITS.get(metric.unit or "", metric.unit)
    account = metric.account or around.account
    level = _level_of(metric.namespace, metric.name, metric.dimensions, unit, account or "")
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
    """Return an id that is the same in a repeated delivery, in either encoding."""
    dimensions = ",".join(f"{key}={metric.dimensions[key]}" for key in sorted(metric.dimensions))
    place = f"{metric.account or ''}/{metric.region or ''}"
    return f"metric:{place}/{metric.namespace}/{metric.name}/{dimensions}/{metric.ts}"


class _Level(NamedTuple):
    """The level that a metric becomes: its scope, its statistic, and its limit if that never varies."""

    name: str
    of: ScopeName
    statistic: Statistic
    unit: str | None = None
    limit: float | None = None


class _Known(NamedTuple):
    name: str
    statistic: Statistic = "max"
    unit: str = "1"
    limit: float | None = None


_KNOWN: Final[dict[str, dict[str, _Known]]] = {
    "AWS/Lambda": {
        "ConcurrentExecutions": _Known("lambda.concurrent_executions"),
        "UnreservedConcurrentExecutions": _Known("lambda.unreserved_concurrent_executions"),
        "ClaimedAccountConcurrency": _Known("lambda.claimed_account_concurrency"),
        "ProvisionedConcurrentExecutions": _Known("lambda.provisioned_concurrent_executions"),
        "ProvisionedConcurrencyUtilization": _Known("lambda.provisioned_concurrency_utilization", limit=1.0),
        "IteratorAge": _Known("lambda.iterator_age", unit="ms"),
        "AsyncEventAge": _Known("lambda.async_event_age", unit="ms"),
    },
    "AWS/DynamoDB": {
        "AccountMaxReads": _Known("dynamodb.account_max_reads"),
        "AccountMaxWrites": _Known("dynamodb.account_max_writes"),
        "AccountMaxTableLevelReads": _Known("dynamodb.account_max_table_reads"),
        "AccountMaxTableLevelWrites": _Known("dynamodb.account_max_table_writes"),
        "AccountProvisionedReadCapacityUtilization": _Known(
            "dynamodb.account_provisioned_read_utilization", unit="%", limit=_PERCENT
        ),
        "AccountProvisionedWriteCapacityUtilization": _Known(
            "dynamodb.account_provisioned_write_utilization", unit="%", limit=_PERCENT
        ),
        "MaxProvisionedTableReadCapacityUtilization": _Known(
            "dynamodb.max_table_read_utilization", unit="%", limit=_PERCENT
        ),
        "MaxProvisionedTableWriteCapacityUtilization": _Known(
            "dynamodb.max_table_write_utilization", unit="%", limit=_PERCENT
        ),
        "ProvisionedReadCapacityUnits": _Known("dynamodb.provisioned_read_units"),
        "ProvisionedWriteCapacityUnits": _Known("dynamodb.provisioned_write_units"),
        "OnDemandMaxReadRequestUnits": _Known("dynamodb.on_demand_max_read_units"),
        "OnDemandMaxWriteRequestUnits": _Known("dynamodb.on_demand_max_write_units"),
        "ConsumedReadCapacityUnits": _Known("dynamodb.consumed_read_units", "a second", "1/s"),
        "ConsumedWriteCapacityUnits": _Known("dynamodb.consumed_write_units", "a second", "1/s"),
    },
}


def _level_of(
    namespace: str, metric: str, dimensions: Mapping[str, str], unit: str | None, account: str
) -> _Level:
    """Return the level that a metric becomes.

    A metric comes once for each set of its dimensions; one with more dimensions than a scope would have the
    same name as its sum, so it is skipped.

    Examples
    --------
    >>> level = _level_of("AWS/Lambda", "ConcurrentExecutions", {}, "Count", "123456789012")
    >>> level.name, level.of.kind, level.statistic
    ('lambda.concurrent_executions', 'account', 'max')
    """
    whole = ScopeName("account", account)
    match namespace:
        case "AWS/Billing":
            return _cost(metric, dimensions, whole)
        case "AWS/Usage":
            return _usage(metric, dimensions, whole)
        case _ if namespace.startswith("AWS/"):
            known = _KNOWN.get(namespace, {}).get(metric)
            if known is None:
                raise SkippedError("another metric")
            rest = dict(dimensions)
            index = rest.pop(_INDEX, None)
            name = f"{known.name}/{index}" if index else known.name
            return _Level(name, _scope(rest, whole), known.statistic, known.unit, known.limit)
        case _:
            of = _scope(dimensions, whole)
            return _Level(f"{namespace}/{metric}", of, "sum" if unit == "1" else "average", unit)


def _scope(dimensions: Mapping[str, str], whole: ScopeName) -> ScopeName:
    """Return the narrowest scope of dimensions, if they name nothing but scopes."""
    function, table, service = (
        next((dimensions[key] for key in keys if key in dimensions), None)
        for keys in (_FUNCTION, _TABLE, _SERVICE)
    )
    named = sum(name is not None for name in (function, table, service))
    if named < len(dimensions) or (function and table):
        raise SkippedError("other dimensions")
    if function:
        return ScopeName("function", function)
    if table:
        return ScopeName("table", table)
    return ScopeName("service", service) if service else whole


def _cost(metric: str, dimensions: Mapping[str, str], whole: ScopeName) -> _Level:
    if metric != "EstimatedCharges":
        raise SkippedError("another metric")
    of, name = whole, "cost.estimated_charges"
    match sorted(dimensions):
        case ["Currency"]:
            pass
        case ["Currency", "LinkedAccount"]:
            of = ScopeName("account", dimensions["LinkedAccount"])
        case ["Currency", "ServiceName"]:
            name = f"{name}/{dimensions['ServiceName']}"
        case _:
            raise SkippedError("other dimensions")
    return _Level(name, of, "max", dimensions["Currency"])


def _usage(metric: str, dimensions: Mapping[str, str], whole: ScopeName) -> _Level:
    """Return how much of a service quota is used: Service Quotas has the limits under the same names."""
    service, resource = dimensions.get("Service"), dimensions.get("Resource")
    if not (service and resource):
        raise SkippedError("other dimensions")
    name = f"usage/{service}/{resource}"
    match metric:
        case "ResourceCount":
            return _Level(name, whole, "max", "1")
        case "CallCount":
            return _Level(name, whole, "a second", "1/s")
        case _:
            raise SkippedError("another metric")


METRIC_STREAM: Final = _MetricStream()
