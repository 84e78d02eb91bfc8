"""Fails when a block leaves a thread, or something whose collection warns."""

import contextlib
import gc
import sys
import threading
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Fail when the block leaves a thread, or something whose collection warns."""
    found: list[object] = []
    gc.collect()  # what others left is theirs
    gc.freeze()  # and all that is alive need not be looked at again
    threads = set(threading.enumerate())
    before, sys.unraisablehook = sys.unraisablehook, lambda given: found.append(given.exc_value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", "(read|open)_text is deprecated", DeprecationWarning)
            yield
            gc.collect()
    finally:
        sys.unraisablehook = before
    assert found == []
    assert not set(threading.enumerate()) - threads
