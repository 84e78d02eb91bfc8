"""The files of the state: whether they are whole and in their place, and what is wrong in one line.

They belong together, and must stay at their path for as long as a daemon uses them.
"""

import errno
import os
import sqlite3
from os.path import samestat
from pathlib import Path
from typing import Final, NamedTuple

from streams.process.files.state_folder import LOG_FILE, OUTBOX_FILE, STATE_LOCK
from streams.process.part import Part

FULL_BYTES: Final = 1 << 20  # free, or less
_JOURNALS: Final = (f"{LOG_FILE}-wal", f"{OUTBOX_FILE}-wal")


class DamagedError(sqlite3.DatabaseError):
    """A file of the state contradicts itself."""


class MovedError(sqlite3.OperationalError):
    """A file of the state is no longer the one at its path."""


class JournalGoneError(MovedError):
    """The journal of a database is no longer at its path; its database still gets what is in it at an end."""


class _Trouble(NamedTuple):
    what: str
    remedy: str


DAMAGED: Final = _Trouble(
    "is damaged", "restore a backup of the folder, or move it away to start over without what was learnt"
)
_FULL: Final = _Trouble(
    "cannot be written, because the disk is full",
    "free some space, or inodes if `df -i` shows none, and start again; nothing that was accepted is lost",
)
_MOVED: Final = _Trouble(
    "was deleted, moved or replaced while uneri was running",
    "put it back if it was moved, or restore a backup of the folder, then start again; without either, uneri "
    "starts over, and what was accepted is lost",
)
_JOURNAL_GONE: Final = _Trouble(
    "lost a journal while uneri was running",
    "leave the files of the state alone, and start again; nothing that was accepted is lost",
)
_FAILS: Final = _Trouble(
    "cannot be read or written",
    "check the disk, its quota and the system's log, then start again; if it still fails, restore a backup "
    "of the folder",
)
_FORBIDDEN: Final = _Trouble(
    "cannot be written",
    "check that its files belong to this user and that its file system is writable, or set local.state",
)
_IN_USE: Final = _Trouble(
    "is in use", "is another uneri using it? stop that one, or set local.state to another folder"
)
_NO_FOLDER: Final = _Trouble(
    "cannot be used", "no folder can be made there: set local.state to another path, such as uneri-state"
)
_OTHER: Final = _Trouble(
    "cannot be used", "check the disk that it is on, or set local.state to a folder on another one"
)

_BY_CODE: Final = {
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_FORMAT: DAMAGED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _FAILS,
    sqlite3.SQLITE_PROTOCOL: _FAILS,
    sqlite3.SQLITE_READONLY: _FORBIDDEN,
    sqlite3.SQLITE_PERM: _FORBIDDEN,
    sqlite3.SQLITE_CANTOPEN: _FORBIDDEN,
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
}
_BY_ERRNO: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EIO: _FAILS,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.EEXIST: _NO_FOLDER,  # as a file
    errno.ENOENT: _NO_FOLDER,  # as in /proc
    errno.ENOTDIR: _NO_FOLDER,
    errno.ELOOP: _NO_FOLDER,
    errno.ENAMETOOLONG: _NO_FOLDER,
}


def explain(error: sqlite3.Error | OSError, state: Path, file: str | None = None) -> str:
    """Return one line: the fault of the state in a folder, SQLite's or the system's words, the remedy.

    Examples
    --------
    >>> explain(OSError(errno.ENOSPC, "No space left on device"), Path("uneri-state"))[:68]
    'the state in uneri-state cannot be written, because the disk is full'
    """
    trouble = _trouble(error, state)
    words = (error.strerror if isinstance(error, OSError) else None) or str(error)
    found = f"{file}: {words}" if file else words
    return f"the state in {state} {trouble.what} ({found}); {trouble.remedy}"


def _trouble(error: sqlite3.Error | OSError, state: Path) -> _Trouble:
    if isinstance(error, DamagedError):
        return DAMAGED
    if isinstance(error, MovedError):
        return _JOURNAL_GONE if isinstance(error, JournalGoneError) else _MOVED
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, _OTHER)
    code = getattr(error, "sqlite_errorcode", None)  # absent where Python raises it
    found = (
        _OTHER if code is None else _BY_CODE.get(code & 0xFF, _OTHER)
    )  # the rest is the place within SQLite
    return _FULL if found in (_FAILS, _FORBIDDEN) and _is_full(state) else found


def _is_full(folder: Path) -> bool:
    """Return whether the disk is full: for files beside the database, SQLite reports only that they fail."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    if disk.f_flag & os.ST_RDONLY:
        return False
    # a file system without a number of inodes reports 0 of 0
    return disk.f_bavail * disk.f_frsize < FULL_BYTES or (disk.f_files > 0 and not disk.f_favail)


class StateFiles(Part):
    """The files of a state folder as they were opened: the number of an open file is not used again.

    Someone may delete, move or replace them, or their folder. Later writes are lost,
    and no lock keeps a second daemon from the same path. What is in a deleted journal is lost with the
    process, unless it closes its database.
    """

    def __init__(self, folder: Path) -> None:
        names = (STATE_LOCK, LOG_FILE, OUTBOX_FILE, *_JOURNALS)
        files = {"the folder": folder} | {name: folder / name for name in names}
        self._opened = {name: (path, path.stat()) for name, path in files.items() if path.exists()}

    def not_ready(self) -> str | None:
        """Return which file is no longer at its path, None if all are."""
        for name, (path, opened) in self._opened.items():
            try:
                if not samestat(path.stat(), opened):
                    return f"{name} is no longer the one that was opened"
            except (FileNotFoundError, NotADirectoryError):
                return f"{name} is gone"
            except OSError:  # the disk fails, and the next write raises how
                continue
        return None

    def check(self) -> None:
        """Raise ``MovedError`` when a file is no longer at its path."""
        if moved := self.not_ready():
            raise (JournalGoneError if moved.startswith(_JOURNALS) else MovedError)(moved)


def check_whole(folder: Path) -> None:
    """Check that the log is there if the outbox is: a daemon creates the log first.

    Raises
    ------
    streams.drivers.local.state_files.DamagedError
        When it is missing or empty, so that a daemon would silently start over.
    """
    if _size(folder / OUTBOX_FILE) and not _size(folder / LOG_FILE):
        found = "is empty" if (folder / LOG_FILE).exists() else "is missing"
        raise DamagedError(f"{found}, though {OUTBOX_FILE} is not")


def lacks_outbox(folder: Path) -> bool:
    """Return whether the outbox is missing or empty."""
    return not _size(folder / OUTBOX_FILE)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
