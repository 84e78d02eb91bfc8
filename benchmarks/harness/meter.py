"""CPU and wall time of a process over a stretch of a topic, as the kernel accounts them.

Only the standard library: peers import this in an environment of their own.
"""

import json
import math
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

PARTITIONS = 8


class _Spent(NamedTuple):
    wall: float
    user: float
    system: float

    @classmethod
    def now(cls) -> "_Spent":
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(time.perf_counter(), usage.ru_utime, usage.ru_stime)


class Meter:
    """Started when so many ``warm`` records of every partition were read, stopped by the last or the time."""

    def __init__(self, expected: int = 0, warm: int = 0, seconds: float = math.inf) -> None:
        self.over = False
        self.read = [0] * PARTITIONS
        self.on_start: Callable[[], None] = lambda: None
        self.on_stop: Callable[[], None] = lambda: None
        self._expected = expected
        self._warm = warm
        self._seconds = seconds
        self._before = self._measured = 0
        self._started: _Spent | None = None
        self._spent = _Spent(0.0, 0.0, 0.0)

    @classmethod
    def of(cls, words: list[str]) -> "Meter":
        """Return that of a command line: records, those of a partition that warm up, seconds if bounded."""
        expected, warm, seconds = [*words, *("0", "0", "inf")[len(words) :]]
        return cls(int(expected), int(warm), float(seconds))

    @property
    def running(self) -> bool:
        """Whether the clock runs."""
        return self._started is not None and not self.over

    def took(self, partition: int, records: int = 1) -> bool:
        """Count what is where it belongs, and stop when that is enough; return whether it is over."""
        self.count(partition, records)
        if not self.over and self.enough:
            self.stop()
        return self.over

    def count(self, partition: int, records: int) -> None:
        """Count so many more records of a partition as done."""
        self.read[partition] += records
        if self._started is None and min(self.read) >= self._warm:
            self.start()

    @property
    def enough(self) -> bool:
        """Whether all was read, or the time is up."""
        late = self._started is not None and time.perf_counter() >= self._started.wall + self._seconds
        return late or sum(self.read) >= self._expected

    def start(self) -> None:
        """Begin."""
        self._before = sum(self.read)
        self.on_start()
        self._started = _Spent.now()

    def stop(self) -> None:
        if self._started is None:
            raise SystemExit("no record came after those that warm up")
        now = _Spent.now()
        self.on_stop()
        self._spent = _Spent(*(end - begin for end, begin in zip(now, self._started, strict=True)))
        self._measured = sum(self.read) - self._before
        self.over = True

    def report(self, **more: Any) -> None:
        """Print what was measured, as a line of JSON."""
        line = {"records": self._measured, **self._spent._asdict(), "read": self.read, **more}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
