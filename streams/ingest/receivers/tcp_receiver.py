"""``local.tcp``, ``web.tcp``: connect, and send records, one a line, for as long as you like.

Lines are stored in order. While they are being stored, or the driver is full, nothing is read, so the sender
waits. A sender that closes its sending side, or is refused, gets one line of JSON: how many lines are stored,
and which was the first that is not a record.
With tokens, the first line is ``Bearer TOKEN``, of one that allows ``intake``. Nobody who has shown one makes
room for who has not.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog

from streams.engine.decode.event import MAX_BYTES
from streams.engine.decode.rejected import Rejected
from streams.ingest.receivers.payload_lines import LineReader, read_lines
from streams.ingest.receivers.record_sink import RecordSink
from streams.process.logs import Recurring
from streams.process.web.access import sender_at
from streams.process.web.connections import ConnectionLimits, Connections
from streams.process.web.http_server import ListenError
from streams.process.web.request_body import BodyError
from streams.process.web.tokens import AccessScope, Tokens

READ: Final = 256 * 1024
LIMITS: Final = ConnectionLimits(most=50, strangers=100, share=8)
"""Who has shown a token, or needs none, is no stranger any more."""

_POLL: Final = 0.25  # seconds between two tries while the driver is full
_STOP_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 5.0
_TOKEN_SECONDS: Final = 20.0

log = structlog.get_logger("uneri.intake")


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.protocol = writer.transport.get_protocol()
        self.sender = sender_at(str((writer.get_extra_info("peername") or [""])[0]))
        self.accepted = self.refused = 0
        self.first: dict[str, Any] = {}  # of the refused ones, and why

    def count(self, records: int, rejected: Sequence[Rejected]) -> None:
        """Count records that are stored, and those of them that are bad."""
        if rejected and not self.first:
            bad, before = rejected[0], self.accepted + self.refused
            self.first = {"record": before + bad.index + 1, "reason": bad.reason.value, "detail": bad.detail}
        self.refused += len(rejected)
        self.accepted += records - len(rejected)

    def end(self) -> None:
        """End the input after the received data."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]
        self.reader.feed_eof()


class TcpReceiver:
    """Listens for connections."""

    def __init__(
        self,
        listen: str,  # host:port
        sink: RecordSink,
        lines: LineReader,
        tokens: Callable[[], Tokens] = Tokens,
        tls: ssl.SSLContext | None = None,
        *,
        setting: str = "local.tcp",  # with that address, for messages
        limits: ConnectionLimits = LIMITS,
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._host = host.removeprefix("[").removesuffix("]")
        self._port = int(port)
        self._sink = sink
        self._lines = lines
        self._tokens = tokens  # returns those that are valid now
        self._setting = setting
        self._connections = Connections(limits, self._protocol, tls)
        self._open: dict[asyncio.Task[None], _Connection] = {}
        self._stopping = False
        self._trouble = Recurring()

    async def start(self) -> int:
        """Listen; return the port, which the system chooses if the settings say 0.

        Raises
        ------
        ListenError
            When it cannot.
        """
        try:
            return await self._connections.listen(self._host, self._port)
        except OSError as error:
            raise ListenError(
                f"cannot listen on {self._host}:{self._port} ({error.strerror}); stop the process that uses "
                f"this address, or set {self._setting} to another one"
            ) from error

    async def stop(self) -> None:
        """Store the lines that were read, answer, and close all connections."""
        self._stopping = True
        await self._connections.stop()
        for connection in self._open.values():
            connection.end()
        if tasks := list(self._open):
            _, late = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=READ), self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the server makes one for each
        connection = _Connection(reader, writer)
        self._open[task] = connection
        try:
            await self._receive(connection)
            answer: dict[str, Any] = {"accepted": connection.accepted}
            if connection.refused:
                answer |= {"refused": connection.refused, "first_refused": connection.first}
            await _answer(writer, answer)
        except BodyError as error:
            if (count := self._trouble.happened()) is not None:
                log.warning("a connection was refused", reason=str(error), connections=count)
            stored = {"accepted": connection.accepted} if connection.accepted else {}
            await _answer(writer, {"error": str(error), **stored})
        except (OSError, asyncio.IncompleteReadError):  # the sender is gone: what it sent is stored
            pass
        finally:
            del self._open[task]
            writer.close()

    async def _receive(self, connection: _Connection) -> None:
        """Store lines until the sender has sent all."""
        rest, too_long = b"", False
        if self._tokens().count:
            await self._check_token(connection)
        if not self._connections.admit(connection.protocol):
            message = "too many connections send at the same time; connect again in a few seconds"
            raise BodyError(message, HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        # once it stops, no more is read: a sender without an answer sends again
        while not self._stopping and (data := await connection.reader.read(READ)):
            if too_long:  # its beginning was stored, as a dead letter
                _, line_end, data = data.partition(b"\n")
                if not line_end:
                    continue
                too_long = False
            whole, line_end, rest = (rest + data).rpartition(b"\n")
            if line_end:
                await self._store(connection, whole)
            if len(rest) > MAX_BYTES:
                await self._store(connection, rest)
                rest, too_long = b"", True
        if rest and not self._stopping:
            await self._store(connection, rest)

    async def _check_token(self, connection: _Connection) -> None:
        try:
            async with asyncio.timeout(_TOKEN_SECONDS):
                line = await connection.reader.readline()
        except (ValueError, TimeoutError):
            line = b""
        kind, _, token = line.decode(errors="replace").strip().partition(" ")
        token = token.strip()
        allowed = self._tokens().allowed(token) if kind.lower() == "bearer" else frozenset()
        if AccessScope.INTAKE not in allowed:
            message = "the first line must be: Bearer TOKEN, with a token that allows intake"
            raise BodyError(message, HTTPStatus.UNAUTHORIZED, "token")
        connection.sender = self._tokens().label(token)

    async def _store(self, connection: _Connection, block: bytes) -> None:
        lines = await read_lines(self._lines, block)
        with self._connections.request(connection.protocol):  # the sender is not idle
            while lines:
                try:
                    appended = await self._sink.append(lines, sender=connection.sender, waits=False)
                except BodyError as error:
                    if error.status != HTTPStatus.SERVICE_UNAVAILABLE or self._stopping:
                        raise
                    await asyncio.sleep(_POLL)
                else:
                    connection.count(len(lines), appended.rejected)
                    return


async def _answer(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    with contextlib.suppress(OSError, TimeoutError):
        writer.write(msgspec.json.encode(answer) + b"\n")
        async with asyncio.timeout(_ANSWER_SECONDS):
            await writer.drain()
