"""The format ``emf``: the embedded metric format of CloudWatch, JSON objects with ``_aws`` in them.

The duration of a layer makes it a request: ``Latency`` is ``ms.total``, ``Duration`` is ``ms.function``.
Other amounts are ``values`` under their names, an array as its sum, in a record of the kind ``call``, which
counts no request: libraries write an object for each set of dimensions, and one more at a cold start, so that
a request has any number of them. Objects with the same request id belong to one request, which the first of
them with a duration counts. Shares and rates do not add up: they are samples.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec

from streams.engine.decode.event import LARGEST, Event, EventClient, Layers, SampleRecord, ScopeName
from streams.engine.decode.parse import problem_of, stamp_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.aws.lambda_names import function_of_arn, function_of_log
from streams.ingest.formats.format import (
    Reading,
    RefusalError,
    Surroundings,
    read_parts,
    validated,
    with_defaults,
)
from streams.ingest.formats.json_payload import JSON_ERRORS, split
from streams.ingest.formats.trace_ids import joins, trace_of

_HEAD: Final = 64 * 1024
_COLD_START: Final = "coldstart"
_NOTHING: Final = (None, "", "-")
_LARGEST_STATUS: Final = 599
_MOST_METRICS: Final = 1000  # of one object; CloudWatch takes 100 of each directive

# Members of the object by their meaning, spelt as ``plain`` does; the first that is present wins.
_FUNCTION: Final = ("functionname", "lambdafunctionname", "functionarn", "function", "faasname")
_SERVICE: Final = ("service", "servicename")
_ROUTE: Final = ("route", "httproute")
_TENANT: Final = ("tenant", "tenantid")
_REQUEST: Final = ("functionrequestid", "awsrequestid", "requestid")
_TRACE: Final = ("xraytraceid", "traceid")
_MEMORY: Final = ("functionmemorysize", "memorysize")
_STATUS: Final = ("statuscode", "httpstatus", "httpstatuscode", "status")

_ROOT: Final = msgspec.json.Decoder(dict[str, Any])
_Observed = list[float] | float

_UNSPOKEN: Final = re.compile(r"[^a-z0-9]")
_IN_MILLISECONDS: Final = {"Seconds": 1000.0, "Milliseconds": 1.0, "Microseconds": 0.001}
_UNIT_IN_NAME: Final = re.compile(r"(?:[_.\s-]ms|Ms|MS|[_.\s-]?[Mm]illis(?:econds)?)$")

_LAYER_NAMES: Final = {
    "total": ("total", "latency", "responselatency", "responsetime", "requestlatency", "requestduration",
              "requesttime", "totalduration", "totallatency", "totaltime"),
    "function": ("time", "duration", "functionduration", "functiontime", "handlerduration", "handlertime",
                 "invocationduration", "executiontime", "executionduration", "processingtime",
                 "processinglatency", "processingduration", "elapsed", "elapsedtime"),
    "code": ("code", "codeduration", "codetime", "businesslogic", "businesslogicduration"),
    "auth": ("auth", "authduration", "authlatency", "authtime", "authorizerlatency", "authorizerduration"),
}  # fmt: skip
_LAYER_OF: Final = {name: layer for layer, names in _LAYER_NAMES.items() for name in names}


class _Metric(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)] = msgspec.field(name="Name")
    unit: str | None = msgspec.field(name="Unit", default=None)


class _Directive(msgspec.Struct):  # its dimensions are members of the object, and read as such
    metrics: list[_Metric] = msgspec.field(name="Metrics", default_factory=list)
    namespace: str | None = msgspec.field(name="Namespace", default=None)


class _Aws(msgspec.Struct):
    directives: list[_Directive] = msgspec.field(name="CloudWatchMetrics")
    timestamp: float | None = msgspec.field(name="Timestamp", default=None)


class _Emf(msgspec.Struct):
    aws: _Aws | None = msgspec.field(name="_aws", default=None)


_EMF: Final = msgspec.json.Decoder(_Emf, strict=False)


class _EmfFormat:
    name: Final = "emf"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD].lstrip()
        if not head.startswith(b"{"):
            return False
        tail = payload[-_HEAD:] if len(payload) > _HEAD else b""
        return any(b'"_aws"' in part and b'"CloudWatchMetrics"' in part for part in (head, tail))

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        if not payload.strip():
            raise RefusalError(RejectReason.EMPTY, "the payload is empty")
        return read_parts(split(payload), lambda piece: _read(piece, around))


@dataclass(slots=True)
class _Amounts:
    """The metrics of one object by their kind."""

    layers: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    levels: list[tuple[str, str | None, float]] = field(default_factory=list)
    cold_start: bool = False


def _read(piece: bytes, around: Surroundings) -> Reading:
    try:
        aws = _EMF.decode(piece).aws
        root = _ROOT.decode(piece)
    except JSON_ERRORS as error:
        raise RefusalError(*problem_of(piece, error)) from None
    if aws is None:
        raise RefusalError(RejectReason.UNKNOWN_FORMAT, "no _aws: not the embedded metric format")
    stamp = stamp_of(around.at if aws.timestamp is None else aws.timestamp)
    if isinstance(stamp, tuple):
        raise RefusalError(*stamp)
    reading, amounts = Reading(), _Amounts()
    for metric, path in _metrics(aws).values():
        try:
            _sort(metric, path, root, amounts, reading)
        except RefusalError as error:
            reading.refused.append(error.of(piece))
    if amounts.cold_start and not amounts.layers:
        reading.skipped["cold start"] += 1
    reading.records += map(validated, _records(root, amounts, stamp, around))
    if not (reading.records or reading.refused or reading.skipped):
        reading.skipped["no metrics"] += 1
    return reading


def _metrics(aws: _Aws) -> dict[str, tuple[_Metric, str]]:
    """Return each metric once, whichever directives name it, with its full name."""
    found = {
        metric.name: (metric, f"{directive.namespace}.{metric.name}" if directive.namespace else metric.name)
        for directive in aws.directives
        for metric in directive.metrics
    }
    if len(found) > _MOST_METRICS:
        raise RefusalError(RejectReason.TOO_LARGE, f"more than {_MOST_METRICS:,} metrics in one object")
    return found


def _sort(metric: _Metric, path: str, root: dict[str, Any], amounts: _Amounts, reading: Reading) -> None:
    """Add the values of a metric to the amounts of its kind."""
    name = metric.name
    if root.get(name) is None or root[name] == []:
        reading.skipped["metric without a value"] += 1
        return
    try:
        observed = msgspec.convert(root[name], type=_Observed, strict=False)
    except ValueError as error:
        raise RefusalError(RejectReason.BAD_TYPE, f"{name[:80]}: {error}") from None
    several = observed if isinstance(observed, list) else [observed]
    per = milliseconds_per(metric.unit, name)
    amount = sum(several) * (per or 1.0)
    if not math.isfinite(amount):
        raise RefusalError(RejectReason.NOT_FINITE, f"{name[:80]} is too large")
    layer = layer_of(name) if per is not None else None
    if plain(name) == _COLD_START:
        amounts.cold_start = amount > 0
    elif layer is not None and layer not in amounts.layers and len(several) == 1:
        if not 0 <= amount <= LARGEST:
            raise RefusalError(RejectReason.OUT_OF_RANGE, f"{name[:80]}: no duration takes {amount:g} ms")
        amounts.layers[layer] = amount
    elif per is not None:  # times do not add up to anything
        amounts.levels.append((path, "ms", amount / len(several)))
    elif is_level(metric.unit):
        amounts.levels.append((path, metric.unit, amount / len(several)))
    else:
        amounts.values[name] = amount


def _records(
    root: dict[str, Any], amounts: _Amounts, stamp: float, around: Surroundings
) -> Iterator[Event | SampleRecord]:
    members = {plain(name): value for name, value in root.items() if isinstance(value, str | int | float)}
    if amounts.layers:
        event = _names(members)
        event.ts = stamp
        request = _text(members, _REQUEST)
        event.id = request and f"emf:{request}"
        status = _number(members, _STATUS, _LARGEST_STATUS)
        event.status = None if status is None else int(status)
        event.ms = Layers(**amounts.layers)
        event.cold_start = amounts.cold_start or None
        event.memory_mb = _number(members, _MEMORY, LARGEST)
        yield with_defaults(event, around)
    if amounts.values:
        event = _names(members)
        event.ts, event.kind, event.values = stamp, "call", amounts.values
        yield with_defaults(event, around)
    for path, unit, level in amounts.levels:
        of = with_defaults(_names(members), around)
        yield SampleRecord(
            ts=stamp,
            cloud="aws",
            account=of.account,
            region=of.region,
            of=_scope(of),
            name=path,
            value=level,
            unit=unit,
        )


def _scope(of: Event) -> ScopeName | None:
    if of.function:
        return ScopeName("function", of.function)
    return ScopeName("service", of.service) if of.service else None


def _names(members: dict[str, str | int | float]) -> Event:
    """Return a record with the names in an object."""
    event = Event(cloud="aws", service=_text(members, _SERVICE), route=_text(members, _ROUTE))
    function = _text(members, _FUNCTION)
    arn = function_of_arn(function)
    if arn:
        event.account, event.region, event.function = arn
    elif function is None and members.get("servicetype") == "AWS::Lambda::Function":
        group = _text(members, ("loggroup",))  # here the libraries of AWS write the bare name
        event.function = function_of_log(group, None) or group
    else:
        event.function = function
    tenant = _text(members, _TENANT)
    event.client = EventClient(tenant=tenant) if tenant else None
    event.trace = trace_of(_text(members, _TRACE))
    event.joins = joins(event.trace, _text(members, _REQUEST))
    return event


def _text(members: dict[str, str | int | float], names: tuple[str, ...]) -> str | None:
    return next((str(members[name]) for name in names if members.get(name) not in _NOTHING), None)


def _number(members: dict[str, str | int | float], names: tuple[str, ...], most: float) -> float | None:
    """Return the first member that is a number within bounds: an HTTP status, but not the status ``ok``."""
    for name in names:
        try:
            found = float(members[name])
        except (KeyError, ValueError, OverflowError):
            continue
        if 0 < found <= most:
            return found
    return None


def milliseconds_per(unit: str | None, name: str) -> float | None:
    """Return the milliseconds in a metric's unit, which may stand in its name; None if it is no time.

    Examples
    --------
    >>> milliseconds_per("Seconds", "latency"), milliseconds_per(None, "latency_ms")
    (1000.0, 1.0)
    """
    if unit in {None, "", "None"}:
        return 1.0 if _UNIT_IN_NAME.search(name) else None
    return _IN_MILLISECONDS.get(unit or "")


def layer_of(name: str) -> str | None:
    """Return the layer (``Layers``) that a metric of time measures, None if it is another time.

    Examples
    --------
    >>> layer_of("ProcessingLatency"), layer_of("response_latency_ms"), layer_of("QueryTime")
    ('function', 'total', None)
    """
    return _LAYER_OF.get(plain(_UNIT_IN_NAME.sub("", name)))


def is_level(unit: str | None) -> bool:
    """Return whether amounts of a unit do not add up: a share, or a rate.

    Examples
    --------
    >>> is_level("Percent"), is_level("Bytes/Second"), is_level("Bytes"), is_level(None)
    (True, True, False, False)
    """
    return unit is not None and (unit == "Percent" or unit.endswith("/Second"))


def plain(name: str) -> str:
    """Return a name in a common spelling.

    Examples
    --------
    >>> plain("Function_Name")
    'functionname'
    """
    return _UNSPOKEN.sub("", name.lower())


EMF: Final = _EmfFormat()
