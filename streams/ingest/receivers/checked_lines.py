"""Checks lines while their sender waits: which become dead letters, and whether too many do.

One sender's garbage must not stop the engine, which ends when too many records are bad (``dead_letters``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final, NamedTuple

import numpy as np

from streams.engine.decode.decoder import Decoder
from streams.engine.decode.rejected import Rejected
from streams.engine.stages.dead_letter_limit import DeadLetterLimit, LimitExceeded, counted
from streams.ingest.receivers.record_sink import NotStoredError
from streams.process.compilation import JUDGEMENT

PIECE_RECORDS: Final = 4096  # decoded at once: a bad one may be the first excess
PIECE_BYTES: Final = 4 * 1024 * 1024  # decoded lines need several times as much


class TooManyBadError(Exception):
    """These records would exceed the limit of dead letters: none of them was stored."""

    def __init__(self, passed: LimitExceeded, rejected: list[Rejected]) -> None:
        super().__init__(f"{passed.why}, the last one {passed.rejected.reason.value}")
        self.passed = passed
        self.rejected = rejected


class UnreadableError(Exception):
    """None of these records can be read: none of them was stored."""

    def __init__(self, rejected: list[Rejected]) -> None:
        super().__init__("no line of the body can be accepted as an event")
        self.rejected = rejected


def as_not_stored(error: TooManyBadError | UnreadableError) -> NotStoredError:
    """Return the error for the sender."""
    if isinstance(error, UnreadableError):
        message = f"nothing was stored: {error}; correct it and send it again"
        return NotStoredError(message, HTTPStatus.BAD_REQUEST, rejected=error.rejected)
    message = f"nothing was stored: with this request there are {error}; correct it and send it again"
    return NotStoredError(message, HTTPStatus.UNPROCESSABLE_ENTITY, "dead_letters", rejected=error.rejected)


class CheckedLines(NamedTuple):
    """The outcome of a check."""

    rejected: list[Rejected]  # dead letters
    late: int = 0  # of a time that is judged already


def check_lines(
    lines: Sequence[bytes], limit: DeadLetterLimit, arrived: float, reached: int = 0
) -> CheckedLines:
    """Decode lines; return the bad and late ones.

    Parameters
    ----------
    limit
        A copy of the sender's, or of all senders'.
    arrived
        Epoch seconds.
    reached
        Event time that is judged already.

    Raises
    ------
    TooManyBadError
        With the first bad one that exceeds the limit.
    """
    decoder = Decoder(compiled=JUDGEMENT.ready())
    rejected: list[Rejected] = []
    late = 0
    for start, end in _pieces(lines):
        columns, found = decoder.decode(lines[start:end], np.full(end - start, arrived))
        late += int(np.count_nonzero(columns.ts < reached))
        passed = limit.feed(end - start, counted(found))
        rejected += [replace(bad, index=start + bad.index) for bad in found]
        if passed:
            at = passed.rejected
            raise TooManyBadError(passed._replace(rejected=replace(at, index=start + at.index)), rejected)
    late += int(np.count_nonzero(decoder.start()[0].ts < reached))
    return CheckedLines(rejected, late)


def _pieces(lines: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    start = size = 0
    for number, line in enumerate(lines):
        if number - start == PIECE_RECORDS or (size and size + len(line) > PIECE_BYTES):
            yield start, number
            start, size = number, 0
        size += len(line)
    if start < len(lines):
        yield start, len(lines)
