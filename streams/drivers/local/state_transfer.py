"""Exports the state of a running embedded daemon (``POST /state``), and imports it into an empty folder."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
from aiohttp import web

from alerting.outbox.outbox_sqlite import SqliteOutbox
from streams.drivers.local.sqlite_store import SqliteStore
from streams.drivers.local.state_files import explain
from streams.process.files.locks import lock_state
from streams.process.files.state_archive import (
    EMBEDDED,
    About,
    ArchiveError,
    about_now,
    check_archive,
    check_driver,
    copy_member,
    members_of,
    write_archive,
)
from streams.process.files.state_folder import LOG_FILE, OUTBOX_FILE, create_private
from streams.process.part import Part
from streams.process.web.access import refuse_order
from streams.process.web.answer_forms import refusal

SUFFIX: Final = ".export"  # of copies beside the files of the state
PART: Final = ".import"  # the suffix of a file that is being written
_SENT: Final = 1 << 20  # bytes at a time

log = structlog.get_logger("uneri.local")


def drop_unfinished(folder: Path) -> None:
    """Delete the files of a killed export or import."""
    for suffix in (SUFFIX, PART):
        for path in folder.glob(f"*{suffix}*"):
            path.unlink(missing_ok=True)


class StateExport(Part):
    """Copies the files of the state, packs the copies, and sends them.

    First the log with its checkpoint, then the outbox: together they are the state that a daemon killed
    between the two would have left, which the next one continues without losing or repeating anything.
    The folder needs space for a copy and the archive.
    """

    def __init__(self, folder: Path, store: SqliteStore, rows: SqliteOutbox, still: asyncio.Lock) -> None:
        self._folder = folder
        self._store = store
        self._rows = rows
        self._still = still  # held while they are copied, so that the clock decides nothing meanwhile
        self._exporting = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [web.post("/state", self._export)]

    async def _export(self, request: web.Request) -> web.StreamResponse:
        if (refused := refuse_order(request, "the state can be exported")) is not None:
            return refused
        if self._exporting.locked():
            return refusal("another export of this state is under way; try again when it is done", 409)
        async with self._exporting:
            try:
                archive = await self.make_archive()
            except (sqlite3.Error, OSError) as error:
                return refusal(explain(error, self._folder, "the copy"), 507)
            try:
                return await _send(request, archive)
            finally:
                archive.unlink(missing_ok=True)

    async def make_archive(self) -> Path:
        """Write an archive of the state as it is now; return its path."""
        copies = {name: self._folder / f"{name}{SUFFIX}" for name in (LOG_FILE, OUTBOX_FILE)}
        archive = self._folder / f"{LOG_FILE}{SUFFIX}.tar.zst"
        about = about_now(EMBEDDED)
        try:
            async with self._still:
                await _in_thread(_copy, self._store.copy_to, copies[LOG_FILE])
                await _in_thread(_copy, self._rows.copy_to, copies[OUTBOX_FILE])
            await _in_thread(write_archive, archive, about, list(copies.items()))
        except BaseException:
            archive.unlink(missing_ok=True)
            raise
        finally:
            for copy in copies.values():
                copy.unlink(missing_ok=True)
        log.info("exported the state", bytes=archive.stat().st_size)
        return archive


def _copy(copy_to: Callable[[Path], None], path: Path) -> None:
    path.unlink(missing_ok=True)
    create_private(path)
    copy_to(path)


async def _in_thread(function: Callable[..., None], *arguments: Any) -> None:
    """Call a function in a thread, and wait for its end even if the request is cancelled meanwhile."""
    work = asyncio.create_task(asyncio.to_thread(function, *arguments))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await work
        raise


async def _send(request: web.Request, archive: Path) -> web.StreamResponse:
    size = (await asyncio.to_thread(archive.stat)).st_size
    response = web.StreamResponse(headers={"Content-Type": "application/zstd", "Content-Length": str(size)})
    try:
        await response.prepare(request)
        with await asyncio.to_thread(archive.open, "rb") as file:
            while data := await asyncio.to_thread(file.read, _SENT):
                await response.write(data)
        await response.write_eof()
    except ConnectionError:
        log.warning("a client that exports the state left before all of it was sent")
    return response


def import_state(archive: Path, folder: Path) -> About:
    """Put the state of an archive into an empty folder, all or nothing; return the archive's description.

    Raises
    ------
    ArchiveError
        When the archive is damaged or of the other driver, or the folder has a state.
    detectors.state.state_format.NewerStateError
        When a later version made it.
    streams.process.files.locks.FolderLockedError, streams.process.files.state_folder.OpenFolderError
        When a daemon uses the folder, or others have access to it.
    OSError
        When a file cannot be read or written.
    """
    about = check_archive(archive)
    check_driver(archive, about, EMBEDDED)
    lock = lock_state(folder)
    try:
        _check_empty(folder)
        parts = {name: folder / f"{name}{PART}" for name in (OUTBOX_FILE, LOG_FILE)}
        for name, member in members_of(archive):
            if name in parts:
                copy_member(member, parts[name])
        for part in parts.values():
            _check_database(archive, part)
            with part.open("rb") as written:
                os.fsync(written.fileno())
        # A daemon refuses an outbox without a log: after a kill in between, the import is repeated.
        for name in (OUTBOX_FILE, LOG_FILE):
            for journal in folder.glob(f"{name}-*"):
                journal.unlink()
            parts[name].replace(folder / name)
        _sync(folder)
    finally:
        lock.release()
    return about


def _check_empty(folder: Path) -> None:
    log, outbox = folder / LOG_FILE, folder / OUTBOX_FILE
    interrupted = (folder / f"{LOG_FILE}{PART}").exists()  # the outbox may be in its place already
    for path in (log,) if interrupted else (log, outbox):
        if path.exists() and path.stat().st_size:
            raise ArchiveError(
                f"{folder} has a state already, which an import does not replace: move it away, or set "
                "local.state to another folder"
            )


def _check_database(archive: Path, path: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(path)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except (sqlite3.Error, OSError) as error:
        found = str(error)
    if found != "ok":
        raise ArchiveError(f"{archive}: its {path.stem} is damaged ({found}); nothing was imported")


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
