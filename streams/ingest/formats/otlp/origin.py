"""The origin of spans, logs and metrics: the names of their resource."""

import re
from typing import Final, NamedTuple

from streams.ingest.formats.aws.lambda_names import function_of_arn
from streams.ingest.formats.format import SHARED_NAMES, Surroundings
from streams.ingest.formats.otlp.attributes import Attributes, number, text

_GOOGLE: Final = re.compile(
    r"//[a-z]+\.googleapis\.com/projects/([^/\s]+)/locations/([^/\s]+)/(?:services|functions|jobs)/([^/\s]+)"
)
_AZURE: Final = re.compile(
    r"/subscriptions/([^/\s]+)/.*/sites/([^/\s]+)(?:/functions/([^/\s]+))?", re.IGNORECASE
)
_UNNAMED: Final = re.compile(r"unknown_service(?:$|:)")  # written by SDKs that were given no name
_BYTES_FROM: Final = 100_000.0
"""A larger memory is in bytes: there is no function of 100 GB. Senders before 2022 wrote megabytes."""


class Origin(NamedTuple):
    """The names of a resource; None where it has none."""

    cloud: str | None = None
    account: str | None = None
    region: str | None = None
    service: str | None = None
    function: str | None = None
    memory_mb: float | None = None


_NOWHERE: Final = Origin()


def origin_of(resource: Attributes, span: Attributes | None = None) -> Origin:
    """Return the names of a resource, completed by one of its spans.

    Examples
    --------
    >>> arn = "arn:aws:lambda:eu-west-1:123456789012:function:put-item:live"
    >>> origin_of({}, {"aws.lambda.invoked_arn": arn})[:5]
    ('aws', '123456789012', 'eu-west-1', None, 'put-item')
    """
    known = _NOWHERE
    for attributes in (resource, span or {}):
        for key in ("aws.lambda.invoked_arn", "cloud.resource_id", "faas.id"):
            if known.function is None and key in attributes:
                known = _of_identifier(text(attributes, key) or "")
    service = text(resource, "service.name")
    return Origin(
        text(resource, "cloud.provider") or known.cloud,
        text(resource, "cloud.account.id")
        or known.account
        or (text(span, "cloud.account.id") if span else None),
        text(resource, "cloud.region") or known.region,
        None if service and _UNNAMED.match(service) else service,
        text(resource, "faas.name") or known.function or (text(span, "faas.name") if span else None),
        _megabytes(number(resource, "faas.max_memory")),
    )


def origin_with_defaults(origin: Origin, around: Surroundings) -> Origin:
    """Return an origin with the names that the configuration gives to its source."""
    return origin._replace(**{name: getattr(origin, name) or getattr(around, name) for name in SHARED_NAMES})


def _of_identifier(identifier: str) -> Origin:
    if arn := function_of_arn(identifier):
        return Origin("aws", arn.account, arn.region, None, arn.function)
    if found := _GOOGLE.match(identifier):
        project, region, function = found.groups()
        return Origin("gcp", project, region, None, function)
    if found := _AZURE.match(identifier):
        subscription, app, function = found.groups()
        return Origin("azure", subscription, None, None, f"{app}/{function}" if function else app)
    return _NOWHERE


def _megabytes(memory: float | None) -> float | None:
    if memory is None or memory <= 0:
        return None
    found = memory / (1 << 20) if memory > _BYTES_FROM else memory
    return found if found <= _BYTES_FROM else None
