"""Follows a growing file by name, as ``tail -F`` does, and appends its lines to the log."""

import asyncio
import os
from pathlib import Path
from typing import BinaryIO

import structlog

from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import Position, SqliteStore
from streams.engine.stages.dead_letter_limit import limit_error
from streams.ingest.receivers.checked_lines import TooManyBadError
from streams.ingest.receivers.payload_lines import LineReader, lines_of, split_lines

log = structlog.get_logger("uneri.follow")

READ = 4 * 1024 * 1024


class Follow:
    """Appends complete lines of ``path`` to the log, with the position in the same transaction.

    A file that is replaced (rotation) is read to its end before its successor is opened; one that shrank is
    read again from its start. A last line waits for its line end, and all lines wait while the log is full.
    """

    def __init__(
        self,
        path: Path,
        store: SqliteStore,
        intake: LogIntake,
        poll: float = 0.25,
        lines: LineReader = split_lines,
    ) -> None:
        self._lines = lines
        self._path = path
        self._store = store
        self._intake = intake
        self._poll = poll

    async def run(self) -> None:
        """Follow until cancelled.

        Raises
        ------
        streams.engine.stages.dead_letter_limit.DeadLetterLimitError
            When too many lines are bad. The position does not move past them.
        """
        waited = False
        while True:
            try:
                file = self._path.open("rb")
            except OSError as error:
                if not waited:
                    log.warning(
                        "cannot open the file to follow; waiting for it",
                        path=str(self._path),
                        reason=error.strerror,
                    )
                    waited = True
                await asyncio.sleep(self._poll)
                continue
            waited = False
            with file:
                await self._drain(file)

    async def _drain(self, file: BinaryIO) -> None:
        name, inode = str(self._path.resolve()), os.fstat(file.fileno()).st_ino
        known = self._store.position(name)
        offset = known.next if known and known.inode == inode else 0
        while True:
            # asked before it is read: its last line may be written, and the file rotated, meanwhile
            replaced = self._replaced(inode)
            size = os.fstat(file.fileno()).st_size
            if size < offset:
                log.warning("the followed file was truncated; reading it from its start", path=name)
                offset = 0
            file.seek(offset)
            data = await asyncio.to_thread(file.read, READ)
            end = data.rfind(b"\n") + 1
            if end:
                lines = await lines_of(self._lines, data[:end])
                await self._append(lines, name, Position(inode, offset + end), offset)
                offset += end
                continue
            if (
                len(data) == READ
            ):  # a line longer than one read is not an event: it is dead-lettered, truncated
                await self._append([data], name, Position(inode, offset + len(data)), offset)
                offset += len(data)
                continue
            if replaced:
                return
            await asyncio.sleep(self._poll)

    async def _append(self, lines: list[bytes], name: str, position: Position, start: int) -> None:
        try:
            await self._intake.append_when_there_is_room(lines, (name, position), self._poll)
        except TooManyBadError as error:
            bad = error.passed.rejected
            place = f"{name}, line {bad.index + 1:,} from byte {start:,}"
            raise limit_error(error.passed, place) from None

    def _replaced(self, inode: int) -> bool:
        try:
            return self._path.stat().st_ino != inode
        except OSError:
            return False  # between the two steps of a rotation: keep the open file
