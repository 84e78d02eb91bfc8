"""JSON payloads, divided into their objects, values or documents, and the refusals of damaged ones."""

import json
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from streams.engine.decode.event import MAX_BYTES
from streams.engine.decode.parse import decoded, problem_of, readable
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.gzipped import MAGIC
from streams.ingest.formats.format import MOST_RECORDS, MOST_UNPACKED, RefusalError

JSON_ERRORS: Final = (ValueError, RecursionError)
"""The errors of msgspec: its own and ``UnicodeDecodeError`` are ``ValueError``s."""

_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_BETWEEN_LINES: Final = re.compile(rb"(?<=\})[ \t\r]*\n\s*(?=\{)")  # no JSON string holds a line break
_TOGETHER: Final = re.compile(rb"\}[ \t\r]*\{")
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_END_FINDER: Final = json.JSONDecoder(parse_int=str, parse_float=str)  # numbers need not be valid here
_LINES_PEEKED: Final = 2


def json_refusal(payload: bytes, error: Exception, what: str) -> RefusalError:
    """Return the refusal of a payload for which decoding raised one of ``JSON_ERRORS``.

    ``what`` names the expected content with its article: ``a push of Pub/Sub``.

    Examples
    --------
    >>> refusal = json_refusal(b"", ValueError("truncated"), "a segment")
    >>> refusal.reason.value, refusal.detail
    ('empty', 'not a segment: the record is empty')
    """
    reason, detail = problem_of(payload, error)
    return RefusalError(reason, f"not {what}: {detail}")


def is_json(text: bytes) -> bool:
    """Return whether a text is one JSON value.

    Examples
    --------
    >>> is_json(b'{"a": 1}'), is_json(b'{"a": 1}{}')
    (True, False)
    """
    try:
        msgspec.json.decode(text)
    except JSON_ERRORS:
        return False
    return True


def object_on_several_lines(payload: bytes) -> bytes | None:
    """Return the payload if it is one object on several lines, and no longer than a record may be."""
    whole = payload.strip()
    if len(whole) > MAX_BYTES or not (whole.startswith(b"{") and b"\n" in whole):
        return None
    if is_json(whole[: whole.index(b"\n")]) or not is_json(whole):
        return None
    return whole


def split(payload: bytes) -> list[bytes]:
    """Return objects in a row, with or without anything between them, as delivery streams join them.

    Each is returned as it was sent. What is no object, or does not end as one, stays together.

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
    payload = readable(payload)
    found: list[bytes] = []
    for piece in _BETWEEN_LINES.split(payload, maxsplit=MOST_RECORDS):
        found += islice(_objects(piece), MOST_RECORDS + 1) if _TOGETHER.search(piece) else [piece]
        if len(found) > MOST_RECORDS:
            raise RefusalError(
                RejectReason.TOO_LARGE, f"more than {MOST_RECORDS:,} objects in a row; send less at once"
            )
    return found


def _objects(piece: bytes) -> Iterator[bytes]:
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        yield piece
        return
    at = _past_space(text, 0)
    while at < len(text):
        try:
            end = _END_FINDER.raw_decode(text, at)[1]
        except (ValueError, RecursionError):
            end = len(text)
        yield text[at:end].encode()
        at = _past_space(text, end)


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def values(payload: bytes, what: str) -> list[bytes]:
    """Return the values of an unpacked payload that is one, a list of them, or several in a row.

    Each is returned as it was sent; only the outermost list is divided. ``what`` names the expected content
    with its article, for the refusal: ``a list of segments``.

    Raises
    ------
    RefusalError
        When it is empty, a damaged list, or has more than ``MOST_RECORDS`` values.

    Examples
    --------
    >>> values(b'[{"a": 1}, 2]', "a list"), values(b'{"a": 1}{"b": [2]}', "a list")
    ([b'{"a": 1}', b'2'], [b'{"a": 1}', b'{"b": [2]}'])
    """
    head = payload.lstrip()[:1]
    if not head:
        raise RefusalError(RejectReason.EMPTY, "the payload is empty")
    if head != b"[":
        return split(payload)
    try:
        found = [bytes(raw) for raw in _LIST.decode(readable(payload))]
    except JSON_ERRORS as error:
        raise json_refusal(payload, error, what) from None
    if len(found) > MOST_RECORDS:
        raise RefusalError(RejectReason.TOO_LARGE, f"more than {MOST_RECORDS:,} values; send less at once")
    return found


class Document(NamedTuple):
    """A document as it was sent, and its content, or why it cannot be read."""

    sent: bytes
    content: Any
    refusal: RefusalError | None = None


def documents(payload: bytes, line: Callable[[bytes], Document] | None = None) -> Iterator[Document]:
    r"""Yield the documents of a payload: one, one on each line, or one behind the other.

    ``line`` reads each line that is not blank, where these are no JSON.

    Raises
    ------
    RefusalError
        When there is none: nothing, too much, or gzip.

    Examples
    --------
    >>> [document.content for document in documents(b'{"a": 1}\n{"a": 2}')]
    [{'a': 1}, {'a': 2}]
    >>> [found.refusal and found.refusal.reason.value for found in documents(b'[1]\n{"a"\n[2]')]
    [None, 'not_json', None]
    """
    if not payload.strip():
        raise RefusalError(RejectReason.EMPTY, "the payload is empty")
    if payload.startswith(MAGIC):
        raise RefusalError(RejectReason.BINARY, "gzip; send JSON, uncompressed")
    if len(payload) > MOST_UNPACKED:
        raise RefusalError(
            RejectReason.TOO_LARGE, f"{len(payload):,} bytes; at most {MOST_UNPACKED:,} are read at once"
        )
    if line is not None:
        yield from map(line, _lines(payload))
        return
    whole = _document(payload)
    if whole.refusal is None:
        yield whole
    elif any(is_document(line) for line in islice(_lines(payload), _LINES_PEEKED)):
        yield from map(_document, _lines(payload))
    elif len(pieces := split(payload)) > 1:
        yield from map(_document, pieces)
    else:
        yield whole


def is_document(line: bytes) -> bool:
    """Return whether a line is an object or a list as a whole."""
    return line.lstrip().startswith((b"{", b"[")) and is_json(line)


def _lines(payload: bytes) -> Iterator[bytes]:
    return (line for raw in BytesIO(payload) if (line := raw.strip()))


def _document(sent: bytes) -> Document:
    try:
        return Document(sent, decoded(msgspec.json.decode, sent))
    except JSON_ERRORS as error:
        reason, detail = problem_of(sent, error)
        if isinstance(error, msgspec.ValidationError):  # without a type, only numbers can be wrong
            reason = RejectReason.NOT_FINITE
        return Document(sent, None, RefusalError(reason, detail))
