"""Attributes of resources, spans and log records: which are read, and as which type."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

Value = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, Value]

LONGEST: Final = 256
"""Characters of a name that are kept; the decoder cuts at as many bytes."""

MOST_TEXTS: Final = 1000
"""Texts of a list that are read."""

MOST_DIGITS: Final = 20
"""Digits of a 64-bit number."""

RESOURCE: Final = frozenset({
    "aws.lambda.invoked_arn", "cloud.account.id", "cloud.provider", "cloud.region", "cloud.resource_id",
    "faas.id", "faas.max_memory", "faas.name", "service.name",
})  # fmt: skip

SPAN_NAMES: Final = (
    "db.system.name", "db.system", "rpc.system", "rpc.system.name", "rpc.service", "rpc.method",
    "db.operation.name", "db.operation", "db.collection.name", "db.sql.table", "db.mongodb.collection",
    "db.cosmosdb.container", "db.cassandra.table", "aws.table.name", "aws.table_name", "db.name",
    "error.type", "aws.error.code", "db.response.status_code", "rpc.response.status_code",
    "http.response.status_code", "http.status_code", "rpc.grpc.status_code", "http.route",
    "http.request.method", "http.method", "faas.invocation_id", "faas.execution", "faas.coldstart",
    "uneri.client.name", "uneri.client.tenant", "uneri.client.version", "user_agent.original",
    "http.user_agent", "url.path", "http.target", "aws.lambda.invoked_arn", "cloud.account.id",
    "cloud.resource_id", "faas.id", "faas.name", "aws.dynamodb.table_names",
    "aws.dynamodb.consumed_capacity", "azure.cosmosdb.operation.request_charge",
    "db.cosmosdb.request_charge",
)  # fmt: skip
"""Attributes of spans; the scanner (``scan_keys.py``) numbers them by their places."""
SPAN: Final = frozenset(SPAN_NAMES)
EXCEPTION: Final = frozenset({"exception.message", "exception.type"})


def text(attributes: Attributes, *keys: str) -> str | None:
    """Return the first of the attributes that is not empty, as a name.

    Examples
    --------
    >>> text({"http.route": "/items/{id}", "db.system": ""}, "db.system", "http.route")
    '/items/{id}'
    """
    for key in keys:
        value = attributes.get(key)
        if value is None or value is True or value is False:
            continue
        if not isinstance(value, (str, int, float)):
            value = value[0] if len(value) == 1 else ""
        if name := str(value)[:LONGEST].strip():
            return name
    return None


def texts(attributes: Attributes, key: str) -> Sequence[str]:
    """Return the texts of a list, or of the one text that stands in its place."""
    value = attributes.get(key)
    if isinstance(value, str):
        return (value,)
    return () if value is None or isinstance(value, (bool, int, float)) else value


def number(attributes: Attributes, *keys: str) -> float | None:
    """Return the first of the attributes that is a finite number, or the text of one.

    Examples
    --------
    >>> number({"old": "-", "new": "200"}, "old", "new")
    200.0
    """
    for key in keys:
        value = attributes.get(key)
        if value is None or isinstance(value, bool) or not isinstance(value, (str, int, float)):
            continue
        try:
            found = float(value)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(found):
            return found
    return None


def flag(attributes: Attributes, key: str) -> bool | None:
    """Return a flag, or the text of one as a flag; None if there is none."""
    value = attributes.get(key)
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None
