"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

PLAIN_EVERY = 10.0  # seconds between two lines where no bar can be drawn


class Progress:
    """Shows how much is done, how fast, and which event time has been reached."""

    def __init__(self, verb: str, stream: TextIO) -> None:
        self._verb = verb
        self._stream = stream
        self._began = self._said = time.monotonic()
        self._bar: Bar | None = None
        if stream.isatty():
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[detail]}"),
                TimeRemainingColumn(),
                console=Console(file=stream),
                transient=True,
            )
            self._task = self._bar.add_task(verb, total=1.0, detail="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, done: float, records: int, reached: int) -> None:
        """Take the fraction done, records so far and the event time reached (0 when there is none yet)."""
        now = time.monotonic()
        rate = records / max(now - self._began, 1e-9)
        when = f"{datetime.fromtimestamp(reached, UTC):%Y-%m-%d %H:%M}" if reached else ""
        detail = f"{records:,} records, {rate:,.0f}/s  {when}"
        if self._bar:
            self._bar.update(self._task, completed=done, detail=detail)
        elif now - self._said >= PLAIN_EVERY:
            self._said = now
            self._stream.write(f"{self._verb}: {done:.0%}, {detail}\n")
            self._stream.flush()
