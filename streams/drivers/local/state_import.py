"""``uneri state import`` of the embedded driver: an archive becomes the files of an empty state folder."""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

from streams.process.files.locks import lock_state
from streams.process.files.state_archive import (
    EMBEDDED,
    About,
    ArchiveError,
    check_archive,
    check_driver,
    copy_member,
    members_of,
)
from streams.process.files.state_folder import LOG_FILE, OUTBOX_FILE

PART: Final = ".import"  # the suffix of a file that is being written


def import_state(archive: Path, folder: Path) -> About:
    """Put the state of an archive into an empty folder, all of it or nothing; return what the archive says.

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
