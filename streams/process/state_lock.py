"""One daemon for one state: a lock on the folder that the local driver keeps its state in."""

from pathlib import Path
from typing import Final

from streams.process.file_lock import locked

NAME: Final = "lock"


class StateHeldError(Exception):
    """Another process holds the state."""


class StateLock:
    """Holds a state folder until ``close``.

    The kernel lets go of it when the process ends, however it ends, so that a killed daemon leaves nothing
    to be cleaned up. The file is never deleted: whoever opened it before would hold a lock on a file that
    nobody finds any more.

    Raises
    ------
    StateHeldError
        When another process, or another daemon of this one, holds it.
    OSError
        When the folder cannot be written, or its file system knows no locks.
    """

    def __init__(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        try:
            self._file = locked(state / NAME)
        except BlockingIOError:
            raise StateHeldError(f"the state in {state} is in use") from None

    def close(self) -> None:
        """Let go of it."""
        self._file.close()
