"""Requests to stop, SIGINT or SIGTERM, while a command loads, works, or reads in pieces."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

INTERRUPTED: Final = 130
"""Exit code of a command that was interrupted."""

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class StopRequested(KeyboardInterrupt):
    """The process received a request to stop."""


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
        for each, previous in before.items():
            signal.signal(each, previous if each == number else _ignore)
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
