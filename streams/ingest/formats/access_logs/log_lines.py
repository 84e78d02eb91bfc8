"""Logs of one record a line, perhaps packed: every line becomes a record, a refusal, or nothing.

Values of logs are texts: absent ones, numbers, times of the common log format, escapes.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from io import BytesIO
from math import isfinite
from typing import Final

from streams.engine.decode.event import LARGEST, MAX_BYTES, Event
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.gzipped import MAGIC, unzipped, unzipped_head
from streams.ingest.formats.format import MOST_RECORDS, MOST_UNPACKED, Reading, RefusalError, validated

HELD_SECONDS: Final = 30.0
"""A line is written when its request has ended. What was held open for longer, such as a WebSocket, would be
too late for the minute in which it started; and many of them would make time wait, and others' pages."""

_HEAD: Final = 8192

_NUMBER: Final = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_STATUS: Final = re.compile(r"\d{3}", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{1,2})/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))? ([+-])(\d\d)(\d\d)", re.ASCII
)
_LONGEST_TIME: Final = 60
_FARTHEST: Final = timedelta(hours=14)  # from UTC is no place
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ESCAPED: Final = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_LETTERS: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"v": b"\v", b"f": b"\f"}


def counted_at(began: float, ms: float | None) -> float:
    """Return when a request counts, in epoch seconds: when it began, or ``HELD_SECONDS`` before its end.

    Examples
    --------
    >>> counted_at(1760000000.0, 20.5), counted_at(1760000000.0, 3_600_000.0)
    (1760000000.0, 1760003570.0)
    """
    return began + max((ms or 0.0) / 1000 - HELD_SECONDS, 0.0)


def read_lines(payload: bytes, read: Callable[[str], Event | None]) -> Reading:
    """Read the lines of a log; empty ones and those that begin with ``#`` are no records.

    ``read`` returns the record of a line without its end, None if it is none by design, or raises
    ``RefusalError``.

    Raises
    ------
    RefusalError
        When there is no line, or more than ``MOST_RECORDS``, or the packed data is damaged.
    """
    reading = Reading()
    if payload.startswith(MAGIC):
        payload, _, damaged = unzipped(payload, MOST_UNPACKED)
        if damaged is not None:
            reading.refused.append(damaged)
            payload = payload[: payload.rfind(b"\n") + 1]  # the last line may go on in the damaged part
    for raw in BytesIO(payload):
        line = raw.strip()
        if not line:
            continue
        try:
            record = _read(line, read)
        except RefusalError as error:
            reading.refused.append(error.of(line))
        else:
            if record is None:
                reading.skipped["comment"] += 1
            else:
                reading.records.append(record)
        if len(reading.records) + len(reading.refused) > MOST_RECORDS:
            raise RefusalError(
                RejectReason.TOO_LARGE, f"the payload has more than {MOST_RECORDS:,} lines; send less at once"
            )
    if not (reading.records or reading.refused or reading.skipped):
        raise RefusalError(RejectReason.EMPTY, "the payload is empty")
    return reading


def _read(line: bytes, read: Callable[[str], Event | None]) -> Event | None:
    if len(line) > MAX_BYTES:
        raise RefusalError(RejectReason.TOO_LARGE, f"{len(line)} bytes; at most {MAX_BYTES} are accepted")
    if line.startswith(b"#"):
        return None
    record = read(line.decode(errors="replace"))
    if record is not None:
        validated(record)
    return record


def first_line(payload: bytes) -> str:
    r"""Return the first line that is not empty, unpacked and perhaps cut; "" if there is none.

    Examples
    --------
    >>> first_line(b"\n a b\nc")
    'a b'
    """
    head = payload[:_HEAD]
    if head.startswith(MAGIC):
        head = unzipped_head(head, _HEAD)
    lines = (line.strip() for line in head.split(b"\n"))
    return next((line.decode(errors="replace") for line in lines if line and not line.startswith(b"#")), "")


def present(text: str | None) -> str | None:
    """Return a value, None if it is absent: ``-`` or empty, which is not zero.

    Examples
    --------
    >>> present(" 84 "), present("-"), present("")
    ('84', None, None)
    """
    word = text.strip() if text else ""
    return word if word and word != "-" else None


def number(text: str | None, what: str) -> float | None:
    """Return the number that a text is, None if it is absent; ``what`` names it in a refusal.

    Raises
    ------
    RefusalError
        When it is none, or infinite.

    Examples
    --------
    >>> number("84.5", "responseLatency"), number("-", "responseLatency")
    (84.5, None)
    """
    word = present(text)
    if word is None:
        return None
    if not _NUMBER.fullmatch(word):
        raise RefusalError(RejectReason.BAD_TYPE, f"{what} is no number: {word[:40]!r}")
    found = float(word)
    if not isfinite(found):
        raise RefusalError(RejectReason.NOT_FINITE, f"{what} is too large: {word[:40]!r}")
    return found


def milliseconds(text: str | None, what: str, *, per: float = 1.0) -> float | None:
    """Return a duration, of which one unit is ``per`` milliseconds.

    Raises
    ------
    RefusalError
        When it is no number, negative, or absurd.

    Examples
    --------
    >>> milliseconds("0.084", "request_time", per=1000)
    84.0
    """
    found = number(text, what)
    if found is None:
        return None
    if not 0 <= found * per <= LARGEST:
        raise RefusalError(RejectReason.OUT_OF_RANGE, f"{what} is no duration: {found:g}")
    return round(found * per, 3)


def status_of(text: str | None) -> int | None:
    """Return an HTTP status; None where the request ended before one was sent, which servers note as ``000``.

    Raises
    ------
    RefusalError
        When it is no status.

    Examples
    --------
    >>> status_of("200"), status_of("000"), status_of("-")
    (200, None, None)
    """
    word = present(text)
    if word is None:
        return None
    if not _STATUS.fullmatch(word):
        if word == "0":
            return None
        raise RefusalError(RejectReason.BAD_TYPE, f"no HTTP status: {word[:40]!r}")
    return int(word) or None


def clf_time(text: str) -> float | None:
    """Return the epoch seconds of a time as the common log format writes it, None if it is none.

    Examples
    --------
    >>> clf_time("10/Oct/2025:13:55:36 -0700")
    1760129736.0
    """
    return _clf_time(text.strip()) if len(text) <= _LONGEST_TIME else None


@lru_cache(maxsize=1024)  # many lines have the same second
def _clf_time(text: str) -> float | None:
    found = _TIME.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        return None
    offset = timedelta(hours=int(found[9]), minutes=int(found[10]))
    if offset > _FARTHEST or int(found[10]) >= 60:  # noqa: PLR2004 - minutes of an hour
        return None
    try:
        at = datetime(
            int(found[3]),
            _MONTHS.index(found[2]) + 1,
            int(found[1]),
            int(found[4]),
            int(found[5]),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    seconds = at.timestamp() + min(int(found[6]), 60) + float(f"0.{found[7] or 0}")
    return seconds - offset.total_seconds() * (-1 if found[8] == "-" else 1)


def unescaped(text: str) -> str:
    r"""Return a quoted value without its escapes: nginx writes ``\x22`` where Apache writes ``\"``.

    Examples
    --------
    >>> unescaped(r"a\x22b\"c\\")
    'a"b"c\\'
    """
    if "\\" not in text:
        return text
    return _ESCAPED.sub(_character, text.encode()).decode(errors="replace")


def _character(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return bytes([int(found[1], 16)])
    return _LETTERS.get(found[2], found[2])
