"""Logs of one record a line, perhaps packed: every line becomes a record, a refusal, or nothing."""

import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Final

from streams.engine.decode.event import MAX_BYTES, Event
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.gzipped import MAGIC, unzipped
from streams.ingest.formats.format import MOST_RECORDS, MOST_UNPACKED, Reading, RefusalError
from streams.ingest.formats.validated import judged

_HEAD: Final = 8192
_GZIP: Final = 31  # zlib's number for gzip and nothing else


def read_lines(payload: bytes, read: Callable[[str], Event | None]) -> Reading:
    """Read a log.

    Parameters
    ----------
    payload
        Lines, perhaps packed. Empty ones and those that begin with ``#`` are no records.
    read
        Returns the record of a line, which has no line end; None if it is none by design. May raise
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
            payload = payload[: payload.rfind(b"\n") + 1]  # the last line may go on in what is damaged
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
        judged(record)
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
        try:
            head = zlib.decompressobj(_GZIP).decompress(head, _HEAD)
        except zlib.error:
            return ""
    lines = (line.strip() for line in head.split(b"\n"))
    return next((line.decode(errors="replace") for line in lines if line and not line.startswith(b"#")), "")
