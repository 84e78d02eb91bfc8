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


@contextmanager
def interrupting() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` in the block, whichever of the two asks."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt):
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


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[dict[signal.Signals, Any]]:
    before = {number: signal.signal(number, handler) for number in BOTH}
    try:
        yield before
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
