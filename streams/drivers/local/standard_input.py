"""Appends the lines of standard input to the log."""

import asyncio
import os
import threading

from streams.drivers.local.log_intake import LogIntake
from streams.engine.decode.event import MAX_BYTES
from streams.engine.stages.dead_letter_limit import limit_error
from streams.ingest.receivers.checked_lines import TooManyBadError
from streams.ingest.receivers.payload_lines import LineReader, lines_of, split_lines

READ = 1024 * 1024


class StandardInput:
    """Reads a file descriptor to its end and makes its lines durable, one block at a time.

    It is not read while the log is full. Of a line that is longer than any event, only the beginning is kept.
    """

    def __init__(self, descriptor: int, intake: LogIntake, lines: LineReader = split_lines) -> None:
        self._lines = lines
        self._descriptor = descriptor
        self._intake = intake
        self._count = 0

    async def run(self) -> int:
        """Read to the end of input; return the number of records.

        Raises
        ------
        streams.engine.stages.dead_letter_limit.DeadLetterLimitError
            When too many lines are bad.
        """
        rest, too_long = b"", False
        while data := await self._read():
            if too_long:  # its beginning is in the log, as a dead letter
                _, line_end, data = data.partition(b"\n")
                if not line_end:
                    continue
                too_long = False
            whole, line_end, rest = (rest + data).rpartition(b"\n")
            if line_end:
                await self._append(await lines_of(self._lines, whole))
            if len(rest) > MAX_BYTES:
                await self._append([rest])
                rest, too_long = b"", True
        if rest:
            await self._append(await lines_of(self._lines, rest))
        return self._count

    async def _read(self) -> bytes:
        """Read in a daemon thread: a read from a terminal cannot be cancelled."""
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

    async def _append(self, lines: list[bytes]) -> None:
        if not lines:
            return
        try:
            await self._intake.append_when_there_is_room(lines)
        except TooManyBadError as error:
            record = self._count + error.passed.rejected.index + 1
            raise limit_error(error.passed, f"standard input, record {record:,}") from None
        self._count += len(lines)
