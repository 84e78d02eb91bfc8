"""Ends a process whose event loop no longer turns: a restart helps, waiting does not."""

import faulthandler
import os
import sys
import threading
import time
from typing import Final

WEDGED_SECONDS: Final = 60.0
STOP_SECONDS: Final = 25.0  # below the 30 s that orchestrators give before they kill


class Watchdog:
    """A thread that ends the process with code 1, all stacks on standard error, unless it hears of a turn."""

    def __init__(self, wedged: float = WEDGED_SECONDS) -> None:
        self._wedged = wedged
        self._turned = time.monotonic()
        self._ended = threading.Event()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self.turned()
        self._thread.start()

    def turned(self) -> None:
        """Note that the event loop is alive."""
        self._turned = time.monotonic()

    def stop_within(self, seconds: float = STOP_SECONDS) -> None:
        """Give a graceful stop its deadline."""
        self._deadline = time.monotonic() + seconds

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            now = time.monotonic()
            if now > self._deadline:
                self._exit(
                    "the stop took too long; what is not in a checkpoint is read again at the next start"
                )
            if now - self._turned > self._wedged:
                self._exit(f"the event loop has not turned for {self._wedged:.0f} s")

    def _exit(self, why: str) -> None:
        print(f"uneri: {why}", file=sys.stderr)  # noqa: T201 - the loggers may be what hangs
        faulthandler.dump_traceback(all_threads=True)
        os._exit(1)
