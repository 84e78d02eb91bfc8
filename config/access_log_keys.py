"""What the keys of an access log of API Gateway mean: by their variables, or as their owner says."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from config.native_fields import VALUES

_FIELDS: Final = (
    *("ts", "id", "account", "region", "service", "route", "function", "status", "error_type", "throttled"),
    *("client.name", "client.version", "client.tenant", "trace"),
    *("ms.total", "ms.function", "ms.code", "ms.auth"),
)

_VARIABLES: Final[Mapping[str, str]] = {
    "requestTimeEpoch": "epoch",
    "requestTime": "time",
    "requestId": "request_id",
    "extendedRequestId": "extended_id",
    "accountId": "account",
    "apiId": "api",
    "stage": "stage",
    "domainName": "domain",
    "httpMethod": "method",
    "routeKey": "route_key",
    "resourcePath": "resource",
    "path": "path",
    "status": "status",
    "responseLatency": "ms.total",
    "integrationLatency": "ms.function",
    "integration.latency": "ms.function",
    "authorizer.latency": "ms.auth",
    "authorize.latency": "ms.auth",
    "integrationStatus": "integration_status",
    "integration.status": "integration_status",
    "integration.integrationStatus": "integration_status",
    "integrationErrorMessage": "integration_error",
    "integration.error": "integration_error",
    "integration.requestId": "integration_request",
    "awsEndpointRequestId": "integration_request",
    "authorizer.error": "authorizer_error",
    "error.responseType": "response_type",
    "xrayTraceId": "trace",
    "identity.userAgent": "agent",
    "identity.apiKeyId": "api_key_id",
}
"""Without ``identity.apiKey``, a secret, and without callers, users and addresses, which are people."""

_OTHER_KEYS: Final[Mapping[str, str]] = {
    "method": "method",
    "resource": "resource",
    "route": "route_key",
    "statusCode": "status",
    "time": "time",
    "timestamp": "time",
    "userAgent": "agent",
    "apiKeyId": "api_key_id",
    "traceId": "trace",
    "errorResponseType": "response_type",
    "functionResponseStatus": "integration_status",
    "lambdaRequestId": "integration_request",
    "integrationRequestId": "integration_request",
    "clientId": "client.name",
    "tenant": "client.tenant",
    "tenantId": "client.tenant",
}

_CLAIMS: Final[Mapping[str, str]] = {
    "clientId": "client.name",
    "azp": "client.name",
    "tenant": "client.tenant",
    "tenantId": "client.tenant",
    "orgId": "client.tenant",
}
"""Claims of authorizers and tokens about applications and customers, never about people."""

_NO_LETTERS: Final = re.compile(r"[^a-z0-9]")
_CLAIM: Final = re.compile(r"authorizer(?:jwt)?(?:claims)?(?:custom)?")


def _bare(key: str) -> str:
    return _NO_LETTERS.sub("", key.removeprefix("$").removeprefix("context.").lower())


_KNOWN: Final[Mapping[str, str]] = {
    _bare(key): meaning for known in (_OTHER_KEYS, _VARIABLES) for key, meaning in known.items()
}
_SHORT: Final = 256  # characters of a key that is remembered
_BARE_CLAIMS: Final = {_bare(key): meaning for key, meaning in _CLAIMS.items()}


def meaning_of(key: str) -> str | None:
    """Return the meaning of a key that is named after a variable, None if it has no use.

    Examples
    --------
    >>> meaning_of("integration_latency"), meaning_of("$context.authorizer.claims.custom:tenant_id")
    ('ms.function', 'client.tenant')
    >>> meaning_of("identity.accountId") is None
    True
    """
    return _remembered(key) if len(key) <= _SHORT else _found(key)


def _found(key: str) -> str | None:
    bare = _bare(key)
    found = _KNOWN.get(bare)
    if found is None and (claim := _CLAIM.match(bare)):
        found = _BARE_CLAIMS.get(bare[claim.end() :])
    return found


_remembered: Final = lru_cache(4096)(_found)


def target_of(value: str) -> str | None:
    """Return the meaning of a mapping's value: a variable or a field of docs/event.md; None if neither.

    Examples
    --------
    >>> target_of("$context.responseLatency"), target_of("ms.total"), target_of("values.bytes")
    ('ms.total', 'ms.total', 'values.bytes')
    >>> target_of("$context.wafLatency") is None
    True
    """
    name = value.strip()
    if name in _FIELDS or (name.startswith(VALUES) and name != VALUES):
        return name
    return meaning_of(name)
