"""Attributes of resources, spans and log records: which are read, and as what."""

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

RESOURCE: Final = frozenset(
    {
        "aws.lambda.invoked_arn",
        "cloud.account.id",
        "cloud.provider",
        "cloud.region",
        "cloud.resource_id",
        "faas.id",
        "faas.max_memory",
        "faas.name",
        "service.name",
    }
)

SPAN: Final = frozenset(
    {
        # Requests.
        "aws.lambda.invoked_arn",
        "cloud.account.id",
        "cloud.resource_id",
        "error.type",
        "faas.coldstart",
        "faas.execution",
        "faas.id",
        "faas.invocation_id",
        "faas.name",
        "http.method",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "http.status_code",
        "http.target",
        "http.user_agent",
        "rpc.grpc.status_code",
        "rpc.method",
        "rpc.response.status_code",
        "rpc.service",
        "rpc.system",
        "rpc.system.name",
        "uneri.client.name",
        "uneri.client.tenant",
        "uneri.client.version",
        "url.path",
        "user_agent.original",
        # Calls of databases.
        "aws.dynamodb.consumed_capacity",
        "aws.dynamodb.table_names",
        "aws.error.code",
        "aws.table.name",
        "aws.table_name",
        "azure.cosmosdb.operation.request_charge",
        "db.cassandra.table",
        "db.collection.name",
        "db.cosmosdb.container",
        "db.cosmosdb.request_charge",
        "db.mongodb.collection",
        "db.name",
        "db.operation",
        "db.operation.name",
        "db.response.status_code",
        "db.sql.table",
        "db.system",
        "db.system.name",
    }
)

EXCEPTION: Final = frozenset({"exception.message", "exception.type"})


def text(attributes: Attributes, *keys: str) -> str | None:
    """Return the first of the attributes that says something, as a name.

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
        said = str(value)[:LONGEST].strip()
        if said:
            return said
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
    """Return a truth, or that of the text of one; None if there is none."""
    value = attributes.get(key)
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None
