"""A request to stop, SIGINT or SIGTERM, as an exception: what is half written goes on its way out."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopAsked(KeyboardInterrupt):
    """The process was asked to stop."""


@contextmanager
def stop_asked() -> Iterator[None]:
    """Raise ``StopAsked`` in the block once the process is asked to stop; asked again, it dies at once."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        restore()
        raise StopAsked

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        restore()
