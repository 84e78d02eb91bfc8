"""The share of each sender in a bounded queue, and its turn: who has filled it waits, and others go on."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from streams.ingest.receivers.sender_limits import KnownSenders
from streams.process.web.request_body import BodyError

TIMES: Final = 9
"""A sender waits while it has more in the queue than so many times what is left. One that fills it leaves a
tenth to others; two, who have as much of it each, a nineteenth."""

KEPT_SECONDS: Final = 600.0  # for which room is kept for a sender that brings nothing


TURN_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 5  # when a sender should send again


class _Part:
    __slots__ = ("heard_at", "newer", "older")

    def __init__(self) -> None:
        self.older = self.newer = 0  # bytes
        self.heard_at = float("-inf")


class SenderShares:
    """Decides who waits before a queue is full; one that is alone may fill it.

    What each has in it is known in two parts, of which the older one is forgotten once all of it has left.

    Parameters
    ----------
    now
        Monotonic, seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._parts = KnownSenders(_Part)
        self._until = 0  # where the older parts end

    def add(self, sender: str, size: int) -> None:
        """Count bytes of a sender behind all others."""
        self._parts.heard(sender).newer += size

    def forget_left(self, begin: int, end: int) -> None:
        """Forget what has left the queue, which goes from one place to another one."""
        if begin >= self._until:
            self._until = end
            for part in self._parts.values():
                part.older, part.newer = part.newer, 0

    def must_wait(self, sender: str, held: int, most: int, size: int = 0) -> bool:
        """Return whether a sender waits that brings ``size`` bytes to a queue with ``held`` of ``most``."""
        part = self._parts.heard(sender)
        part.heard_at = self._now()
        return _exceeds(part, held, most, size) and len(self._active()) > 1

    def must_all_wait(self, held: int, most: int) -> bool:
        """Return whether all of several senders wait."""
        active = self._active()
        return len(active) > 1 and all(_exceeds(part, held, most) for part in active)

    def _active(self) -> list[_Part]:
        since = self._now() - KEPT_SECONDS
        return [part for part in self._parts.values() if part.heard_at >= since]


def _exceeds(part: _Part, held: int, most: int, size: int = 0) -> bool:
    own = min(part.older + part.newer, held)
    return own > 0 and own + size > TIMES * (most - held - size)


class SenderTurns:
    """Places for work that senders take in turn: who brings much waits behind everybody who brings little.

    Parameters
    ----------
    places
        Of work at the same time.
    seconds
        For which one waits: less than senders do, who would send again what is stored a moment later.
    """

    def __init__(self, places: int, seconds: float = TURN_SECONDS) -> None:
        self._free = places
        self._seconds = seconds
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # by sender, in the order of their turns

    @asynccontextmanager
    async def place(self, sender: str) -> AsyncIterator[None]:
        """Wait for a place, and have it.

        Raises
        ------
        streams.process.web.request_body.BodyError
            None was free in time.
        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(sender)
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, sender: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(sender, deque()).append(turn)
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except (asyncio.CancelledError, TimeoutError) as error:
            if not turn.cancelled():  # it was its turn in that moment
                self._leave()
            if isinstance(error, TimeoutError):
                text = "nothing was stored, send it again: what came before it takes long"
                raise BodyError(
                    text, HTTPStatus.SERVICE_UNAVAILABLE, "backlog", seconds=AGAIN_SECONDS
                ) from None
            raise

    def _leave(self) -> None:
        while self._waiting:
            sender = next(iter(self._waiting))
            turns = self._waiting.pop(sender)
            turn = turns.popleft()
            if turns:
                self._waiting[sender] = turns  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
