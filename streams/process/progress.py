"""Progress of long work: a bar on a terminal, occasional lines elsewhere."""

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

LINE_EVERY: Final = 10.0  # seconds between two lines where there is no bar
DRAW_EVERY: Final = 0.1  # seconds between two updates of the bar
SAMPLE_EVERY: Final = 0.5  # seconds between two samples
RATE_OVER: Final = 10.0  # seconds that the rate covers
LEFT_OVER: Final = 60.0  # seconds that the time left is estimated from, so that it changes smoothly
LEFT_FROM: Final = 2.0  # seconds of work before the time left is estimated


class _Sample(NamedTuple):
    at: float  # seconds of the clock
    done: float
    records: int


class Progress:
    """Shows the fraction done, the rate of the last seconds, the event time reached, and the time left.

    The first ``show`` marks the start: work of an earlier run counts neither for the rate nor for the time
    left. ``verb`` names the work, ``unit`` the things that ``show`` counts; ``clock`` is monotonic, seconds.
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
        self._samples: deque[_Sample] = deque()
        self._shown_at = clock()
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

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, done: float, records: int, reached: int) -> None:
        """Show the fraction done, the records so far and the event time reached (0 if none yet)."""
        now = _Sample(self._clock(), done, records)
        self._sample(now)
        if now.at - self._shown_at < (DRAW_EVERY if self._bar else LINE_EVERY):
            return
        self._shown_at = now.at
        detail = ", ".join(self._details(now, reached))
        if self._bar:
            self._bar.update(self._task, completed=done, detail=detail)
        else:
            self._stream.write(f"{self._verb}: {done:.0%}, {detail}\n")
            self._stream.flush()

    def _sample(self, now: _Sample) -> None:
        samples = self._samples
        if samples and now.at - samples[-1].at < SAMPLE_EVERY:
            return
        samples.append(now)
        while len(samples) > 1 and samples[1].at <= now.at - LEFT_OVER:
            samples.popleft()

    def _before(self, now: _Sample, seconds: float) -> _Sample:
        """Return the newest sample that is at least that old, or the first."""
        old = (sample for sample in reversed(self._samples) if sample.at <= now.at - seconds)
        return next(old, self._samples[0])

    def _details(self, now: _Sample, reached: int) -> list[str]:
        details = [f"{now.records:,} {self._unit}"]
        since = self._before(now, RATE_OVER)
        if now.at > since.at:
            rate = (now.records - since.records) / (now.at - since.at)
            details.append(f"{rate:,.{int(0 < rate < 10)}f}/s")  # noqa: PLR2004 - trials take seconds
        if reached:
            details.append(f"at {datetime.fromtimestamp(reached, UTC):%Y-%m-%d %H:%M}")
        since = self._before(now, LEFT_OVER)
        if now.at - since.at >= LEFT_FROM and now.done > since.done:
            left = max(1 - now.done, 0) * (now.at - since.at) / (now.done - since.done)
            details.append(f"{timedelta(seconds=round(left))} left")
        return details
