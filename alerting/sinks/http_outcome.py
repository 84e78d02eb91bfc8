"""What answers over HTTP mean for a delivery, to receivers that recognise a repeat by its id."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp

from alerting.outbox.ports import DeliveryOutcome, Result

LONGEST: Final = 3600.0  # seconds that a receiver may ask us to wait

_LATER: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_CLOSED: Final = {
    HTTPStatus.UNAUTHORIZED: "the credentials or the signature are refused",
    HTTPStatus.FORBIDDEN: "the credentials or the signature are refused",
    HTTPStatus.NOT_FOUND: "there is nothing at this address",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address takes no POST",
    HTTPStatus.GONE: "this address is given up",
}


def outcome_of_status(status: int, headers: Mapping[str, str], now: float) -> DeliveryOutcome:
    """Return what a status means: sent, later, this receiver never, or this message never.

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
            result=Result.ROUTE, error=f"HTTP {status}: redirects are not followed, name their end"
        )
    if status in _CLOSED:
        return DeliveryOutcome(result=Result.ROUTE, error=f"HTTP {status}: {_CLOSED[HTTPStatus(status)]}")
    return DeliveryOutcome(result=Result.REFUSED, error=f"HTTP {status}")


def outcome_of_failure(error: Exception) -> DeliveryOutcome:
    """Return what an error means where a repeat does no harm. No text in it holds a URL or a secret."""
    if isinstance(error, TimeoutError):
        return DeliveryOutcome(result=Result.RETRY, error="no answer in time")
    if isinstance(error, aiohttp.InvalidURL):
        return DeliveryOutcome(result=Result.ROUTE, error="the address is no URL")
    if isinstance(error, aiohttp.ClientConnectorError):
        return DeliveryOutcome(result=Result.RETRY, error=f"cannot connect ({error.__class__.__name__})")
    return DeliveryOutcome(result=Result.RETRY, error=f"the connection broke ({error.__class__.__name__})")


def _seconds(text: str, now: float) -> float | None:
    """Read ``Retry-After``: seconds or a date (RFC 9110, 10.2.3); None for what is neither."""
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
    """Return a time as JSON has it.

    Examples
    --------
    >>> rfc3339(1760000000)
    '2025-10-09T08:53:20Z'
    """
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"
