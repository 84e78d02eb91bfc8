"""The base of sinks over HTTP: one call at a time, no redirects, no secret in any text."""

import asyncio
import io
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.outbox.row import OutboxRow, SentAs
from alerting.sinks.connection import Connected
from alerting.sinks.http_outcome import outcome_of_failure, outcome_of_status

TIMEOUT: Final = 10.0
AGENT: Final = "uneri"


class HttpSink(Connected):
    """Posts rows to one address.

    Parameters
    ----------
    destination
        Its name: ``webhook:name``.
    url
        Where to post; credentials in it are used but never shown.
    timeout
        Total seconds for one call.
    now
        Wall time, epoch seconds; injected by tests.
    """

    def __init__(
        self, destination: str, url: str, timeout: float = TIMEOUT, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(timeout, {"User-Agent": AGENT})
        self._destination = destination
        self._url = url
        self._now = now

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._destination!r}, {host_of(self._url)!r})"

    async def deliver(self, row: OutboxRow) -> DeliveryOutcome:
        """Post one row. Raises nothing but a cancellation."""
        if row.body is None:
            return DeliveryOutcome(result=Result.REFUSED, error="the row has no body")
        body, headers = self.dress(row, row.body)
        try:
            session = self._open()
            data = io.BytesIO(body)  # streamed: the body of a flood is large
            async with session.post(self._url, data=data, headers=headers, allow_redirects=False) as answer:
                outcome = outcome_of_status(answer.status, answer.headers, self._now())
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  whatever went wrong, the outbox needs an outcome
            return outcome_of_failure(error)
        return self.accepted(row) if outcome.result is Result.SENT else outcome

    def dress(self, row: OutboxRow, body: bytes) -> tuple[bytes, dict[str, str]]:
        """Return the body and headers to send."""
        raise NotImplementedError

    def accepted(self, row: OutboxRow) -> DeliveryOutcome:
        """Return the outcome of an accepted row."""
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
