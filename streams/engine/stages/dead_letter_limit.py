"""Too many bad records of a source stop dead-lettering; that most are not judged is logged.

A topic of garbage, or the wrong topic, must not be drained into the dead letters unnoticed.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import structlog

from config.settings import DeadLetterSettings
from detectors.state.state import pack, unpack
from streams.engine.decode.rejected import Rejected, RejectReason

WINDOW: Final = 1000  # records that the share refers to
_AHEAD: Final = RejectReason.FAR_FUTURE
KEPT: Final = 2 * WINDOW  # a record may turn out bad late, and those after it are counted again


class LimitExceeded(NamedTuple):
    """The record that exceeds the limit."""

    rejected: Rejected
    why: str  # "51 bad records in a row"


class DeadLetterLimit:
    """Counts the bad records of one source, in order.

    Where the limit is exceeded depends only on the records, not on how they are divided into runs, nor on
    restarts if its state is restored. Records before the first count as valid. Only a bad record can exceed
    the limit.

    With ``stop: false`` nothing is counted.
    """

    VERSION = 1

    def __init__(self, settings: DeadLetterSettings) -> None:
        self._settings = settings
        self._bad = np.zeros(KEPT, np.bool_)
        self._any = False

    def copy(self) -> "DeadLetterLimit":
        """Return one that counts on by itself."""
        other = DeadLetterLimit(self._settings)
        other._bad, other._any = self._bad, self._any
        return other

    def feed(self, records: int, rejected: Sequence[Rejected]) -> LimitExceeded | None:
        """Count a run of records; return where it exceeds the limit, None if it does not.

        ``records`` are all, valid or not; the index of a rejected record of an earlier run is negative.
        """
        if not self._settings.stop or not (self._any or rejected):
            return None
        bad, exceeded = self._counted(records, rejected)
        self._bad = bad[-KEPT:]
        self._any = bool(self._bad.any())
        return exceeded

    def would_exceed(self, records: int, rejected: Sequence[Rejected]) -> LimitExceeded | None:
        """Return the result of ``feed`` without counting."""
        if not self._settings.stop or not rejected:
            return None
        return self._counted(records, rejected)[1]

    def _counted(
        self, records: int, rejected: Sequence[Rejected]
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], LimitExceeded | None]:
        bad = np.concatenate((self._bad, np.zeros(records, np.bool_)))
        at = {KEPT + record.index: record for record in rejected if record.index >= -KEPT}
        if not at:
            return bad, None
        bad[list(at)] = True
        place = np.arange(len(bad))
        row = place - np.maximum.accumulate(np.where(bad, -1, place))
        count = np.cumsum(bad)
        count[WINDOW:] -= count[:-WINDOW].copy()
        too_long, too_many = row > self._settings.in_a_row, count > self._settings.share * WINDOW
        exceeds = bad & (too_long | too_many)
        exceeds[: min(at)] = False  # unchanged since an earlier run
        if not exceeds.any():
            return bad, None
        first = int(np.argmax(exceeds))
        last_bad = at[max(place for place in at if place <= first)]
        if too_long[first]:
            return bad, LimitExceeded(last_bad, f"{row[first]} bad records in a row")
        return bad, LimitExceeded(last_bad, f"{count[first]} bad records among the last {WINDOW:,}")

    def snapshot(self) -> dict[str, bytes]:
        """Return which of the last records were bad."""
        return {"dead_letters": pack("dead_letters", self.VERSION, None, {"bad": np.packbits(self._bad)})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot; one without this part was taken while there was no limit."""
        if not self._settings.stop or "dead_letters" not in parts:
            return
        _, arrays = unpack(parts["dead_letters"], "dead_letters", self.VERSION, type(None))
        self._bad = np.unpackbits(arrays["bad"], count=KEPT).astype(np.bool_)
        self._any = bool(self._bad.any())


def counted(rejected: Sequence[Rejected]) -> list[Rejected]:
    """Return those that count towards a limit: a clock that runs ahead is trouble of its own sender alone."""
    return [bad for bad in rejected if bad.reason is not _AHEAD]


def counted_in_topic(rejected: Sequence[Rejected]) -> list[Rejected]:
    """Return the same of a topic: what the role ``intake`` has refused is within its sender's limit."""
    return [bad for bad in counted(rejected) if not bad.received]


class DeadLetterLimitError(RuntimeError):
    """Too many records are bad: reading on would drain the source into the dead letters."""


REMEDY: Final = (
    "Nothing from there on was processed. Fix the producer and skip or rewrite the records, or set "
    "dead_letters.stop: false to send them to the dead letters"
)


def limit_error(exceeded: LimitExceeded, where: str) -> DeadLetterLimitError:
    """Return the error, with place, reason and remedy."""
    reason = f"{exceeded.rejected.reason.value}: {exceeded.rejected.detail}"
    return DeadLetterLimitError(f"{where}: {exceeded.why}, the last one {reason}. {REMEDY}")


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
        self.reported = self._waits = False

    @property
    def share(self) -> float:
        """The share, from 0 to 1."""
        return float(self._missed.sum()) / self._records if self._records else 0.0

    @property
    def is_ahead(self) -> bool:
        """Whether most records claim a time after their arrival: one of the two clocks is wrong."""
        return bool(self._missed[Unjudged.AHEAD] > MOST * self._least)

    def feed(self, records: int, late: int, rejected: Sequence[Rejected], watermark: int) -> None:
        """Count a run of records, some of them late or refused; time had reached ``watermark``."""
        kept = max(0.0, 1.0 - records / WINDOW) if records else 1.0
        bad = counted(rejected)
        self._records = kept * self._records + records
        self._missed = kept * self._missed + (late, len(rejected) - len(bad), len(bad))
        if not self.reported and self._missed.sum() > MOST * self._least:
            self.reported = True
            why = Unjudged(int(self._missed.argmax()))
            alike = (
                last for last in reversed(rejected) if (last.reason is _AHEAD) is (why is Unjudged.AHEAD)
            )
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

    def wait(self, delay: float) -> None:
        """Note the usual delay of records, seconds: time goes on that far behind the clock."""
        low, high = DELAYED
        if not self._waits and low <= delay < high:
            self._waits = True
            log.warning(
                "most records arrive late, and every page waits as long: a shipper is slow, or somebody "
                "sends old records. Mend or stop it",
                source=self._source,
                delay_seconds=round(delay),
            )
        elif self._waits and delay < low / 2:
            self._waits = False
            log.info("most records arrive in time again", source=self._source)

    @property
    def _least(self) -> float:
        return max(self._records, WINDOW / 10)
