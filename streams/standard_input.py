"""Takes the lines of standard input into the log."""

import asyncio
import os
import threading
from collections.abc import Callable

from streams.intake_http import split_lines
from streams.sqlite_store import SqliteStore

READ = 1024 * 1024


class StandardInput:
    """Reads a file descriptor to its end, line by line, durable a piece at a time."""

    def __init__(self, descriptor: int, store: SqliteStore, arrived: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._store = store
        self._arrived = arrived

    async def run(self) -> int:
        """Read to the end of input; return how many records came."""
        rest, count = b"", 0
        while data := await self._read():
            whole, line_end, rest = (rest + data).rpartition(b"\n")
            if line_end:
                count += await self._append(split_lines(whole))
        if rest:
            count += await self._append(split_lines(rest))
        return count

    async def _read(self) -> bytes:
        """Read in a thread that nobody waits for: a read from a terminal cannot be called off."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[bytes] = loop.create_future()

        def arrive(data: bytes) -> None:
            if not arrived.done():
                arrived.set_result(data)

        def read() -> None:
            try:
                data = os.read(self._descriptor, READ)
            except OSError:
                data = b""
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrive, data)

        threading.Thread(target=read, daemon=True).start()
        return await arrived

    async def _append(self, lines: list[bytes]) -> int:
        if lines:
            await asyncio.to_thread(self._store.append, lines)
            self._arrived()
        return len(lines)
