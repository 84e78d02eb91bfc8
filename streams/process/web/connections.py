"""The connections of a server, from the first packet until the socket is closed."""

import asyncio
import resource
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple

import structlog

from streams.process.logs import Recurring

BACKLOG: Final = 128  # connections that the system queues
BURST: Final = 16  # connections accepted at a time, so that a flood leaves time to others
PAUSE_SECONDS: Final = 0.2  # after the system refused one
GOODBYE_SECONDS: Final = 5.0  # for the other side to close TLS

log = structlog.get_logger("uneri.web")


class ConnectionLimits(NamedTuple):
    """The number of connections, and the seconds without a complete request (its headers)."""

    most: int = 500
    idle: float = 75.0
    spare: int = 16  # of them, for requests for health only
    handshake: float = 5.0  # of TLS
    strangers: int = 0  # beside them, that nobody has admitted yet; 0: each is admitted when it is accepted
    share: int = 2  # one in so many of the process's file descriptors is for ``most``

    def within(self, descriptors: int) -> "ConnectionLimits":
        """Return limits that leave the other file descriptors of the process to others.

        Examples
        --------
        >>> ConnectionLimits().within(1024).most, ConnectionLimits().within(256)[:3:2]
        (500, (128, 16))
        """
        most = min(self.most, max(descriptors // self.share, 2))
        strangers = min(self.strangers, max(descriptors // self.share, 2))
        return self._replace(most=most, spare=min(self.spare, most // 2), strangers=strangers)


class _Connection:
    """One connection, which may be in its handshake."""

    def __init__(self, opened: socket.socket, since: float, *, admitted: bool) -> None:
        self.socket = opened
        self.since = since  # its opening, or the end of its last request
        self.admitted = admitted
        self.busy = False
        self.leaving = False
        self.transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self.socket.fileno() >= 0

    @property
    def is_staying(self) -> bool:
        return self.is_open and not self.leaving

    def leave(self) -> None:
        """Close at once, without waiting for unsent data or the farewell of TLS."""
        self.leaving = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # this ends a handshake, too
        if self.transport is not None:
            self.transport.abort()


class Connections:
    """Accepts connections and decides which one goes when there are too many.

    asyncio's own server knows a connection only after its handshake, and repeats a traceback while file
    descriptors are short. Here, a connection counts from the moment it is accepted.

    Beyond ``limits.most``, the connection that has been idle the longest makes room for a new one. Strangers
    make room for strangers only: however many come, nobody who was admitted leaves for them.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        protocol: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits.within(_descriptors(limits.share * limits.most))
        self._protocol = protocol
        self._tls: dict[str, Any] = {}
        if tls is not None:
            self._tls = {
                "ssl": tls,
                "ssl_handshake_timeout": limits.handshake,
                "ssl_shutdown_timeout": GOODBYE_SECONDS,
            }
        self._listening: list[socket.socket] = []
        self._paused: dict[socket.socket, asyncio.TimerHandle] = {}
        self._open: dict[asyncio.BaseProtocol, _Connection] = {}
        self._beginning: set[asyncio.Task[None]] = set()
        self._short = Recurring()

    @property
    def count(self) -> int:
        """The number of open connections, those in their handshake included."""
        return sum(connection.is_open for connection in self._open.values())

    @property
    def full(self) -> bool:
        """True if only the spare places are without a request in progress."""
        busy = sum(connection.busy for connection in self._open.values() if connection.is_open)
        return busy >= self._limits.most - self._limits.spare

    async def listen(self, host: str, port: int) -> int:
        """Start accepting; return the port.

        Raises
        ------
        OSError
            When the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        bound = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
        self._listening = [listening.dup() for listening in bound.sockets]
        bound.close()
        for listening in self._listening:
            listening.setblocking(False)
            listening.listen(BACKLOG)
            loop.add_reader(listening, self._accept, listening)
        return int(self._listening[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop accepting, and end connections in their handshake."""
        loop = asyncio.get_running_loop()
        while self._listening:
            listening = self._listening.pop()
            loop.remove_reader(listening)
            listening.close()
        for timer in self._paused.values():
            timer.cancel()
        for connection in self._open.values():
            if connection.transport is None:
                connection.leave()
        await asyncio.gather(*self._beginning)

    @contextmanager
    def request(self, protocol: asyncio.BaseProtocol) -> Iterator[None]:
        """Mark a connection as busy during a request."""
        connection = self._open.get(protocol)
        if connection is None:  # closed meanwhile
            yield
            return
        connection.busy = True
        try:
            yield
        finally:
            connection.busy = False
            connection.since = asyncio.get_running_loop().time()

    def admit(self, protocol: asyncio.BaseProtocol) -> bool:
        """Count a stranger among the admitted ones; return whether there is room for it."""
        connection = self._open.get(protocol)
        if connection is None or not connection.is_open:  # closed by the other side, it needs none
            return True
        connection.admitted = connection.is_staying and self._make_room(admitted=True)
        return connection.admitted

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(BURST):
            try:
                opened, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(listening, error)
                return
            self._enter(opened)

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        """Let new connections wait in the system, and free a file descriptor."""
        if (count := self._short.happened()) is not None:
            log.error(
                "connections cannot be accepted and have to wait; if file descriptors are short, raise their "
                "limit (ulimit -n, LimitNOFILE)",
                reason=error.strerror,
                times=count,
            )
        self._evict(self._open.values())
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        self._paused[listening] = loop.call_later(
            PAUSE_SECONDS, loop.add_reader, listening, self._accept, listening
        )

    def _enter(self, opened: socket.socket) -> None:
        self._open = {key: connection for key, connection in self._open.items() if connection.is_open}
        admitted = not self._limits.strangers
        if not self._make_room(admitted=admitted):
            opened.close()
            return
        loop = asyncio.get_running_loop()
        protocol = self._protocol()
        self._open[protocol] = connection = _Connection(opened, loop.time(), admitted=admitted)
        beginning = loop.create_task(self._begin(connection, protocol))
        self._beginning.add(beginning)
        beginning.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: _Connection, protocol: asyncio.BaseProtocol) -> None:
        connect = asyncio.get_running_loop().connect_accepted_socket
        with suppress(OSError):  # of the handshake; it closes the connection
            connection.transport, _ = await connect(lambda: protocol, connection.socket, **self._tls)

    def _make_room(self, *, admitted: bool) -> bool:
        """Return whether there is room for one more, admitted or not, which another may have made."""
        alike = [connection for connection in self._open.values() if connection.admitted is admitted]
        most = self._limits.most if admitted else self._limits.strangers
        return sum(connection.is_staying for connection in alike) < most or self._evict(alike)

    def _evict(self, among: Iterable[_Connection]) -> bool:
        """Close the one that has been idle the longest, a stranger first; return whether there is one."""
        idle = [connection for connection in among if connection.is_staying and not connection.busy]
        if idle:
            min(idle, key=lambda connection: (connection.admitted, connection.since)).leave()
        return bool(idle)


def _descriptors(wanted: int) -> int:
    """Return the limit of file descriptors, raised to ``wanted`` as far as the process may."""
    soft, hard = (sys.maxsize if limit == resource.RLIM_INFINITY else limit for limit in _limits())
    if soft >= wanted or soft >= hard:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), _limits()[1]))
    return min(wanted, hard)


def _limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)
