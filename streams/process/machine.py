"""The processors and the heap of the process. Freed memory is kept, and given back once a minute.

Records from Kafka come in pieces of a megabyte. If each were mapped for itself, or the heap cut when it is
freed, the kernel would clear every page anew: a third of the cost of a lane (benchmarks/contest.py). Kept
memory has its price, too: a restart of a hundred thousand series leaves a free gigabyte, the steps of a day a
tenth of one, between objects that stay.
"""

import ctypes
import os
import time
from collections.abc import Callable
from typing import Final

SECONDS: Final = 60.0  # between two times, of two milliseconds each

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
_LARGEST: Final = 32 * 1024 * 1024  # bytes that are not mapped for themselves: the most that glibc comes to
_KEPT: Final = 2 * _LARGEST  # bytes at the end of a heap: its own rule


def keep_freed() -> bool:
    """Keep freed memory from now on, as glibc does once it has seen a large array freed."""
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    return bool(set_option(_MMAP_THRESHOLD, _LARGEST) and set_option(_TRIM_THRESHOLD, _KEPT))


class Heap:
    """Gives free memory back once a minute; ``clock`` is monotonic, seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock()

    def give_back(self, *, forced: bool = False) -> bool:
        """Give back free memory, unless that was done in the last minute; return whether it was done now."""
        if not forced and self._clock() < self._next:
            return False
        self._next = self._clock() + SECONDS
        return give_back()


def give_back() -> bool:
    """Give free memory back to the system; return whether this system can."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # not glibc
        return False
    trim(0)
    return True


HEAP: Final = Heap()
"""The heap of this process, whatever runs in it."""


def cores() -> int:
    """Return the number of processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        return os.cpu_count() or 1
