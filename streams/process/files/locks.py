"""Locks on folders: one daemon per state, one command per results.

The kernel releases them when the process ends, however it ends, so a killed process blocks no one.
"""

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from streams.process.files.state_folder import STATE_LOCK, make_private

OUTPUT_LOCK: Final = ".lock"
_RETRY_SECONDS: Final = 0.1  # a holder may delete its file between our opening and locking it


class FolderLockedError(Exception):
    """Another process holds the folder; the message includes the remedy."""


def lock_state(folder: Path) -> FileLock:
    """Lock a state folder, created if missing and private from then on, until ``release``.

    Raises
    ------
    FolderLockedError
        When another process, or another lock of this one, holds it.
    streams.process.files.state_folder.OpenFolderError
        When other users keep access to it.
    OSError
        When the folder is not writable or its file system does not support locks.
    """
    make_private(folder)
    return _lock(
        folder / STATE_LOCK,
        f"the state in {folder} is in use: is another uneri using it? "
        "stop that one, or set local.state to another folder",
    )


@contextmanager
def locked_output(folder: Path) -> Iterator[None]:
    """Lock a folder of results, created if missing, during the block; the lock file is deleted afterwards.

    Raises
    ------
    FolderLockedError
        When another process, or another block of this one, holds it.
    OSError
        When the folder is none, is not writable, or its file system does not support locks.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is no folder", str(folder))
    message = (
        f"{folder}: another uneri writes its results there; wait for it, or choose another folder with --out"
    )
    with _locked(folder / OUTPUT_LOCK, message):
        yield


def locked_file(file: Path, message: str) -> AbstractContextManager[None]:
    """Lock a file that several processes may rewrite, during the block.

    Raises
    ------
    FolderLockedError
        When another process, or another block of this one, holds it; with ``message``.
    OSError
        When its folder is not writable or the file system does not support locks.
    """
    return _locked(file.with_name(f".{file.name}.lock"), message)


@contextmanager
def _locked(path: Path, message: str) -> Iterator[None]:
    lock = _lock(path, message)
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)  # before the release: afterwards it may be another's
        lock.release()


def _lock(path: Path, message: str) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    # mode: who may open the file may hold the lock; no fallback: its marker files outlive a killed process
    lock = FileLock(path, timeout=_RETRY_SECONDS, mode=0o600, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(poll_interval=_RETRY_SECONDS / 5)
    except Timeout:
        raise FolderLockedError(message) from None
    return lock
