"""What sinks over HTTP share: one session, one call at a time, no redirects, nothing secret in any text."""

import asyncio
import io
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from alerting.http_outcome import outcome_of_failure, outcome_of_status
from alerting.row import Place, Row
from alerting.sink import Outcome, Result

TIMEOUT: Final = 10.0
AGENT: Final = "uneri"


class HttpSink:
    """Posts rows to one address.

    Parameters
    ----------
    destination
        What it is called: ``webhook:name``.
    url
        Where it posts; credentials in it are used and never shown.
    timeout
        Seconds a call may take in all.
    now
        Wall time, epoch seconds; injected by tests.
    """

    def __init__(
        self, destination: str, url: str, timeout: float = TIMEOUT, now: Callable[[], float] = time.time
    ) -> None:
        self._destination = destination
        self._url = url
        self._timeout = timeout
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._destination!r}, {host_of(self._url)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def deliver(self, row: Row) -> Outcome:
        """Post one row. Never raises but when it is cancelled."""
        if row.body is None:
            return Outcome(result=Result.REFUSED, error="there is nothing to post")
        body, headers = self.dress(row, row.body)
        try:
            session = self._open()
            data = io.BytesIO(body)  # sent in pieces: the body of a flood is large
            async with session.post(self._url, data=data, headers=headers, allow_redirects=False) as answer:
                outcome = outcome_of_status(answer.status, answer.headers, self._now())
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  whatever went wrong, the outbox has to know what may be done
            return outcome_of_failure(error)
        return self.accepted(row) if outcome.result is Result.SENT else outcome

    def dress(self, row: Row, body: bytes) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers that are sent."""
        raise NotImplementedError

    def accepted(self, row: Row) -> Outcome:
        """Return what follows from a row that was taken."""
        return Outcome(result=Result.SENT, place=Place(self._destination, row.id))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:  # made here: it belongs to the running loop
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout), headers={"User-Agent": AGENT}
            )
        return self._session


def host_of(url: str) -> str:
    """Return scheme, host and port of a URL: paths and queries of webhooks are as good as passwords.

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
