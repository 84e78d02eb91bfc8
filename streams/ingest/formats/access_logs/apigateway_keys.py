"""What the keys of an access log of API Gateway mean.

Owners choose the keys; the values are variables of API Gateway, ``$context.responseLatency``. Keys that are
named after their variable are known, as in the examples of AWS, its console, CDK, SAM and the Serverless
Framework, however they are written: ``responseLatency``, ``response_latency``, ``context.responseLatency``. A
mapping says what others mean, by the variable or by a field of docs/event.md; the log format of the stage
itself is such a mapping: ``{"took": "$context.responseLatency"}``.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

VALUES: Final = "values."
"""Before the name of a measure: ``values.bytes``."""

_FIELDS: Final = (
    *("ts", "id", "account", "region", "service", "route", "function", "status", "error_type", "throttled"),
    *(
        "client.name",
        "client.version",
        "client.tenant",
        "ms.total",
        "ms.function",
        "ms.code",
        "ms.auth",
        "trace",
    ),
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
"""What authorizers and tokens say of applications and customers; never who a person is."""

_NO_LETTERS: Final = re.compile(r"[^a-z0-9]")
_CLAIM: Final = re.compile(r"authorizer(?:jwt)?(?:claims)?(?:custom)?")
_MOST_DEEP: Final = 3
_LONGEST: Final = 128  # a longer key is not asked for: what was found is kept


def _bare(key: str) -> str:
    return _NO_LETTERS.sub("", key.removeprefix("$").removeprefix("context.").lower())


_KNOWN: Final[Mapping[str, str]] = {
    _bare(key): meaning for known in (_OTHER_KEYS, _VARIABLES) for key, meaning in known.items()
}
_BARE_CLAIMS: Final = {_bare(key): meaning for key, meaning in _CLAIMS.items()}


@lru_cache(maxsize=4096)
def meaning_of(key: str) -> str | None:
    """Return what a key means that is named after a variable, None if it is none of use.

    Examples
    --------
    >>> meaning_of("integration_latency"), meaning_of("$context.authorizer.claims.custom:tenant_id")
    ('ms.function', 'client.tenant')
    >>> meaning_of("identity.accountId") is None
    True
    """
    bare = _bare(key)
    found = _KNOWN.get(bare)
    if found is None and (claim := _CLAIM.match(bare)):
        found = _BARE_CLAIMS.get(bare[claim.end() :])
    return found


def target_of(value: str) -> str | None:
    """Return what the value of a mapping means: a variable or a field of docs/event.md; None if neither.

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


def meanings(record: Mapping[str, object], mapping: Mapping[str, str] | None) -> dict[str, str]:
    """Return the texts of a record by what they mean.

    Objects in it are read as if their keys were joined by points. The keys of a mapping win over known ones;
    of two that mean the same, the first whose value is not absent.

    Examples
    --------
    >>> meanings({"took": "84", "error": {"responseType": "-"}}, {"took": "$context.responseLatency"})
    {'response_type': '-', 'ms.total': '84'}
    """
    found: dict[str, str] = {}
    known: dict[str, str] = {}
    for key, text in _flat(record, "", _MOST_DEEP):
        if mapping is not None and key in mapping:
            meaning, into = target_of(mapping[key]), found
        else:
            meaning, into = meaning_of(key), known
        if meaning is not None and into.get(meaning, "-") in {"", "-"}:
            into[meaning] = text
    return known | found


def _flat(record: Mapping[str, object], before: str, deep: int) -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        if len(before) + len(key) > _LONGEST:
            continue
        match value:
            case str():
                yield before + key, value
            case bool():
                yield before + key, "true" if value else "false"
            case int() | float():
                yield before + key, repr(value)
            case dict() if deep > 1:
                yield from _flat(value, f"{before}{key}.", deep - 1)
            case None:
                yield before + key, ""
