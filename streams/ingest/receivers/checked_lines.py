"""Checks lines before they are stored: which are bad, and which of these are kept as dead letters.

One sender's garbage must not stop the engine, which ends when too many records are bad (``dead_letters``).
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from threading import Lock
from typing import Final, NamedTuple

import numpy as np

from streams.engine.decode.event_reader import NAMELESS, PIECE_BYTES, EventReader
from streams.engine.decode.records import Records
from streams.engine.decode.rejected import Rejected
from streams.engine.stages.dead_letter_limit import DeadLetterLimit, LimitExceeded, counted
from streams.ingest.receivers.sender_limits import SenderLimits
from streams.process.compilation import JUDGEMENT

PIECE_RECORDS: Final = 4096  # read at once: a bad one may be the first excess
_READING: Final = Lock()  # of the threads that check: they share the memory of the compiled reader


class TooManyBadError(Exception):
    """These records would exceed the limit of dead letters: none of them was stored."""

    def __init__(self, passed: LimitExceeded) -> None:
        super().__init__(f"{passed.why}, the last one {passed.rejected.reason.value}")
        self.passed = passed


class CheckedLines(NamedTuple):
    """The outcome of a check."""

    rejected: list[Rejected]  # in their order
    late: int = 0  # of a time that is judged already
    beyond: Collection[int] = ()  # places of bad ones that are not to be kept as dead letters
    newest: float = -math.inf  # event time that they reach by themselves, epoch seconds


def within_limits(
    found: CheckedLines, records: int, limits: SenderLimits, sender: str, *, waits: bool
) -> CheckedLines:
    """Return what was found in all ``records`` of a sender, with those that are not to be kept.

    None is kept if all of them are bad, and the sender waits for the answer, which says so.
    """
    if waits and len(found.rejected) == records:
        return found._replace(beyond=range(records))
    return found._replace(beyond=limits.beyond(sender, records, found.rejected))


def check_lines(
    lines: Sequence[bytes],
    arrived: float,
    future: float,
    reached: float = 0,
    limit: DeadLetterLimit | None = None,
) -> CheckedLines:
    """Read lines as the decoder of the engine will, without making columns; return the bad and late ones.

    Parameters
    ----------
    arrived
        Epoch seconds.
    future
        Seconds that a stamp may lie ahead of that.
    reached
        Event time that is judged already.
    limit
        A copy of that of their source; none for what senders send.

    Raises
    ------
    TooManyBadError
        With the first bad one that exceeds the limit.
    """
    reader = EventReader(future, NAMELESS if JUDGEMENT.ready() else None)
    records, rejected = Records.of(lines), list[Rejected]()
    late = end = 0
    while (start := end) < len(records):
        end = min(records.end_of_piece(start, PIECE_RECORDS, PIECE_BYTES), len(records))
        with _READING:
            stamps, found = reader.check(records[start:end], np.full(end - start, arrived))
        late += int(np.count_nonzero(stamps < reached))
        passed = limit and limit.feed(end - start, counted(found))
        rejected += [replace(bad, index=start + bad.index) for bad in found]
        if passed:
            at = passed.rejected
            raise TooManyBadError(passed._replace(rejected=replace(at, index=start + at.index)))
    late += int(np.count_nonzero(reader.finish(last=False)[0].ts < reached))
    return CheckedLines(sorted(rejected, key=lambda bad: bad.index), late, newest=reader.time.newest)
