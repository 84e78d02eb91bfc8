"""How many bad records of each sender are kept as dead letters.

The others are refused: a sender of garbage fills no disk, and ends no engine. Its good records are always
stored, and what it sends costs nobody else.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from threading import Lock
from typing import Final, TypeVar

import structlog
from prometheus_client import Counter

from config.settings import DeadLetterSettings
from streams.engine.decode.rejected import Rejected
from streams.engine.stages.dead_letter_limit import WINDOW
from streams.process.logs import Recurring

MOST_SENDERS: Final = 1000
"""Senders that are known; beyond them, the one that has been quiet the longest is forgotten."""

DROPPED: Final = "sender"
"""Why they are no dead letters, as the metric says it."""

log = structlog.get_logger("uneri.intake")

_Known = TypeVar("_Known")


class KnownSenders(OrderedDict[str, _Known]):
    """What is known of each sender, ``new`` at first."""

    def __init__(self, new: Callable[[], _Known]) -> None:
        super().__init__()
        self._new = new

    def heard(self, sender: str) -> _Known:
        """Return what is known of a sender that brings something now."""
        if sender not in self:
            self[sender] = self._new()
        known = self[sender]
        self.move_to_end(sender)
        if len(self) > MOST_SENDERS:
            self.popitem(last=False)
        return known


class _Kept:
    """Where the bad ones are among the stored records of a sender; those before the first count as valid."""

    __slots__ = ("bad", "end", "row")

    def __init__(self) -> None:
        self.end = 0  # the place after the last record
        self.bad = deque[int]()  # places, of the last ``WINDOW`` records
        self.row = 0  # of bad ones, up to the last bad one

    def row_at(self, place: int) -> int:
        """Return how many are bad in a row with another one there."""
        return self.row + 1 if self.bad and self.bad[-1] == place - 1 else 1

    def count_at(self, place: int) -> int:
        """Return how many of the last ``WINDOW`` are bad with another one there."""
        while self.bad and self.bad[0] <= place - WINDOW:
            self.bad.popleft()
        return len(self.bad) + 1

    def keep(self, place: int) -> None:
        """Count a bad one."""
        self.row = self.row_at(place)
        self.bad.append(place)


class SenderLimits:
    """Decides which bad records of a sender are kept, by the limit that stops the reading of other sources.

    What is stored of a sender stays within ``dead_letters``, however it is divided into requests. Requests
    that were refused after they were checked count too.

    Parameters
    ----------
    dropped
        Counts what is not kept.
    """

    def __init__(self, settings: DeadLetterSettings, dropped: Counter | None = None) -> None:
        self._settings = settings
        self._dropped = dropped
        self._senders = KnownSenders(_Kept)
        self._lock = Lock()
        self._trouble = Recurring()  # when to log it

    def beyond(self, sender: str, records: int, rejected: Sequence[Rejected]) -> Collection[int]:
        """Return the places of the bad records that are not to be kept; count all.

        ``records`` are all, and the bad ones are in their order. Any thread may call it.
        """
        if not self._settings.stop:
            return ()
        beyond = set[int]()
        most = self._settings.share * WINDOW
        with self._lock:
            kept = self._senders.heard(sender)
            for bad in rejected:
                place = kept.end + bad.index - len(beyond)
                if kept.row_at(place) <= self._settings.in_a_row and kept.count_at(place) <= most:
                    kept.keep(place)
                else:
                    beyond.add(bad.index)
            kept.end += records - len(beyond)
        if beyond:
            self._note(sender, len(beyond), rejected[-1])
        return beyond

    def _note(self, sender: str, count: int, last: Rejected) -> None:
        if self._dropped is not None:
            self._dropped.labels(DROPPED).inc(count)
        if (times := self._trouble.happened(count)) is not None:
            log.warning(
                "bad records are refused and not kept: their sender exceeds dead_letters. Correct what it "
                "sends; its good records are stored",
                sender=sender,
                records=times,
                reason=last.reason.value,
                detail=last.detail,
            )
