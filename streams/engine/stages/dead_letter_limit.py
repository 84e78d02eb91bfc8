"""Too many bad records of a source stop dead-lettering.

A topic of garbage, or the wrong topic, must not be drained into the dead letters unnoticed.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from config.settings import DeadLetterSettings
from detectors.state.state import pack, unpack
from streams.engine.decode.rejected import Rejected, RejectReason

WINDOW: Final = 1000  # records that the share refers to
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
    return [bad for bad in rejected if bad.reason is not RejectReason.FAR_FUTURE]


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
