"""CPU and wall time of a process from its first record to its last, as the kernel accounts them."""

import json
import resource
import sys
import time
from typing import Any


class Meter:
    """Started by the first record, stopped by the last; then tells what it saw as one line of JSON."""

    def __init__(self) -> None:
        self._started: tuple[float, float] | None = None
        self._wall = self._cpu = 0.0

    def start(self) -> None:
        """Begin, unless begun."""
        if self._started is None:
            self._started = time.perf_counter(), self._spent()

    def stop(self) -> None:
        if self._started is None:
            raise SystemExit("no record came")
        wall, cpu = self._started
        self._wall, self._cpu = time.perf_counter() - wall, self._spent() - cpu

    def tell(self, records: int, **more: Any) -> None:
        told = {"records": records, "cpu": self._cpu, "wall": self._wall, **more}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    @staticmethod
    def _spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime
