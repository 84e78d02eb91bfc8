"""A request to stop, SIGINT or SIGTERM: while a command loads, works, or reads in pieces."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

INTERRUPTED: Final = 130
"""Exit code of a command that was asked to stop."""

BOTH: Final = (signal.SIGINT, signal.SIGTERM)


def leave(_number: int, _frame: FrameType | None) -> None:
    """Leave at once, as a signal handler: for when there is nothing to clean up."""
    os._exit(INTERRUPTED)


@contextmanager
def leaving() -> Iterator[None]:
    """Leave at once where it is asked for in the block: exceptions in an import are not safe."""
    with _handled(leave):
        yield


class StopAsked(KeyboardInterrupt):
    """The process was asked to stop."""


@contextmanager
def interrupting() -> Iterator[None]:
    """Raise ``StopAsked`` in the block once it is asked for: what is half written goes on its way out.

    Asked again in the same way, it is as before the block; by the other signal, which may come along with the
    first, nothing more happens.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each, usual in before.items():
            signal.signal(each, usual if each == number else _nothing)
        raise StopAsked

    with _handled(interrupt) as before:
        yield


@contextmanager
def noting() -> Iterator[list[int]]:
    """Give a list that has something in it once it is asked for; asked again, it is as before the block."""
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(number, before[signal.Signals(number)])

    with _handled(note) as before:
        yield asked


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Take a signal that says what is known already."""


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[dict[signal.Signals, Any]]:
    before = {number: signal.signal(number, handler) for number in BOTH}
    try:
        yield before
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
