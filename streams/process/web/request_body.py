"""Receives request bodies in bounded time and memory, whatever their senders do."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, Self, TypeVar

import msgspec
from aiohttp import web

SMALL: Final = 4 * 1024 * 1024
"""Bodies up to this size have memory of their own, which larger ones cannot take."""


Body = TypeVar("Body")

NOT_UNDERSTOOD: Final = "not_understood"
"""Reason of a body that has arrived, and is not of the expected kind."""


BUSY_SECONDS: Final = 1


class BodyError(Exception):
    """A body is refused; nothing of it is kept.

    Parameters
    ----------
    status
        That of HTTP.
    reason
        The label of the metric.
    seconds
        When the same may be sent again; None if it is of no use, or is not known.
    refused
        The parts to blame, as answers list them.
    """

    def __init__(
        self,
        message: str,
        status: int,
        reason: str = "unreadable",
        *,
        seconds: int | None = None,
        refused: Sequence[msgspec.Struct] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.seconds = seconds
        self.refused = refused


class Patience(NamedTuple):
    """The time for a body, in seconds, and its lowest rate."""

    idle: float = 20.0  # without a byte
    grace: float = 60.0  # before the rate counts
    slowest: float = 100.0  # bytes per second, on average
    longest: float = 600.0


class Room:
    """Memory for bodies that are being received, shared by all senders.

    A body holds the bytes that have arrived, not those announced. When the memory is full, the body that has
    held the most for the longest (bytes times seconds) makes room. So stalled senders give way to others, and
    a complete body stays.

    Parameters
    ----------
    small
        Bytes for bodies of up to ``SMALL``, and for the beginning of larger ones.
    large
        Bytes for larger bodies.
    senders
        Bodies that arrive at the same time; for one more, the oldest gives way.
    """

    def __init__(self, small: int, large: int, senders: int = 300) -> None:
        self._senders = senders
        self._most = {False: small, True: large}
        self._stays: set[Stay] = set()

    @property
    def count(self) -> int:
        """The number of bodies that are received or processed."""
        return len(self._stays)

    def held(self, *, large: bool) -> int:
        """Return the bytes that are held, in one of the two parts."""
        return sum(len(stay.body) for stay in self._stays if stay.large is large)

    def enter(self) -> "Stay":
        """Return a context in which a body is received and kept."""
        return Stay(self, asyncio.get_running_loop().time())

    def make(self, size: int, stay: "Stay") -> None:
        """Make room for ``size`` bytes of a body.

        Raises
        ------
        BodyError
            When the body itself has held the most, or all others are being processed.
        """
        now = asyncio.get_running_loop().time()
        while self.held(large=stay.large) + size > self._most[stay.large]:
            part = [other for other in self._stays if other.large is stay.large]
            arriving = [other for other in part if other.body and other.arriving]
            first = max([*arriving, stay], key=lambda other: other.cost(now))
            if first is stay:
                raise _busy()
            first.give_way()

    def add(self, stay: "Stay") -> None:
        """Count a body."""
        arriving = [other for other in self._stays if other.arriving and not other.gave_way]
        if len(arriving) >= self._senders:
            min(arriving, key=lambda other: other.began).give_way()
        self._stays.add(stay)

    def remove(self, stay: "Stay") -> None:
        """Count a body no longer."""
        self._stays.discard(stay)


class Stay:
    """One body in the room, from its first byte until it was processed."""

    def __init__(self, room: Room, began: float) -> None:
        self.body = bytearray()
        self.large = False
        self.arriving = True
        self.gave_way = False
        self._room = room
        self.began = began
        self._deadline: asyncio.Timeout | None = None

    def __enter__(self) -> Self:
        self._room.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._room.remove(self)

    def cost(self, now: float) -> float:
        """Return bytes times seconds."""
        return len(self.body) * (now - self.began)

    def give_way(self) -> None:
        """Drop what has arrived and end the wait for more."""
        self.gave_way = True
        self.body = bytearray()
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())

    def take(self) -> bytes:
        """Return the body, which is no longer held."""
        body, self.body = bytes(self.body), bytearray()
        return body

    async def receive(self, request: web.Request, most: int, patience: Patience) -> None:
        """Receive the body of a request, of at most ``most`` bytes.

        Raises
        ------
        BodyError
            When it is too large or too slow, or had to make room for others.
        """
        if (request.content_length or 0) > most:
            raise _too_large(most)
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as self._deadline:
                while not request.content.at_eof():
                    rated = self.began + patience.grace + len(self.body) / patience.slowest
                    last = min(self.began + patience.longest, rated)
                    self._deadline.reschedule(min(clock() + patience.idle, last))
                    chunk = await request.content.readany()
                    if self.gave_way:
                        raise _busy()
                    self._hold(chunk, most)
        except TimeoutError:
            if self.gave_way:
                raise _busy() from None
            raise BodyError(
                f"the body did not arrive in time ({len(self.body):,} bytes did); nothing was stored, send "
                "it again, in smaller parts if the connection is slow",
                408,
                "slow",
            ) from None
        except (ConnectionError, RuntimeError):  # RuntimeError: it was gone before the first read
            raise BodyError("the sender is gone", 400, "gone") from None
        except web.RequestPayloadError as error:
            raise BodyError(
                f"the body is damaged ({error}); nothing was stored, send it again", 400
            ) from None
        self.arriving, self._deadline = False, None

    def _hold(self, chunk: bytes, most: int) -> None:
        size = len(self.body) + len(chunk)
        if size > most:
            raise _too_large(most)
        if size > SMALL and not self.large:
            self._room.remove(self)  # from one part to the other
            self.large = True
            self._room.make(size, self)
            self._room.add(self)
        else:
            self._room.make(len(chunk), self)
        self.body += chunk


def _busy() -> BodyError:
    return BodyError("too many requests at the same time, send again", 503, "busy", seconds=BUSY_SECONDS)


def _too_large(most: int) -> BodyError:
    size = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most >> 10} KiB"
    return BodyError(f"the body is larger than {size}; send it in parts", 413, "too_large")


SMALL_BODIES: Final = web.AppKey("small_bodies", Room)
"""Room of a web server for the bodies of ``read_small``, whatever their routes."""

_SMALL_SECONDS: Final = 20.0
_SMALL_SENDERS: Final = 40  # quick senders need no place for long, stalled ones give way


def room_for_small_bodies() -> Room:
    """Return the ``SMALL_BODIES`` of a web server."""
    return Room(SMALL, 0, senders=_SMALL_SENDERS)


async def read_small(request: web.Request, most: int) -> bytes:
    """Return a body that is expected to be short and quick, of at most ``most`` bytes.

    Raises
    ------
    BodyError
        When it is too large or too slow, or had to make room for others.
    """
    with request.app[SMALL_BODIES].enter() as stay:
        await stay.receive(request, most, Patience(idle=_SMALL_SECONDS, longest=_SMALL_SECONDS))
        return stay.take()


async def read_json(request: web.Request, most: int, kind: type[Body]) -> Body:
    """Return the JSON body, of at most ``most`` bytes, of a person's request.

    Raises
    ------
    BodyError
        When it does not arrive, or is not of this kind.
    """
    body = await read_small(request, most)
    try:
        return msgspec.json.decode(body, type=kind)
    except UnicodeDecodeError:  # msgspec has no error of its own for it
        raise BodyError("the body is not valid UTF-8; send JSON in UTF-8", 400, NOT_UNDERSTOOD) from None
    except msgspec.MsgspecError as error:
        raise BodyError(str(error), 400, NOT_UNDERSTOOD) from None
