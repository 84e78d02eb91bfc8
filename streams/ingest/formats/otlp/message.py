"""One message, in either encoding, becomes records.

Log records hold payloads of other formats, such as reports that a collector picked up. Gauges and sums of
limits and quotas become samples; of the rest, requests show more than aggregates.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from streams.engine.decode.event import SampleRecord, ScopeName
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import (
    MOST_RECORDS,
    SHARED_NAMES,
    Format,
    Reading,
    Record,
    RefusalError,
    Surroundings,
    validated,
)
from streams.ingest.formats.native import NATIVE, OF_PROGRAM, read_logged
from streams.ingest.formats.otlp.attributes import LONGEST
from streams.ingest.formats.otlp.origin import Origin, origin_of, origin_with_defaults
from streams.ingest.formats.otlp.span import OtlpMessage, Point, ResourceLogs, ResourceMetrics, seconds
from streams.ingest.formats.otlp.spans import read_spans

MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a message. Its empty parts become many times their size."""

NOTHING: Final = "a message without spans, log records and data points"

Recognised = Callable[[bytes], Format | None]
"""Returns the format that the body of a log record looks like, None if it looks like none."""

NO_FORMAT: Final = "a log record of no known format"
NO_TEXT: Final = "a log record without a text"
NO_LIMIT: Final = "a metric of no limit or quota"

_LEVEL: Final = re.compile(r"limit|quota|concurren", re.IGNORECASE)

_HEAD: Final = 65_536
_IDS: Final = rb"\x0a(?:\x10.{16}|\x08.{8})"
_ENCODINGS: Final = (
    ("jaeger_proto", re.compile(rb"\x0a\x10.{16}\x12\x08.{8}[\x1a\x22\x28\x32]", re.DOTALL)),
    (
        "zipkin_proto",
        re.compile(rb"\x0a(?:[\x80-\xff]{0,4}[\x00-\x7f])" + _IDS + rb"(?:\x12\x08.{8})?\x1a\x08", re.DOTALL),
    ),
    ("zipkin_thrift", re.compile(rb"\x0c[\x00-\x7f].{3}\x0a\x00\x01", re.DOTALL)),
    ("jaeger_json", re.compile(rb'\s*\{(?=.*"trace(?:ID|Id)")(?=.*"operationName")', re.DOTALL)),
    (
        "zipkin_json",
        re.compile(rb'\s*\[\s*\{(?=.*"traceId")(?=.*"(?:localEndpoint|timestamp|duration|name)")', re.DOTALL),
    ),
)


def read_message(message: OtlpMessage, around: Surroundings, recognised: Recognised) -> Reading:
    """Return the records of a message.

    Raises
    ------
    RefusalError
        When it holds more than a payload may.
    """
    reading = Reading([], message.refused)
    if message.spans:
        reading.add(read_spans(message.spans, around))
    if message.logs:
        reading.add(_read_logs(message.logs, around, recognised))
    if message.metrics:
        reading.add(_read_metrics(message.metrics, around))
    if not reading.records and not reading.refused and not reading.skipped:
        reading.skipped = Counter({NOTHING: 1})
    return reading


def _read_logs(resources: Iterable[ResourceLogs], around: Surroundings, recognised: Recognised) -> Reading:
    reading = Reading()
    for resource in resources:
        origin = origin_with_defaults(origin_of(resource.attributes), around)
        inside = replace(around, **{name: getattr(origin, name) for name in SHARED_NAMES})
        for body in resource.bodies:
            if body is None:
                reading.skipped[NO_TEXT] += 1
                continue
            found = recognised(body)
            if found is None:
                reading.skipped[NO_FORMAT] += 1
                continue
            try:
                held = read_logged(body, inside, OF_PROGRAM) if found is NATIVE else found.read(body, inside)
            except RefusalError as error:
                reading.refused.append(error.of(body))
            else:
                reading.add(held)
    return reading


def _read_metrics(resources: Iterable[ResourceMetrics], around: Surroundings) -> Reading:
    reading = Reading()
    for resource in resources:
        origin = origin_with_defaults(origin_of(resource.attributes), around)
        if resource.others:
            reading.skipped[NO_LIMIT] += resource.others
        for point in resource.points:
            if point.value is None or not _LEVEL.search(point.name):
                reading.skipped[NO_LIMIT] += 1
                continue
            try:
                reading.records.append(_sample(point, origin))
            except RefusalError as error:
                reading.refused.append(error.of(point.name[:LONGEST].encode(errors="replace")))
    return reading


def _sample(point: Point, origin: Origin) -> Record:
    record = SampleRecord(
        ts=seconds(point.time, "the data point"),
        cloud=origin.cloud,
        account=origin.account,
        region=origin.region,
        of=_scope(origin),
        name=point.name[:LONGEST],
        value=point.value,
        unit=point.unit[:LONGEST] or None,
    )
    return validated(record)


def _scope(origin: Origin) -> ScopeName:
    if origin.function:
        return ScopeName("function", origin.function)
    if origin.service:
        return ScopeName("service", origin.service)
    if origin.account:
        return ScopeName("account", origin.account)
    raise RefusalError(
        RejectReason.NO_NAME, "the resource of the metric names no function, service or account"
    )


def bounded(parts: int) -> None:
    """Refuse a message of more parts than a payload may have.

    Raises
    ------
    RefusalError
        When there are more than ``MOST_RECORDS``.
    """
    if parts > MOST_RECORDS:
        raise RefusalError(
            RejectReason.TOO_LARGE, f"the message has more than {MOST_RECORDS:,} parts; send less at once"
        )


def refuse_unsupported_encoding(payload: bytes) -> None:
    """Refuse spans of Jaeger and Zipkin, which a collector can also write, with the remedy.

    Raises
    ------
    RefusalError
        When the payload is in one of their encodings.
    """
    head = payload[:_HEAD]
    for name, encoding in _ENCODINGS:
        if encoding.match(head):
            raise RefusalError(
                RejectReason.UNKNOWN_FORMAT,
                f"this looks like {name}; let the collector's exporter write otlp_proto or otlp_json",
            )
