"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, NamedTuple, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

PLAIN_EVERY: Final = 10.0  # seconds between two lines where no bar can be drawn
DRAWN_EVERY: Final = 0.1  # seconds between two states of the bar
NOTED_EVERY: Final = 0.5  # seconds between two moments that are remembered
RATE_OVER: Final = 10.0  # seconds that the rate is of
LEFT_OVER: Final = 60.0  # seconds that the time left is worked out from: it should not jump about
LEFT_FROM: Final = 2.0  # seconds of work before anything is said of the time left


class _Moment(NamedTuple):
    at: float  # seconds of the clock
    done: float
    records: int


class Progress:
    """Shows how much is done, how fast in the last seconds, which event time was reached, and the time left.

    The first ``show`` is where the work begins: what an earlier run had done counts neither for the rate nor
    for the time left.

    Parameters
    ----------
    verb
        What is done.
    stream
        Where it is shown.
    clock
        Gives seconds.
    unit
        What is counted.
    """

    def __init__(
        self,
        verb: str,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
        *,
        unit: str = "records",
    ) -> None:
        self._verb = verb
        self._unit = unit
        self._stream = stream
        self._clock = clock
        self._moments: deque[_Moment] = deque()
        self._said = clock()
        self._bar: Bar | None = None
        if stream.isatty():
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[detail]}"),
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
        now = _Moment(self._clock(), done, records)
        self._note(now)
        if now.at - self._said < (DRAWN_EVERY if self._bar else PLAIN_EVERY):
            return
        self._said = now.at
        detail = ", ".join(self._details(now, reached))
        if self._bar:
            self._bar.update(self._task, completed=done, detail=detail)
        else:
            self._stream.write(f"{self._verb}: {done:.0%}, {detail}\n")
            self._stream.flush()

    def _note(self, now: _Moment) -> None:
        moments = self._moments
        if moments and now.at - moments[-1].at < NOTED_EVERY:
            return
        moments.append(now)
        while len(moments) > 1 and moments[1].at <= now.at - LEFT_OVER:
            moments.popleft()

    def _before(self, now: _Moment, seconds: float) -> _Moment:
        """Return what was at least so long ago, or the beginning."""
        for moment in reversed(self._moments):
            if moment.at <= now.at - seconds:
                return moment
        return self._moments[0]

    def _details(self, now: _Moment, reached: int) -> list[str]:
        told = [f"{now.records:,} {self._unit}"]
        since = self._before(now, RATE_OVER)
        if now.at > since.at:
            rate = (now.records - since.records) / (now.at - since.at)
            told.append(f"{rate:,.{int(0 < rate < 10)}f}/s")  # noqa: PLR2004 - trials take seconds
        if reached:
            told.append(f"at {datetime.fromtimestamp(reached, UTC):%Y-%m-%d %H:%M}")
        since = self._before(now, LEFT_OVER)
        if now.at - since.at >= LEFT_FROM and now.done > since.done:
            left = max(1 - now.done, 0) * (now.at - since.at) / (now.done - since.done)
            told.append(f"{timedelta(seconds=round(left))} left")
        return told
