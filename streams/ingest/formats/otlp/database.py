"""Spans of databases become table calls."""

import re
from collections.abc import Sequence
from typing import Final

from streams.engine.decode.event import LARGEST, MOST_TABLES, TableCall
from streams.engine.decode.operations import READS, WRITES, kind_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.aws.capacity import NOTHING, Consumed, consumed_by, table_name
from streams.ingest.formats.format import RefusalError
from streams.ingest.formats.otlp.attributes import LONGEST, number, text, texts
from streams.ingest.formats.otlp.span import OtlpSpan, milliseconds

UNKNOWN_THROTTLE: Final = "unknown"
"""The reason of a throttled call whose store gave none."""

_TABLE_KEYS: Final = (
    "db.collection.name",
    "db.sql.table",
    "db.mongodb.collection",
    "db.cosmosdb.container",
    "db.cassandra.table",
)
_AWS_TABLE_KEYS: Final = ("aws.table.name", "aws.table_name", "db.name")  # of older SDKs, which had no list
_OPERATION_KEYS: Final = ("db.operation.name", "db.operation", "rpc.method")
_CHARGE_KEYS: Final = ("azure.cosmosdb.operation.request_charge", "db.cosmosdb.request_charge")
_ERROR_KEYS: Final = ("error.type", "aws.error.code", "db.response.status_code", "rpc.response.status_code")
_HTTP_STATUS_KEYS: Final = ("http.response.status_code", "http.status_code")
_TELLING: Final = frozenset({*_ERROR_KEYS, *_HTTP_STATUS_KEYS, "rpc.grpc.status_code"})
_LAST_PART: Final = re.compile(r"[^./:]*\Z")
_REASON: Final = re.compile(
    r"(?:Table|Index)(?:Read|Write)"
    r"(?:KeyRangeThroughput|ProvisionedThroughput|MaxOnDemandThroughput|AccountLimit)Exceeded"
)
_THROTTLED: Final = re.compile(
    r"ProvisionedThroughputExceeded|RequestLimitExceeded|Throttling|TooManyRequests|RESOURCE_?EXHAUSTED",
    re.IGNORECASE,
)
_TOO_MANY: Final = 429
_EXHAUSTED: Final = 8  # of gRPC


def is_database(span: OtlpSpan) -> bool:
    """Return whether a client span is the call of a database."""
    return "db.system.name" in span.attributes or "db.system" in span.attributes or _is_dynamodb(span)


def table_calls(span: OtlpSpan) -> list[TableCall]:
    """Return one call for each table that the span of a database names; none if it names none.

    A batch has one duration and, if the sender asked for it, the capacity of each table.

    Raises
    ------
    RefusalError
        When it names more than ``MOST_TABLES``.
    """
    dynamodb = _is_dynamodb(span)
    op = _operation(span, dynamodb)
    consumed = consumed_by(texts(span.attributes, "aws.dynamodb.consumed_capacity"), op) if dynamodb else {}
    names = _tables(span, dynamodb)
    if consumed:
        names = list(dict.fromkeys([*names, *(name for name in consumed if name is not None)]))
    if len(names) > MOST_TABLES:
        raise RefusalError(
            RejectReason.TOO_LARGE, f"a call of {len(names)} tables; at most {MOST_TABLES} are read"
        )
    if not names:
        return []
    if len(names) == 1 and None in consumed:
        consumed = {names[0]: consumed.get(names[0], NOTHING).plus(consumed[None])}
    elif not dynamodb:
        consumed = {names[0]: _charge(span, op)}
    ms, throttled = milliseconds(span), _throttled(span)
    return [
        TableCall(name=name[:LONGEST], op=op, ms=ms, rcu=units.rcu, wcu=units.wcu, throttled=throttled)
        for name in names
        for units in (consumed.get(name, NOTHING),)
    ]


def _is_dynamodb(span: OtlpSpan) -> bool:
    attributes = span.attributes
    system = text(attributes, "db.system.name", "db.system")
    if system is not None:
        return system.lower() in {"aws.dynamodb", "dynamodb"}
    return (
        "rpc.service" in attributes
        and text(attributes, "rpc.system", "rpc.system.name") == "aws-api"
        and "dynamodb" in (text(attributes, "rpc.service") or "").lower()
    )


def _operation(span: OtlpSpan, dynamodb: bool) -> str | None:
    name = text(span.attributes, *_OPERATION_KEYS)
    if name is None and dynamodb and "." in span.name:
        name = span.name[:LONGEST].strip()
    if name is None:
        return None
    found = _LAST_PART.search(name)
    return (found.group() if found else "") or name


def _tables(span: OtlpSpan, dynamodb: bool) -> list[str]:
    attributes = span.attributes
    if dynamodb:
        found = dict.fromkeys(table_name(name) for name in texts(attributes, "aws.dynamodb.table_names"))
        found.pop("", None)
        if found:
            return list(found)
        name = text(attributes, *_TABLE_KEYS, *_AWS_TABLE_KEYS)
        return [table_name(name)] if name else []
    name = text(attributes, *_TABLE_KEYS)
    return [name] if name else []


def _charge(span: OtlpSpan, op: str | None) -> Consumed:
    charge = number(span.attributes, *_CHARGE_KEYS)
    if charge is None or not 0 <= charge <= LARGEST:
        return NOTHING
    kind = kind_of(op)
    return Consumed(charge if kind == READS else None, charge if kind == WRITES else None)


def _throttled(span: OtlpSpan) -> str | None:
    attributes = span.attributes
    if not span.failed and span.raised is None and _TELLING.isdisjoint(attributes):
        return None
    errors: Sequence[str] = [str(attributes[key])[:LONGEST] for key in _ERROR_KEYS if key in attributes]
    if span.raised is not None:
        errors = [*errors, span.raised.type, span.raised.message]
    description = " ".join([*errors, span.message])
    if reason := _REASON.search(description):
        return reason.group()
    if _THROTTLED.search(description):
        return UNKNOWN_THROTTLE
    too_many = str(_TOO_MANY) in errors or number(attributes, *_HTTP_STATUS_KEYS) == _TOO_MANY
    return UNKNOWN_THROTTLE if too_many or number(attributes, "rpc.grpc.status_code") == _EXHAUSTED else None
