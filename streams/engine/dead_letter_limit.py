"""When dead-lettering has to stop: too many bad records in a row, or too many among the last thousand.

A topic of garbage, or the wrong topic, must not be drained into the bin while everybody believes that it is
watched.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from config.settings import DeadLetterSettings
from detectors.state.state import pack, unpack
from streams.decode.rejected import Rejected

WINDOW: Final = 1000  # records that the share is taken of
KEPT: Final = 2 * WINDOW  # a record that was held back is found bad later, and what follows it judged anew


class LimitExceeded(NamedTuple):
    """The record with which the limit is passed."""

    rejected: Rejected
    why: str  # "51 bad records in a row"


class DeadLetterLimit:
    """Follows the records of one source in their order.

    Where the limit is passed depends on the records alone: not on how they are cut into runs, and not on
    restarts when its state is kept. Records before the first count as good. Only a bad record passes the
    limit, so that what is good never stops anything.

    Parameters
    ----------
    settings
        How many in a row and which share; ``stop: false`` passes everything and counts nothing.
    """

    VERSION = 1

    def __init__(self, settings: DeadLetterSettings) -> None:
        self._settings = settings
        self._bad = np.zeros(KEPT, np.bool_)
        self._any = False

    def take(self, records: int, rejected: Sequence[Rejected]) -> LimitExceeded | None:
        """Take a run in; return where it passes the limit, None when it does not.

        Parameters
        ----------
        records
            How many there are, good and bad.
        rejected
            The bad ones, by their place in the run; negative for one of an earlier run.
        """
        if not self._settings.stop or not (self._any or rejected):
            return None
        bad, passed = self._judged(records, rejected)
        self._bad = bad[-KEPT:]
        self._any = bool(self._bad.any())
        return passed

    def would_exceed(self, records: int, rejected: Sequence[Rejected]) -> LimitExceeded | None:
        """Say what ``take`` would, and take nothing in."""
        if not self._settings.stop or not rejected:
            return None
        return self._judged(records, rejected)[1]

    def _judged(
        self, records: int, rejected: Sequence[Rejected]
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], LimitExceeded | None]:
        bad = np.concatenate((self._bad, np.zeros(records, np.bool_)))
        by_place = {KEPT + one.index: one for one in rejected if one.index >= -KEPT}
        if not by_place:
            return bad, None
        bad[list(by_place)] = True
        place = np.arange(len(bad))
        row = place - np.maximum.accumulate(np.where(bad, -1, place))
        count = np.cumsum(bad)
        count[WINDOW:] -= count[:-WINDOW].copy()
        too_long, too_many = row > self._settings.in_a_row, count > self._settings.share * WINDOW
        passed = bad & (too_long | too_many)
        passed[: min(by_place)] = False  # of earlier runs, and nothing has changed about it
        if not passed.any():
            return bad, None
        at = int(np.argmax(passed))
        named = by_place[max(one for one in by_place if one <= at)]
        if too_long[at]:
            return bad, LimitExceeded(named, f"{row[at]} bad records in a row")
        return bad, LimitExceeded(named, f"{count[at]} bad records among the last {WINDOW:,}")

    def snapshot(self) -> dict[str, bytes]:
        """Return which of the last records were bad."""
        return {"dead_letters": pack("dead_letters", self.VERSION, None, {"bad": np.packbits(self._bad)})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot; from nothing where it was made before there was a limit."""
        if not self._settings.stop or "dead_letters" not in parts:
            return
        _, arrays = unpack(parts["dead_letters"], "dead_letters", self.VERSION, type(None))
        self._bad = np.unpackbits(arrays["bad"], count=KEPT).astype(np.bool_)
        self._any = bool(self._bad.any())


class DeadLetterLimitError(RuntimeError):
    """Too much is bad: whoever reads on would empty the source into the dead letters."""


REMEDY: Final = (
    "Nothing was taken in from there on. Correct what writes it, and skip or rewrite the records; or set "
    "dead_letters.stop: false to let them pass as dead letters"
)


def limit_error(passed: LimitExceeded, where: str) -> DeadLetterLimitError:
    """Return the error that names the place, the reason and the remedy."""
    reason = f"{passed.rejected.reason.value}: {passed.rejected.detail}"
    return DeadLetterLimitError(f"{where}: {passed.why}, the last one {reason}. {REMEDY}")
