"""Ends a pool's worker when its parent process ends, however that ends."""

import multiprocessing
import os
from multiprocessing.connection import wait
from threading import Thread


def end_with_parent() -> None:
    """Watch the parent from a thread, and exit at once when it is gone.

    Nothing notifies the workers of a pool that is killed: they would wait for work forever.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, name="parent", daemon=True).start()
