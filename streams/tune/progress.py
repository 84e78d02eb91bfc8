"""Progress of a search: trials done and the time left; a line now and then where no bar can be drawn."""

import time
from types import TracebackType
from typing import Final, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_EVERY: Final = 10.0


class TrialProgress:
    """Counts trials up to the number that is planned; what comes of the pick is put to it."""

    def __init__(self, planned: int, stream: TextIO) -> None:
        self._planned, self._stream = planned, stream
        self._done = 0
        self._began = self._said = time.monotonic()
        self._bar: Progress | None = None
        if stream.isatty():
            self._bar = Progress(
                TextColumn("trials"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(file=stream),
                transient=True,
            )
            self._task = self._bar.add_task("trials", total=planned)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def done(self) -> None:
        """Take one more trial as done."""
        self._done += 1
        self._planned = max(self._planned, self._done)
        now = time.monotonic()
        if self._bar:
            self._bar.update(self._task, completed=self._done, total=self._planned)
        elif now - self._said >= PLAIN_EVERY:
            self._said = now
            left = (now - self._began) / self._done * (self._planned - self._done)
            self._stream.write(f"tune: {self._done} of {self._planned} trials, {left:,.0f} s left\n")
            self._stream.flush()
