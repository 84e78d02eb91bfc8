"""Delivery outcomes of HTTP answers, for receivers that recognise a repeat by its id."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp

from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.sinks.no_answer import NOT_FOLLOWED, no_answer

LONGEST: Final = 3600.0  # seconds: the longest wait granted to a receiver

_LATER: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_CLOSED: Final = {
    HTTPStatus.UNAUTHORIZED: "the credentials or the signature were rejected",
    HTTPStatus.FORBIDDEN: "the credentials or the signature were rejected",
    HTTPStatus.NOT_FOUND: "nothing is served at this address",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address does not accept POST",
    HTTPStatus.GONE: "this address no longer exists",
}


def outcome_of_status(status: int, headers: Mapping[str, str], now: float) -> DeliveryOutcome:
    """Return the outcome of a status: sent, retry, receiver closed, or message rejected.

    Parameters
    ----------
    status, headers
        Of the answer.
    now
        Epoch seconds, for a ``Retry-After`` that names a time.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return DeliveryOutcome(result=Result.SENT)
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        asked = headers.get("Retry-After")
        return DeliveryOutcome(
            result=Result.RETRY,
            retry_after=None if asked is None else _seconds(asked, now),
            error=f"HTTP {status}",
        )
    if status < HTTPStatus.BAD_REQUEST:
        return DeliveryOutcome(
            result=Result.ROUTE,
            error=f"HTTP {status}: {NOT_FOLLOWED}; configure the final address",
        )
    if status in _CLOSED:
        return DeliveryOutcome(result=Result.ROUTE, error=f"HTTP {status}: {_CLOSED[HTTPStatus(status)]}")
    return DeliveryOutcome(result=Result.REFUSED, error=f"HTTP {status}")


def outcome_of_failure(error: Exception) -> DeliveryOutcome:
    """Return the outcome of an error where a repeat is harmless. Its text contains no URL and no secret."""
    if isinstance(error, aiohttp.InvalidURL):
        return DeliveryOutcome(result=Result.ROUTE, error="the address is not a valid URL")
    return DeliveryOutcome(result=Result.RETRY, error=no_answer(error))


def _seconds(text: str, now: float) -> float | None:
    """Parse ``Retry-After``: seconds or a date (RFC 9110, 10.2.3); None if it is neither."""
    try:
        asked = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        asked = (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp() - now
    if asked != asked:  # noqa: PLR0124  not a number
        return None
    return min(max(asked, 1.0), LONGEST)


def rfc3339(epoch: float) -> str:
    """Return a time in RFC 3339.

    Examples
    --------
    >>> rfc3339(1760000000)
    '2025-10-09T08:53:20Z'
    """
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"
