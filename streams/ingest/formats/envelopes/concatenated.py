"""JSON objects in a row, with or without anything between them, as delivery streams join them."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import MOST_RECORDS, RefusalError

_BETWEEN_LINES: Final = re.compile(rb"(?<=\})[ \t\r]*\n\s*(?=\{)")  # no JSON string holds a line break
_TOGETHER: Final = re.compile(rb"\}[ \t\r]*\{")
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder(
    parse_int=str, parse_float=str
)  # finds ends; what numbers say is not asked


def split(payload: bytes) -> list[bytes]:
    """Return the objects one by one, each as it was sent.

    What is no object, or does not end as one, stays together.

    Raises
    ------
    RefusalError
        When there are more than ``MOST_RECORDS``.

    Examples
    --------
    >>> split(b'{"a": 1}{"a": "}{"}')
    [b'{"a": 1}', b'{"a": "}{"}']
    >>> split(b"plain text")
    [b'plain text']
    """
    if payload.lstrip()[:1] != b"{":
        return [payload]
    found: list[bytes] = []
    for piece in _BETWEEN_LINES.split(payload, maxsplit=MOST_RECORDS):
        found += islice(_apart(piece), MOST_RECORDS + 1) if _TOGETHER.search(piece) else [piece]
        if len(found) > MOST_RECORDS:
            raise RefusalError(
                RejectReason.TOO_LARGE, f"more than {MOST_RECORDS:,} objects in a row; send less at once"
            )
    return found


def _apart(piece: bytes) -> Iterator[bytes]:
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        yield piece
        return
    at = _past_space(text, 0)
    while at < len(text):
        try:
            end = _DECODER.raw_decode(text, at)[1]
        except (ValueError, RecursionError):
            end = len(text)
        yield text[at:end].encode()
        at = _past_space(text, end)


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
