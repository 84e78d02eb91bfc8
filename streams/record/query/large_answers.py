"""Answers that are larger than what a connection buffers: sent in bounded memory and time.

An answer stays in memory until it is read. Whoever asks for many and reads none would take all there is.
"""

import asyncio
from typing import Final, NamedTuple

from aiohttp import web

LARGE: Final = 262_144
"""Bytes from which an answer is sent part by part."""

MOST_HELD: Final = 128 << 20
"""Bytes of such answers; for more, those that have been sent for the longest are given up."""

STALLED_SECONDS: Final = 20.0
"""How long a part may take."""


class _Sending(NamedTuple):
    """One answer on its way."""

    transport: asyncio.Transport
    size: int


class LargeAnswers:
    """Sends answers.

    Parameters
    ----------
    most
        Bytes that are held at the same time.
    seconds
        How long a part of ``LARGE`` bytes may take.
    """

    def __init__(self, most: int = MOST_HELD, seconds: float = STALLED_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._sending: list[_Sending] = []  # the oldest first

    @property
    def held(self) -> int:
        """Return the bytes of answers that are being sent."""
        return sum(sending.size for sending in self._sending)

    async def send(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Send a response with a body of bytes, or give it up; return what was sent."""
        body, transport = response.body, request.transport
        if request.method == "HEAD" or not isinstance(body, bytes) or len(body) <= LARGE or transport is None:
            return response
        sent = web.StreamResponse(status=response.status, headers=response.headers)
        sent.content_length = len(body)
        sending = _Sending(transport, len(body))
        self._make_room(sending.size)
        self._sending.append(sending)
        try:
            await self._send(request, sent, body)
        except (TimeoutError, ConnectionError):
            transport.abort()
        finally:
            if sending in self._sending:
                self._sending.remove(sending)
        return sent

    async def _send(self, request: web.Request, sent: web.StreamResponse, body: bytes) -> None:
        await sent.prepare(request)
        for begin in range(0, len(body), LARGE):
            async with asyncio.timeout(self._seconds):
                await sent.write(body[begin : begin + LARGE])

    def _make_room(self, size: int) -> None:
        while self._sending and self.held + size > self._most:
            self._sending.pop(0).transport.abort()
