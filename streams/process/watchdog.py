"""Ends a process that is stuck, because a restart helps, or whose parent is gone; detects stuck readers."""

import asyncio
import faulthandler
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import wait
from threading import Thread
from typing import Final, Self

HEARTBEAT_SECONDS: Final = 50.0  # without the event loop: a stuck process ends within a minute
STOP_SECONDS: Final = 25.0  # below the 30 s after which orchestrators kill
POLL_SECONDS: Final = 0.5
AWAKE_SECONDS: Final = 2.0  # of a longer gap between two polls: the process was paused, or had no processor
CHECK_SECONDS: Final = 2.0
STUCK_SECONDS: Final = 45.0  # plus the interval between two checks: a stuck process ends within a minute
OPENING_SECONDS: Final = 600.0  # a state may be large

UNOBSERVED_SECONDS: Final = (
    10.0  # a longer gap between two checks means that a busy reader held the event loop
)


class Watchdog:
    """A thread that exits with code 1, after dumping all stacks to standard error, when the process is stuck.

    It is stuck when the event loop has not run for ``timeout`` seconds, when a graceful stop takes too long,
    or when ``report_stuck`` was called because nothing progresses although the loop runs. Only time counts in
    which this thread itself ran: a process that was paused is not stuck. ``clock`` is monotonic, seconds.
    """

    def __init__(
        self, timeout: float = HEARTBEAT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout = timeout
        self._clock = clock
        self._polled_at = clock()
        self._paused = 0.0  # seconds, in all
        self._beat_at = self._awake()
        self._ended = threading.Event()
        self._deadline = float("inf")
        self._stuck: str | None = None
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._polled_at = self._clock()
        self.heartbeat()
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def heartbeat(self) -> None:
        """Note that the event loop runs, or that a long task in it progresses."""
        self._beat_at = self._awake()

    def report_stuck(self, reason: str) -> None:
        """Let the process end for this reason."""
        self._stuck = reason

    def stop_within(self, seconds: float = STOP_SECONDS) -> None:
        """Set the deadline of a graceful stop, unless an earlier one is set."""
        self._deadline = min(self._deadline, self._awake() + seconds)

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()

    def poll(self) -> str | None:
        """Count the time since the last poll, of a pause only ``AWAKE_SECONDS``; return the reason to end."""
        now, clock = self._awake(), self._clock()
        self._polled_at, self._paused = clock, clock - now
        return self.reason()

    def _awake(self) -> float:
        return min(self._clock(), self._polled_at + AWAKE_SECONDS) - self._paused

    def reason(self) -> str | None:
        """Return the reason why the process must end, None without one."""
        now = self._awake()
        if now > self._deadline:
            return "the stop took too long; the next start reads what is in no checkpoint again"
        if now - self._beat_at > self._timeout and self._deadline == float("inf"):  # a stop has no heartbeat
            return f"the event loop has not turned for {self._timeout:.0f} s"
        return self._stuck

    def _watch(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            if reason := self.poll():
                _exit(reason)


def _exit(reason: str) -> None:
    print(f"uneri: {reason}; exiting, all stacks follow", file=sys.stderr)  # noqa: T201 - loggers may hang
    faulthandler.dump_traceback(all_threads=True)
    os._exit(1)


async def guard(
    watchdog: Watchdog,
    check: Callable[[], Awaitable[str | None]],
    on_delay: Callable[[float], None] = lambda _: None,
    every: float = CHECK_SECONDS,
) -> None:
    """Report heartbeats of this event loop, and stuck readers, to a watchdog until cancelled.

    Parameters
    ----------
    check
        Returns the name of a stuck reader. It may wait without delaying the heartbeat.
    on_delay
        Called with the seconds by which the loop was late.
    """
    checking = asyncio.create_task(_check(watchdog, check, every))
    try:
        while not checking.done():
            watchdog.heartbeat()
            due = time.monotonic() + POLL_SECONDS
            await asyncio.sleep(POLL_SECONDS)
            on_delay(max(0.0, time.monotonic() - due))
        await checking  # raises what it raised
    finally:
        checking.cancel()


async def _check(watchdog: Watchdog, check: Callable[[], Awaitable[str | None]], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        if reason := await check():
            watchdog.report_stuck(reason)


def end_with_parent() -> None:
    """Exit at once when the parent process ends, however it ends.

    The workers of a pool that is killed would otherwise wait for work forever.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, name="parent", daemon=True).start()


class StallDetector:
    """Measures how long one reader, such as ``rollup/3``, has made no progress. Time is an argument.

    Time, monotonic seconds, counts only while there is certainly work: a reader that is paused, or waits for
    a broker that does not answer, has not stalled.
    """

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.moved_at = now
        self.saved_at = now
        self._observed_at = now
        self._position: object = None
        self._saved: object = None

    def observe(self, now: float, position: object, saved: object) -> None:
        """Note the reader's position, and the position of its newest durable checkpoint."""
        unobserved, self._observed_at = now - self._observed_at, now
        if unobserved > UNOBSERVED_SECONDS:  # progress could not be seen
            self.moved_at, self.saved_at = self.moved_at + unobserved, self.saved_at + unobserved
        if position != self._position:
            self._position, self.moved_at = position, now
        if saved != self._saved or saved == position:
            self._saved, self.saved_at = saved, now

    def reset_progress(self, now: float) -> None:
        """Note that no progress is possible: there is nothing to read, or the reader is paused."""
        self.moved_at = now

    def reset(self, now: float) -> None:
        """Note that neither progress nor a checkpoint is possible: the broker does not answer."""
        self.moved_at = self.saved_at = now

    def age(self, now: float) -> float:
        """Return the seconds without progress, or without a checkpoint of that progress if longer."""
        return now - min(self.moved_at, self.saved_at)

    def stuck(self, now: float, limit: float = STUCK_SECONDS) -> str | None:
        """Return a description of a stuck reader, None if it is not stuck."""
        if now - self.moved_at > limit:
            return (
                f"{self.name} has read nothing for {now - self.moved_at:.0f} s although records are waiting"
            )
        if now - self.saved_at > limit:
            return f"{self.name} has written no checkpoint for {now - self.saved_at:.0f} s"
        return None
