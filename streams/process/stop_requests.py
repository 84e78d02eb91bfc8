"""Requests to stop, SIGINT or SIGTERM, while a command loads, works, or reads in pieces; and SIGHUP."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import structlog

INTERRUPTED: Final = 130
"""Exit code of a command that was interrupted."""

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

SAME_SECONDS: Final = 1.0

log = structlog.get_logger("uneri.process")


class StopRequested(KeyboardInterrupt):
    """The process received a request to stop."""


def stop_daemon_on_signals(stop: Callable[[], None], reload: Callable[[], object]) -> None:
    """Call ``stop`` in the event loop on SIGINT and SIGTERM, and when the terminal closes (SIGHUP).

    The same signal once more ends the process at once, as a crash would: nothing durable is lost. Within a
    second it counts as the same request, since some launchers repeat the signal of the terminal.

    Without a terminal, SIGHUP calls ``reload``, also one that waits since the start (``main``). Where it was
    ignored before, as under ``nohup``, it stays ignored.
    """
    loop = asyncio.get_running_loop()
    first: dict[signal.Signals, float] = {}

    def request(number: signal.Signals) -> None:
        now = loop.time()
        if now > first.setdefault(number, now) + SAME_SECONDS:
            log.warning("stopped at once, without finishing what was under way; nothing stored is lost")
            os._exit(128 + number)
        stop()

    for signals in SIGNALS:
        loop.add_signal_handler(signals, request, signals)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        has_terminal = any(os.isatty(number) for number in range(3))
        loop.add_signal_handler(signal.SIGHUP, stop if has_terminal else reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def exit_now(_number: int, _frame: FrameType | None) -> None:
    """Exit at once, as a signal handler, when there is nothing to clean up."""
    os._exit(INTERRUPTED)


@contextmanager
def exiting_on_stop() -> Iterator[None]:
    """Exit at once on a request in the block: an exception during an import is not safe."""
    with _handled(exit_now):
        yield


@contextmanager
def raising_on_stop() -> Iterator[None]:
    """Raise ``StopRequested`` on a request in the block, so that partial files are cleaned up.

    A repeated signal has its previous effect; the other one, which may accompany the first, is ignored.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for handled, previous in before.items():
            signal.signal(handled, previous if handled == number else _ignore)
        raise StopRequested

    with _handled(interrupt) as before:
        yield


@contextmanager
def recording_stop() -> Iterator[list[int]]:
    """Yield a list that contains the signal after a request; a repeated signal has its previous effect."""
    received: list[int] = []

    def record(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, before[signal.Signals(number)])

    with _handled(record) as before:
        yield received


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[dict[signal.Signals, Any]]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield before
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
