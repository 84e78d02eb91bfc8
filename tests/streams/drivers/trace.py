"""Records which functions of the product are called first, in which order and on which thread."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[3]
PACKAGES = tuple(f"{ROOT}/{name}/" for name in ("streams", "alerting", "detectors"))


class Call(NamedTuple):
    """The first call of a function."""

    module: str  # its path in the project
    name: str  # as Python qualifies it, without what is local to a function
    thread: str


class Trace:
    """The first calls since the last ``clear``, in their order."""

    def __init__(self) -> None:
        self._first: dict[CodeType, str] = {}

    def clear(self) -> None:
        """Forget all calls."""
        self._first = {}

    def calls(self) -> list[Call]:
        """Return the first call of each function."""
        return [
            Call(code.co_filename.removeprefix(f"{ROOT}/"), _name(code), thread)
            for code, thread in self._first.copy().items()
            if code.co_filename.startswith(PACKAGES)
        ]

    def has(self, name: str) -> bool:
        """Return whether a function was called."""
        return any(_name(code) == name for code in self._first.copy())

    def note(self, frame: FrameType, event: str, _value: Any) -> None:
        """Take a call in, as the interpreter reports it."""
        if event == "call" and frame.f_code not in self._first:
            self._first[frame.f_code] = threading.current_thread().name


def _name(code: CodeType) -> str:
    return code.co_qualname.partition(".<locals>")[0]


@contextmanager
def traced() -> Iterator[Trace]:
    """Trace this thread, and those that begin meanwhile."""
    trace = Trace()
    threading.setprofile(trace.note)
    sys.setprofile(trace.note)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
