"""Takes the lines of standard input into the log."""

import asyncio
import os
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
        while data := await asyncio.to_thread(os.read, self._descriptor, READ):
            whole, line_end, rest = (rest + data).rpartition(b"\n")
            if line_end:
                count += await self._append(split_lines(whole))
        if rest:
            count += await self._append(split_lines(rest))
        return count

    async def _append(self, lines: list[bytes]) -> int:
        if lines:
            await asyncio.to_thread(self._store.append, lines)
            self._arrived()
        return len(lines)
