"""How far a daemon has got that learns from what happened before it was there."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from alerting.commands.local_time import shown

LEAST_SECONDS: Final = 900
"""What is no older when a daemon starts is no history: it is behind for other reasons."""
LOGGED_EVERY: Final = 30.0

log = structlog.get_logger("uneri.history")


class Learning:
    """Logs and shows the progress of event time towards the moment from which people are notified.

    Parameters
    ----------
    zone
        Of the times shown.
    clock
        Seconds, monotonic.
    """

    def __init__(self, zone: ZoneInfo, clock: Callable[[], float] = time.monotonic) -> None:
        self._zone = zone
        self._clock = clock
        self._first: tuple[int, float] | None = None  # event time and clock when it began
        self._logged = 0.0
        self.progress: str | None = None

    def observe(self, watermark: int, since: int) -> None:
        """Note that all up to ``watermark`` is judged; learning ends at ``since`` (both epoch seconds)."""
        now = self._clock()
        if self._first is None:
            if not 0 < watermark <= since - LEAST_SECONDS:
                return
            self._first = watermark, now
            log.info(
                "learning from history: nobody is notified of what ended before this daemon was there; "
                "notify.since changes that",
                begins=shown(watermark, self._zone),
                ends=shown(since, self._zone),
            )
            self._logged = now
        first, began = self._first
        if watermark >= since:
            log.info("the history is learnt: from now on people are notified", seconds=round(now - began))
            self._first = self.progress = None
            return
        done = (watermark - first) / (since - first)
        left = f", {timedelta(seconds=round((now - began) * (1 - done) / done))} left" if done else ""
        self.progress = f"{done:.0%} of the history, at {shown(watermark, self._zone)}{left}"
        if now - self._logged >= LOGGED_EVERY:
            self._logged = now
            log.info("learning from history", progress=self.progress)
