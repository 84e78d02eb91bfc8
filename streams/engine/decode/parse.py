"""Parses the records of a run into events, in one call if all are good; bad records get a reason.

This defines an event. The compiled scanner reads only what it reads in the same way (docs/adr/0018).
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar, get_args

import msgspec

from streams.engine.decode.event import (
    LARGEST_LEVEL,
    MAX_BYTES,
    ChangeRecord,
    Event,
    RefusedRecord,
    SampleRecord,
    ScopeKind,
    Stated,
    stated,
)
from streams.engine.decode.records import Records
from streams.engine.decode.rejected import SAMPLE_BYTES, Rejected, RejectReason

Problem = tuple[RejectReason, str]
T = TypeVar("T")

MILLISECONDS_FROM: Final = 1e11
"""A larger ts is in milliseconds: as seconds it would lie beyond the year 5000."""
EARLIEST: Final = 946_684_800.0  # 2000-01-01
LATEST: Final = 4_102_444_800.0  # 2100-01-01
DETAIL_CHARACTERS: Final = 1000
"""Of what a receiver has written of a refused part, which somebody else may write, too."""

_DECODER: Final = msgspec.json.Decoder(Event)
_OTHERS: Final = msgspec.json.Decoder(SampleRecord | ChangeRecord | RefusedRecord)
_REFUSED: Final = b'{"kind":"refused"'
_SCOPES: Final = ", ".join(get_args(ScopeKind))
_FAILURES: Final = (ValueError, RecursionError)  # msgspec's own errors and UnicodeDecodeError are ValueErrors
_NOT_FINITE: Final = re.compile(rb"[:\[,]\s*[-+]?(?:nan|inf|infinity)\s*[,}\]]", re.IGNORECASE)
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPES: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
_RFC3339: Final = re.compile(  # Python takes 99 minutes of an offset, and some versions 24:00
    r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def parse(records: Sequence[bytes]) -> tuple[list[Event], list[int], dict[int, Problem]]:
    """Parse a run.

    Returns
    -------
    The events, the index of each event's record, and the problems of the other records by index.
    """
    events = _all_at_once(records)
    if events is not None:
        return events, list(range(len(events))), {}
    events, rows, problems = [], [], {}
    for row, record in enumerate(records):
        try:
            if len(record) > MAX_BYTES:
                problems[row] = (
                    RejectReason.TOO_LARGE,
                    f"{len(record)} bytes; at most {MAX_BYTES} are accepted",
                )
                continue
            events.append(_DECODER.decode(record))
            rows.append(row)
        except (*_FAILURES, TypeError) as error:
            if not isinstance(error, msgspec.ValidationError) and (text := readable(record)) != record:
                found, _, _ = parse([text])
                if found:
                    events += found
                    rows.append(row)
                    continue
            other = _of_another_kind(record, problem_of(record, error))
            if isinstance(other, Event):
                events.append(other)
                rows.append(row)
            else:
                problems[row] = other
    return events, rows, problems


def readable(text: bytes) -> bytes:
    r"""Return JSON with U+FFFD in the place of what is no character.

    Visitors choose texts that their sender logs; half a character of theirs must not cost the record.

    Examples
    --------
    >>> readable(b'{"a": "\xff\\ud800"}'), readable(b'"\\ud83d\\ude00 \\\\ud800"')
    (b'{"a": "\xef\xbf\xbd\\ufffd"}', b'"\\ud83d\\ude00 \\\\ud800"')
    """
    if not (text.isascii() or _is_text(text)):
        text = text.decode(errors="replace").encode()
    return (
        _ESCAPES.sub(lambda found: b"\\ufffd" if found[1] else found[0], text) if _HALF.search(text) else text
    )


def decoded(decode: Callable[[bytes], T], text: bytes) -> T:
    """Decode JSON as it is; where that fails, once more as ``readable`` has it."""
    try:
        return decode(text)
    except msgspec.ValidationError:
        raise
    except _FAILURES:
        mended = readable(text)
        if mended == text:
            raise
        return decode(mended)


def _of_another_kind(record: bytes, problem: Problem) -> Stated | Problem:
    """Return a sample or a change, or why there is none."""
    if problem[0] != RejectReason.UNKNOWN_KIND:
        return problem
    try:
        found = _OTHERS.decode(record)
    except _FAILURES as error:
        other = problem_of(record, error)
        return problem if "`$.kind`" in other[1] else other
    if isinstance(found, RefusedRecord):
        return found.reason, found.detail[:DETAIL_CHARACTERS]
    lacking = lacks(found)
    return stated(found) if lacking is None else lacking


def lacks(record: SampleRecord | ChangeRecord) -> Problem | None:
    """Return the problem of a sample or a change that lacks a field."""
    if record.of is None or not record.of.name:
        return RejectReason.NO_NAME, "a sample or a change needs of, the scope that it is about"
    if isinstance(record, SampleRecord):
        if not record.name:
            return RejectReason.NO_NAME, "a sample needs name, what it measures"
        if record.value is None or not abs(record.value) <= LARGEST_LEVEL:
            return RejectReason.BAD_TYPE, "a sample needs value, a number"
    return None


def rejected(record: bytes, index: int, problem: Problem) -> Rejected:
    """Return what becomes a dead letter of a bad record, or of the part that a receiver refused."""
    refused = _refused(record) if record.startswith(_REFUSED) else None
    sample = (record if refused is None else refused.sample)[:SAMPLE_BYTES]
    return Rejected(problem[0], index, problem[1], sample, refused is not None)


def _refused(record: bytes) -> RefusedRecord | None:
    try:
        found = _OTHERS.decode(record)
    except _FAILURES:
        return None
    return found if isinstance(found, RefusedRecord) else None


def _all_at_once(records: Sequence[bytes]) -> list[Event] | None:
    """Return the events, or None unless every record is certainly one event.

    The decoder reads values, not lines. It has split them where the records end if every boundary is ``}``,
    newline, ``{``, which occurs between two values and never inside one, and if there are as many values as
    records.
    """
    lines = Records.of(records)
    if not len(lines) or (lines.ends - lines.starts).max() > MAX_BYTES or not lines.are_braced():
        return None
    text = lines.as_lines()
    if text.count(b"\n") != len(lines) - 1:
        return None
    try:
        events: list[Event] = _DECODER.decode_lines(text)
    except (*_FAILURES, TypeError):
        return None
    return events if len(events) == len(records) else None


def problem_of(record: bytes, error: Exception) -> Problem:
    """Return the problem of a record from the error that msgspec raised."""
    detail = str(error)
    if not record.strip():
        return RejectReason.EMPTY, "the record is empty"
    if isinstance(error, RecursionError):
        return RejectReason.TOO_DEEP, "nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        return problem_of_value(detail, record)
    if b"\0" in record or not _is_text(record):
        return RejectReason.BINARY, "not UTF-8 text; send one JSON object per record, uncompressed"
    if _NOT_FINITE.search(record):
        return RejectReason.NOT_FINITE, "NaN and Infinity are not JSON numbers; omit the field"
    return RejectReason.NOT_JSON, detail


def problem_of_value(detail: str, record: bytes) -> Problem:
    """Return the problem of a wrong value from msgspec's message."""
    remedy = f"; write one of {_SCOPES}" if detail.endswith("`$.of.kind`") else ""
    return _reason_of(detail, record), detail + remedy


def _reason_of(detail: str, record: bytes) -> RejectReason:
    if " - at `$" not in detail:  # the first value is not an object
        return RejectReason.NOT_OBJECT if _is_json(record) else RejectReason.NOT_JSON
    if detail.startswith("Number out of range"):
        return RejectReason.NOT_FINITE
    if detail.startswith("Invalid enum value"):  # which it repeats, whatever it holds
        reasons = {"`$.kind`": RejectReason.UNKNOWN_KIND, "`$.error`": RejectReason.UNKNOWN_ERROR}
        return reasons.get(detail.rpartition(" ")[2], RejectReason.BAD_TYPE)
    if any(sign in detail for sign in (" >= ", " <= ", " > ")):
        return RejectReason.OUT_OF_RANGE
    return RejectReason.BAD_TYPE


def _is_json(record: bytes) -> bool:
    try:
        msgspec.json.decode(record)
    except _FAILURES:
        return False
    return True


def _is_text(record: bytes) -> bool:
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True


def stamp_of(ts: float | str | None) -> float | Problem:
    """Return the epoch seconds of a stamp, or its problem.

    Examples
    --------
    >>> stamp_of(1760000000123.0), stamp_of("2025-10-09T08:53:20Z")
    (1760000000.123, 1760000000.0)
    """
    if ts is None:
        return RejectReason.NO_TS, "an event needs ts, the epoch seconds at which the request started"
    if isinstance(ts, str):
        if not _RFC3339.fullmatch(ts):
            return (
                RejectReason.BAD_TS,
                f"ts {ts[:40]!r} is not an RFC 3339 time with an offset, such as 2026-01-31T08:00:00Z",
            )
        try:
            at = datetime.fromisoformat(ts.upper()).timestamp()
        except ValueError as error:
            return RejectReason.BAD_TS, f"ts {ts[:40]!r}: {error}"
    else:
        at = ts / 1000 if ts > MILLISECONDS_FROM else ts
    if not EARLIEST <= at < LATEST:
        return RejectReason.BAD_TS, f"ts {ts} is not between the years 2000 and 2100"
    return at
