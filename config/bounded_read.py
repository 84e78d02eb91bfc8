"""Reads a file that a person named, whatever it is, within bounds of size and time."""

import contextlib
import errno
import os
import select
import time
from pathlib import Path
from typing import Final

PATIENCE_SECONDS: Final = 10.0  # with a pipe that nobody writes to
_PIECE: Final = 1 << 20


def read_bounded(path: Path, most: int) -> bytes:
    """Return the contents; of a file larger than ``most`` bytes, its first ``most + 1``.

    Raises
    ------
    OSError
        When it cannot be read. ``TimeoutError`` when it is a pipe that is not written to.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # else a pipe without a writer is waited for here
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        until = time.monotonic() + PATIENCE_SECONDS
        contents = bytearray()
        while len(contents) <= most:
            if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
                raise TimeoutError(
                    errno.ETIMEDOUT, f"nothing was written to it within {PATIENCE_SECONDS:.0f} s"
                )
            with contextlib.suppress(BlockingIOError):
                piece = os.read(descriptor, min(_PIECE, most + 1 - len(contents)))
                if not piece:
                    break
                contents += piece
        return bytes(contents)
    finally:
        os.close(descriptor)
