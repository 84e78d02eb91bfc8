"""A lock on a file that ends with whoever holds it: the kernel lets go of it however a process ends."""

import fcntl
from pathlib import Path
from typing import BinaryIO


def locked(path: Path) -> BinaryIO:
    """Open a file, made where it is missing, and lock it for as long as it stays open.

    Raises
    ------
    BlockingIOError
        When another process, or another opening of this one, holds it.
    OSError
        When it cannot be written, or its file system knows no locks.
    """
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file
