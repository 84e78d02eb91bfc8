"""A process of a pool ends with the process that started it, however that ends."""

import multiprocessing
import os
from multiprocessing.connection import wait
from threading import Thread


def end_with_parent() -> None:
    """Watch the parent from a thread of its own, and end this process at once when it is gone.

    A pool that is killed tells its processes nothing: they would wait for work for good.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, name="parent", daemon=True).start()
