"""Appends lines to the log: of a file, followed by name as ``tail -F`` does, and of standard input."""

import asyncio
import errno
import os
import re
import stat
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import Position, SqliteStore
from streams.engine.decode.event import MAX_BYTES
from streams.engine.decode.records import Records
from streams.engine.stages.dead_letter_limit import limit_error
from streams.ingest.receivers.checked_lines import TooManyBadError
from streams.ingest.receivers.payload_lines import LineReader, read_lines

log = structlog.get_logger("uneri.follow")

READ = 4 * 1024 * 1024
INPUT_READ = 1024 * 1024
DIGESTED = 256
"""Bytes before a position by which a file is known again: its inode may be another file's by then."""
LINGERS = 20
"""Attempts to read a file that was replaced, after its last line: five seconds."""
_DAY: Final = r"[.-]\d{4}[._-]?\d\d[._-]?\d\d[\d._:T-]*"
_ROTATED: Final = (re.compile(rf"\.\d{{1,3}}|{_DAY}"), re.compile(_DAY))
"""What rotation adds to the name of a file, and to the part before its suffix: ``.1``, ``-20261201``."""


def _open(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises
    ------
    OSError
        When it cannot be read, or is no file: a pipe would be waited for, with everything else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file")
    return os.fdopen(descriptor, "rb")


def _is_known(file: BinaryIO, known: Position) -> bool:
    """Return whether a position is one of this file."""
    if os.fstat(file.fileno()).st_ino != known.inode:
        return False
    return not known.before or _digest(file, known.next) == known.before


def _digest(file: BinaryIO, offset: int) -> bytes:
    file.seek(max(offset - DIGESTED, 0))
    return blake2b(file.read(min(offset, DIGESTED)), digest_size=16).digest()


class Follow:
    """Appends complete lines of ``path`` to the log, with the position in the same transaction.

    A file that is replaced (rotation) is read before its successor, for some seconds beyond its end: its
    writer may not know yet; what is replaced meanwhile is kept open, and read in its turn. So are files that
    were replaced while nobody read them, if they are still in their folder.
    Its last line needs no line end; that of other files waits for one. A file that shrank is read again from
    its start. All lines wait while the log is full.
    """

    def __init__(
        self,
        path: Path,
        store: SqliteStore,
        intake: LogIntake,
        poll: float = 0.25,
        lines: LineReader = Records.of_lines,
    ) -> None:
        self._lines = lines
        self._path = path
        self._name = os.path.abspath(path)  # noqa: PTH100 - of a link, not of where it leads now
        self._store = store
        self._intake = intake
        self._poll = poll
        self._successors = deque[BinaryIO]()  # of the file that is read, oldest first

    async def run(self) -> None:
        """Follow until cancelled.

        Raises
        ------
        streams.engine.stages.dead_letter_limit.DeadLetterLimitError
            When too many native lines are bad. The position does not move past them.
        """
        try:
            await self._run()
        finally:
            while self._successors:
                self._successors.popleft().close()

    async def _run(self) -> None:
        waited = successor = False
        earlier = self._earlier()
        while True:
            try:
                file = (
                    self._successors.popleft()
                    if successor and self._successors
                    else _open(earlier or self._path)
                )
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
            waited, earlier = False, None
            with file:
                await self._drain(file, successor=successor)
            successor = True

    def _earlier(self) -> Path | None:
        """Return where the file that was read last is now, if it was replaced; open those in between."""
        known = self._position()
        if known is None or not self._replaced(known.inode):
            return None
        with os.scandir(self._path.resolve().parent) as entries:
            there = list(entries)
        found = next((Path(entry.path) for entry in there if entry.inode() == known.inode), None)
        try:
            if found is not None:
                with _open(found) as file:
                    if _is_known(file, known):
                        self._successors.extend(self._between(file, known, there))
                        return found
        except OSError:  # it is no file, or nobody may read it: the inode is another's now
            pass
        return None

    def _between(
        self, file: BinaryIO, known: Position, there: Sequence[os.DirEntry[str]]
    ) -> Iterator[BinaryIO]:
        """Open the rotated files that are younger than ``file`` and no copies of it, oldest first."""
        last = os.fstat(file.fileno()).st_mtime_ns
        rotated = [
            entry
            for entry in there
            if entry.inode() != known.inode
            and self._is_rotated(entry.name)
            and entry.is_file()
            and entry.stat().st_mtime_ns > last
        ]
        for entry in sorted(rotated, key=lambda entry: entry.stat().st_mtime_ns):
            younger = _open(Path(entry.path))
            if known.before and _digest(younger, known.next) == known.before:
                younger.close()
            else:
                yield younger

    def _is_rotated(self, name: str) -> bool:
        """Return whether a name is that of the file, or of what it leads to, with what rotation adds."""
        owns = {Path(self._name), self._path.resolve()}
        return any(
            name.startswith(before)
            and name.endswith(after)
            and added.fullmatch(name, len(before), len(name) - len(after)) is not None
            for own in owns
            for added, before, after in zip(_ROTATED, (own.name, own.stem), ("", own.suffix), strict=True)
        )

    async def _drain(self, file: BinaryIO, *, successor: bool) -> None:
        name, inode = self._name, os.fstat(file.fileno()).st_ino
        known = None if successor else self._position()  # a successor may have the inode again
        offset, before = (known.next, known.before) if known and _is_known(file, known) else (0, b"")
        seen = (0, 0)
        quiet = 0  # attempts without a new line since it was replaced
        while True:
            # checked before reading: meanwhile its last line may be written, and the file rotated
            replaced = self._has_successor(inode)
            now = os.fstat(file.fileno())
            former, seen = seen, (now.st_mtime_ns, now.st_size)
            rewritten = seen != former and before and _digest(file, offset) != before
            if now.st_size < offset or rewritten:
                log.warning("the followed file was truncated; reading it from its start", path=name)
                offset, before = 0, b""
            file.seek(offset)
            data = await asyncio.to_thread(file.read, READ)
            end = data.rfind(b"\n") + 1
            if replaced and quiet >= LINGERS:
                end = len(data)
            if end:
                lines: Sequence[bytes] = await read_lines(self._lines, data[:end])
            elif len(data) == READ:  # a longer line is not an event: it is dead-lettered, truncated
                lines, end = [data], READ
            if end:
                at = Position(inode, offset + end, _digest(file, offset + end))
                if before and _digest(file, offset) != before:  # rewritten between the look and the read
                    seen = (0, 0)
                    continue
                await self._append(lines, name, at, offset)
                offset, before, quiet = at.next, at.before, 0
                continue
            if replaced and quiet >= LINGERS:
                return
            quiet = quiet + 1 if replaced else 0
            await asyncio.sleep(self._poll)

    async def _append(self, lines: Sequence[bytes], name: str, position: Position, start: int) -> None:
        try:
            ends = self._lines == Records.of_lines
            await self._intake.append_when_room(lines, (name, position), self._poll, ends=ends)
        except TooManyBadError as error:
            bad = error.passed.rejected
            place = f"{name}, line {bad.index + 1:,} from byte {start:,}"
            raise limit_error(error.passed, place) from None

    def _has_successor(self, inode: int) -> bool:
        """Return whether a file was replaced; keep what took its place open, which may be replaced, too."""
        newest = os.fstat(self._successors[-1].fileno()).st_ino if self._successors else inode
        replaced = self._replaced(newest)
        if replaced:
            with suppress(OSError):  # it is no file, or gone again: then it is waited for
                self._successors.append(_open(self._path))
        return replaced or bool(self._successors)

    def _position(self) -> Position | None:
        """Return how far the file was read; former versions knew a link by where it led."""
        known = self._store.position(self._name)
        return known or self._store.position(str(self._path.resolve()))

    def _replaced(self, inode: int) -> bool:
        try:
            return self._path.stat().st_ino != inode
        except OSError:
            return False  # between the two steps of a rotation: keep the open file


class StandardInput:
    """Reads a file descriptor to its end and makes its lines durable, one block at a time.

    While the log is full, nothing is read. Of a line longer than any event, only the beginning is kept.
    """

    def __init__(self, descriptor: int, intake: LogIntake, lines: LineReader = Records.of_lines) -> None:
        self._lines = lines
        self._descriptor = descriptor
        self._intake = intake
        self._count = 0

    async def run(self) -> int:
        """Read to the end of input; return the number of records.

        Raises
        ------
        streams.engine.stages.dead_letter_limit.DeadLetterLimitError
            When too many native lines are bad.
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
                await self._append(await read_lines(self._lines, whole))
            if len(rest) > MAX_BYTES:
                await self._append([rest])
                rest, too_long = b"", True
        if rest:
            await self._append(await read_lines(self._lines, rest))
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
                data = os.read(self._descriptor, INPUT_READ)
            except OSError:
                data = b""
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrive, data)

        threading.Thread(target=read, daemon=True).start()
        return await arrived

    async def _append(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        try:
            await self._intake.append_when_room(lines, ends=self._lines == Records.of_lines)
        except TooManyBadError as error:
            record = self._count + error.passed.rejected.index + 1
            raise limit_error(error.passed, f"standard input, record {record:,}") from None
        self._count += len(lines)
