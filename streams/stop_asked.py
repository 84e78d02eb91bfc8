"""A request to stop, SIGINT or SIGTERM, as an exception: what is half written goes on its way out."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopAsked(KeyboardInterrupt):
    """The process was asked to stop."""


@contextmanager
def stop_asked() -> Iterator[None]:
    """Raise ``StopAsked`` in the block once the process is asked to stop.

    Asked again in the same way, it dies at once; by the other signal, which may come along with the first,
    nothing more happens.
    """

    def ask(number: int, _frame: FrameType | None) -> None:
        for each, handler in before.items():
            signal.signal(each, handler if each == number else _nothing)
        raise StopAsked

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Take a signal that says what is known already."""
