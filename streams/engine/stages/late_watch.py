"""Logs that most records of a source are not judged, and why; and that pages wait for late records."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
import structlog

from streams.engine.decode.rejected import Rejected, RejectReason
from streams.engine.stages.dead_letter_limit import WINDOW, counted

MOST: Final = 0.5  # share from which on it is reported
EASED: Final = 0.1  # share from which on it is no longer

log = structlog.get_logger("uneri.late")


class Unjudged(IntEnum):
    """Why a record is not judged."""

    LATE = 0
    AHEAD = 1
    BAD = 2


AHEAD: Final = (
    "most records are not judged: they claim a time after their arrival. Check the clock of this host or, "
    "with Kafka, the time stamps of its records (`uneri check`); then the senders' clocks"
)

LATE_BY_AHEAD: Final = (
    "most records are late: one from the future has moved time ahead of this host's clock, which has to "
    "catch up. Set message.timestamp.type of the topic to LogAppendTime, or bound its "
    "message.timestamp.after.max.ms"
)

_MISSED: Final = {
    Unjudged.LATE: "most records are not judged: they are late. Replay history with `uneri replay`; else "
    "check the senders' clocks and delays, or raise time.lateness",
    Unjudged.AHEAD: AHEAD,
    Unjudged.BAD: "most records are not judged: they cannot be read. Correct what their senders send",
}


DELAYED: Final = 300.0, 3600.0
"""Seconds: a usual delay between these is logged, since every page waits as long; a longer one is history."""


class LateWatch:
    """The share of late and refused records among about the last ``WINDOW``, and why; and their usual delay.

    Each is logged once when it exceeds its bound, and once when it has come down.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._records = 0.0
        self._missed = np.zeros(len(Unjudged))
        self.reported = self._delayed = False

    @property
    def share(self) -> float:
        """The share, from 0 to 1."""
        return float(self._missed.sum()) / self._records if self._records else 0.0

    @property
    def is_ahead(self) -> bool:
        """Whether most records claim a time after their arrival: one of the two clocks is wrong."""
        return bool(self._missed[Unjudged.AHEAD] > MOST * self._least)

    @property
    def is_late(self) -> bool:
        """Whether most records are late."""
        return bool(self._missed[Unjudged.LATE] > MOST * self._least)

    def feed(self, records: int, late: int, rejected: Sequence[Rejected], watermark: int) -> None:
        """Count a run of records, some of them late or refused; time had reached ``watermark``."""
        kept = max(0.0, 1.0 - records / WINDOW)
        part = WINDOW / max(records, WINDOW)  # a long run is forgotten as soon
        bad = counted(rejected)
        self._records = kept * self._records + part * records
        self._missed = kept * self._missed + part * np.array((late, len(rejected) - len(bad), len(bad)))
        if not self.reported and self._missed.sum() > MOST * self._least:
            self.reported = True
            why = Unjudged(int(self._missed.argmax()))
            ahead = why is Unjudged.AHEAD
            alike = (last for last in reversed(rejected) if (last.reason is RejectReason.FAR_FUTURE) is ahead)
            last = next(alike, None) if why is not Unjudged.LATE else None
            log.warning(
                _MISSED[why],
                source=self._source,
                share=f"{self.share:.0%}",
                event_time=watermark,
                **({"reason": last.reason.value, "detail": last.detail} if last else {}),
            )
        elif self.reported and self.share < EASED:
            self.reported = False
            log.info("records are judged again", source=self._source)

    def note_delay(self, delay: float) -> None:
        """Note the usual delay of records, seconds: time goes on that far behind the clock."""
        low, high = DELAYED
        if not self._delayed and low <= delay < high:
            self._delayed = True
            log.warning(
                "most records arrive late, and every page waits as long: a shipper is slow, or somebody "
                "sends old records. Mend or stop it",
                source=self._source,
                delay_seconds=round(delay),
            )
        elif self._delayed and delay < low / 2:
            self._delayed = False
            log.info("most records arrive in time again", source=self._source)

    @property
    def _least(self) -> float:
        return max(self._records, WINDOW / 10)
