"""A host's clock that is wrong, and that is set while a daemon runs: libfaketime reads it from a file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

CLOCK: Final = f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketime.so.1"
_CLOCK_ALONE: Final = {"LD_PRELOAD": CLOCK, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def _require() -> None:
    if not Path(CLOCK).exists():
        pytest.skip("libfaketime is not installed (Debian, Ubuntu: apt-get install faketime)")


def wrong_clock(ahead: float) -> Mapping[str, str]:
    """Return the variables of a process whose clock is ahead by so many seconds, or behind, for its life."""
    _require()
    return {
        **_CLOCK_ALONE,
        "FAKETIME": f"{ahead:+.0f}s",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else every wait of a JVM ends at once, on two cores
    }


class HostClock:
    """The clock of a host; a daemon with its ``environment`` reads it. Monotonic time is always right.

    ``time.sleep`` fails under libfaketime 0.9.10, which moves its deadline as if that were of this clock.

    Parameters
    ----------
    file
        Written here.
    ahead
        Seconds that it is ahead of the true time at first, negative if it is behind.
    """

    def __init__(self, file: Path, ahead: float = 0) -> None:
        _require()
        self._file = file
        self.set(ahead)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of a process that reads this clock."""
        return {
            **_CLOCK_ALONE,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, ahead: float) -> None:
        """Set the clock, at once."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{ahead:+.3f}\n")
        part.replace(self._file)
