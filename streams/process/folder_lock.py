"""One command for one folder of results: whoever comes second is refused, not mixed with the first."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from streams.process.file_lock import locked

NAME: Final = ".lock"


class FolderHeldError(Exception):
    """Another command writes to the folder; the text says what helps."""


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made where it is missing, for as long as the block runs.

    The kernel lets go of it when the process ends, however it ends. The file is gone after a block that
    ended; one that a killed process left holds nobody up.

    Raises
    ------
    FolderHeldError
        When another process, or another block of this one, holds it.
    OSError
        When the folder cannot be written, or its file system knows no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with _held(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held: nobody else's can have this name


@contextmanager
def _held(path: Path) -> Iterator[None]:
    while True:
        try:
            file = locked(path)
        except BlockingIOError:
            raise FolderHeldError(
                f"{path.parent}: another uneri writes its results there; "
                "wait for it, or choose another folder with --out"
            ) from None
        with file:
            if _is_at(path, file):
                yield
                return
        # its holder ended, and deleted it, between opening and locking


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Return whether the path still names the open file."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(file.fileno()))
