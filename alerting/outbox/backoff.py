"""Exponential backoff with jitter after failed calls."""

import random
from typing import Final

FIRST: Final = 1.0  # seconds
LONGEST: Final = 300.0  # seconds


class Backoff:
    """Backoff per destination and method; ``rng`` supplies the jitter."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures: dict[tuple[str, str], int] = {}

    def wait(self, destination: str, method: str) -> float:
        """Count a failure; return the seconds to wait."""
        failures = self._failures[destination, method] = self._failures.get((destination, method), 0) + 1
        full: float = min(LONGEST, FIRST * 2 ** min(failures - 1, 16))
        return full * self._rng.uniform(0.5, 1.0)

    def worked(self, destination: str, method: str) -> None:
        """Reset after a success."""
        self._failures.pop((destination, method), None)
