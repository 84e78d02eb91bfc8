"""The base of sinks over HTTP: one call at a time, no redirects, no secret in any text.

It turns answers and errors into delivery outcomes, for receivers that recognise a repeat by its id.
"""

import asyncio
import io
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import aiohttp

from alerting.commands.dispatch import Dispatch
from alerting.outbox.ports import DeliveryOutcome, Result, SubjectState
from alerting.outbox.row import OutboxRow, SentAs
from alerting.words.locales import ENGLISH
from alerting.words.phrases import Phrases
from config.links import Links
from config.settings import LinksSettings

TIMEOUT: Final = 10.0
AGENT: Final = "uneri"
MOST_ANSWER: Final = 16 << 20  # bytes: of what is asked, all answers are smaller


class LongAnswerError(aiohttp.ClientPayloadError):
    """The answer is longer than any that was asked for, or has no end."""


class BoundedAnswer(aiohttp.ClientResponse):
    """An answer that is read to a bound: what answers may be anything."""

    async def read(self) -> bytes:
        """Return the body.

        Raises
        ------
        LongAnswerError
            When it is longer than ``MOST_ANSWER``, unpacked.
        """
        if self._body is None:
            body = bytearray()
            async for part in self.content.iter_any():
                body += part
                if len(body) > MOST_ANSWER:
                    self.close()
                    raise LongAnswerError
            self._body = bytes(body)
        return await super().read()


class HttpClient:
    """Keeps its connections between calls.

    ``timeout`` is in seconds for one whole call.
    """

    def __init__(self, timeout: float, headers: dict[str, str] | None = None) -> None:
        self._timeout = timeout
        self._headers = headers
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:  # created here: it belongs to the running loop
            timeout = aiohttp.ClientTimeout(total=self._timeout)
            self._session = outgoing_session(timeout=timeout, headers=self._headers)
        return self._session


class HttpOptions(NamedTuple):
    """What a sink renders with, and how it posts."""

    links: Links = Links(LinksSettings())
    words: Phrases = ENGLISH  # with the names of accounts
    zone: ZoneInfo = ZoneInfo("UTC")
    timeout: float = TIMEOUT  # seconds
    now: Callable[[], float] = time.time  # wall time, epoch seconds
    unusable: str = ""  # why nothing can be sent: its secret is missing
    test: bool = False  # what is sent is marked as a test


USUAL: Final = HttpOptions()


class HttpCall(NamedTuple):
    """One request of a sink."""

    url: str
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({"Content-Type": "application/json"})
    method: str = "POST"


class HttpSink(HttpClient):
    """Sends rows to one receiver, each with one call or a few.

    Parameters
    ----------
    destination
        Its name: ``webhook:name``.
    url
        Where to post; credentials in it are used but never shown.
    """

    def __init__(self, destination: str, url: str, options: HttpOptions = USUAL) -> None:
        super().__init__(options.timeout, {"User-Agent": AGENT})
        self._destination = destination
        self._links, self._words, self._now = options.links, options.words, options.now
        self._unusable = options.unusable
        self._url = url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._destination!r}, {self._unusable or host_of(self._url)!r})"

    def render(self, dispatch: Dispatch, known: SubjectState) -> OutboxRow | None:
        """Return the row of a dispatch, None when there is nothing to send."""
        raise NotImplementedError

    async def deliver(self, row: OutboxRow) -> DeliveryOutcome:
        """Send one row. Raises nothing but a cancellation."""
        if self._unusable:  # the rows are kept until the daemon starts with the secret
            return DeliveryOutcome(result=Result.ROUTE, error=self._unusable)
        if row.body is None:
            return DeliveryOutcome(result=Result.REFUSED, error="the row has no body")
        return await self.send(row, self.calls(row, row.body))

    async def send(self, row: OutboxRow, calls: Iterable[HttpCall]) -> DeliveryOutcome:
        """Make the calls of a row until one fails: the next attempt makes all of them again."""
        outcome = DeliveryOutcome(result=Result.SENT)
        try:
            for call in calls:
                data = io.BytesIO(call.body)  # streamed: the body of a flood is large
                async with self._open().request(
                    call.method, call.url, data=data, headers=call.headers, allow_redirects=False
                ) as answer:
                    outcome = await self.outcome(answer)
                if outcome.result is not Result.SENT:
                    return outcome
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  whatever went wrong, the outbox needs an outcome
            return outcome_of_failure(error)
        return self.accepted(row, outcome)

    def calls(self, row: OutboxRow, body: bytes) -> list[HttpCall]:
        """Return the calls that deliver a row; they may be repeated."""
        raise NotImplementedError

    async def outcome(self, answer: aiohttp.ClientResponse) -> DeliveryOutcome:
        """Return the outcome of one call."""
        return outcome_of_status(answer.status, answer.headers, self._now())

    def accepted(self, row: OutboxRow, _: DeliveryOutcome) -> DeliveryOutcome:
        """Return the outcome of a row of which all calls were accepted, by that of the last one."""
        return DeliveryOutcome(result=Result.SENT, place=SentAs(self._destination, row.id))


def host_of(url: str) -> str:
    """Return scheme, host and port of a URL: a webhook's path and query are as secret as a password.

    Examples
    --------
    >>> host_of("https://user:secret@hooks.example.com:8443/T0/B0/token?key=1")
    'https://hooks.example.com:8443'
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port is not None else "")


LONGEST: Final = 300.0  # seconds: no garbage in an answer keeps pages back for longer

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

    ``now`` is epoch seconds, for a ``Retry-After`` that names a time.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return DeliveryOutcome(result=Result.SENT)
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        asked = headers.get("Retry-After")
        return DeliveryOutcome(
            result=Result.RETRY,
            retry_after=None if asked is None else seconds_asked(asked, now),
            error=f"HTTP {status}",
        )
    if status < HTTPStatus.BAD_REQUEST:
        return DeliveryOutcome(
            result=Result.ROUTE, error=f"HTTP {status}: {NOT_FOLLOWED}; configure the final address"
        )
    if status in _CLOSED:
        return DeliveryOutcome(result=Result.ROUTE, error=f"HTTP {status}: {_CLOSED[HTTPStatus(status)]}")
    return DeliveryOutcome(result=Result.REFUSED, error=f"HTTP {status}")


def outcome_of_failure(error: Exception) -> DeliveryOutcome:
    """Return the outcome of an error where a repeat is harmless. Its text contains no URL and no secret."""
    if isinstance(error, aiohttp.InvalidURL):
        return DeliveryOutcome(result=Result.ROUTE, error="the address is not a valid URL")
    return DeliveryOutcome(result=Result.RETRY, error=no_answer(error))


def seconds_asked(text: str, now: float) -> float | None:
    """Parse ``Retry-After``: seconds or a date (RFC 9110, 10.2.3); None if it asks for no time to come."""
    try:
        asked = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        asked = (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp() - now
    return min(max(asked, 1.0), LONGEST) if asked > 0 else None  # not where it is no number


class RedirectError(aiohttp.ClientError):
    """The server redirects. What is sent to it (a token, a message) is not for another address."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


NOT_FOLLOWED: Final = "redirects are not followed"


def outgoing_session(**options: Any) -> aiohttp.ClientSession:
    """Open connections whose answers are bounded, and that raise ``RedirectError`` where others redirect."""
    guard = aiohttp.TraceConfig()
    guard.on_request_redirect.append(_refuse)
    return aiohttp.ClientSession(response_class=BoundedAnswer, trace_configs=[guard], **options)


async def _refuse(
    _: aiohttp.ClientSession, __: SimpleNamespace, found: aiohttp.TraceRequestRedirectParams
) -> None:
    found.response.close()
    raise RedirectError(found.response.status)


def no_answer(error: BaseException) -> str:  # noqa: PLR0911  one return for each reason
    """Return the reason for a missing answer, without an address or a secret.

    Examples
    --------
    >>> no_answer(TimeoutError()), no_answer(ConnectionRefusedError(111, "Connect call failed"))
    ('no answer in time', 'cannot connect, connection refused')
    """
    if isinstance(error, LongAnswerError):
        return "its answer has no end"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "cannot connect in time"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(
        error, aiohttp.ClientConnectorDNSError | socket.gaierror | aiohttp.ClientProxyConnectionError
    ):
        proxy = isinstance(error, aiohttp.ClientProxyConnectionError)
        return f"cannot connect, {'the proxy is not reached' if proxy else 'the name of its host is unknown'}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return "cannot connect, its certificate is not valid"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "cannot connect, TLS failed"
    if isinstance(error, aiohttp.ClientConnectorError | ConnectionRefusedError):
        reason = os.strerror(error.errno).lower() if error.errno else ""
        return f"cannot connect, {reason}" if reason else "cannot connect"
    return "the connection broke"
