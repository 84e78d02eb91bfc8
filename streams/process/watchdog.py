"""Ends a process that is wedged: a restart helps, waiting does not."""

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Final

TURN_SECONDS: Final = 50.0  # without a turn of the event loop, so that a wedged process ends within a minute
STOP_SECONDS: Final = 25.0  # below the 30 s that orchestrators give before they kill
POLL_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 2.0


class Watchdog:
    """A thread that ends the process with code 1, all stacks on standard error, when it is wedged.

    It is, when the event loop does not turn, when a graceful stop takes too long, or when ``wedged`` was
    called by who found out that nothing gets on although the loop turns.

    Parameters
    ----------
    turn
        Seconds within which the event loop must turn.
    clock
        Seconds, monotonic.
    """

    def __init__(self, turn: float = TURN_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._turn = turn
        self._clock = clock
        self._turned = clock()
        self._ended = threading.Event()
        self._deadline = float("inf")
        self._why: str | None = None
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self.turned()
        self._thread.start()

    def turned(self) -> None:
        """Note that the event loop is alive, or that a long piece of work in it gets on."""
        self._turned = self._clock()

    def wedged(self, why: str) -> None:
        """Let the process end for this reason."""
        self._why = why

    def stop_within(self, seconds: float = STOP_SECONDS) -> None:
        """Give a graceful stop its deadline."""
        self._deadline = self._clock() + seconds

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()

    def why(self) -> str | None:
        """Return why the process has to end, None when it has not."""
        now = self._clock()
        if now > self._deadline:
            return "the stop took too long; what is not in a checkpoint is read again at the next start"
        if now - self._turned > self._turn:
            return f"the event loop has not turned for {self._turn:.0f} s"
        return self._why

    def _watch(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            if why := self.why():
                _exit(why)


def _exit(why: str) -> None:
    print(f"uneri: {why}; all stacks follow, the process ends", file=sys.stderr)  # noqa: T201 - loggers may hang
    faulthandler.dump_traceback(all_threads=True)
    os._exit(1)


async def guard(
    watchdog: Watchdog,
    look: Callable[[], Awaitable[str | None]],
    delayed: Callable[[float], None] = lambda _: None,
    every: float = LOOK_SECONDS,
) -> None:
    """Tell a watchdog of the turns of this event loop and of what does not get on, until cancelled.

    Parameters
    ----------
    watchdog
        Who is told.
    look
        Returns what is wedged. It may wait: the loop is seen to turn meanwhile.
    delayed
        Told by how much the loop came late to a turn, seconds.
    every
        Seconds between two looks.
    """
    looking = asyncio.create_task(_look(watchdog, look, every))
    try:
        while not looking.done():
            watchdog.turned()
            due = time.monotonic() + POLL_SECONDS
            await asyncio.sleep(POLL_SECONDS)
            delayed(max(0.0, time.monotonic() - due))
        await looking  # what it raised
    finally:
        looking.cancel()


async def _look(watchdog: Watchdog, look: Callable[[], Awaitable[str | None]], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        if why := await look():
            watchdog.wedged(why)
