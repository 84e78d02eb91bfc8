"""The payloads of a file: its bytes decide how it is divided, and no more of it is held than needed."""

import gzip
import io
import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.gzipped import MAGIC
from streams.ingest.formats.format import MOST_UNPACKED, RefusalError
from streams.ingest.formats.json_payload import JSON_ERRORS, is_document, is_json, split

UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
"""How a text in UTF-16 begins."""

_MARK: Final = b"\xef\xbb\xbf"  # of UTF-8, as editors write it
_TEXT: Final = bytes(range(0x20, 0x100)) + b"\t\n\r\v\f\x1b"
_ODD, _ODD_SHARE = 2, 0.005  # control characters that a text may have, one of both
_LINES_PEEKED: Final = 100
_OPEN_ENDS: Final = (b"{", b"[", b",", b":")
_GZIP_ERRORS: Final = (OSError, EOFError, zlib.error)

File: TypeAlias = "io.BufferedReader[Any]"


class Payload(NamedTuple):
    """A payload, its place in the file, and why it cannot be read, if it cannot."""

    place: str
    content: bytes
    refusal: RefusalError | None = None


class Division(NamedTuple):
    """How a file is divided, in words, and its payloads."""

    how: str
    payloads: Iterator[Payload]


def divided(file: File, claimed: Callable[[bytes], bool], *, text: bool = False) -> Division:
    r"""Divide a file into payloads.

    One is the whole if it is binary, or one JSON document. Otherwise each of its lines is one, and each item
    of a JSON array. What gzip packed is unpacked first, unless it is claimed.

    Parameters
    ----------
    file
        Read from its start, once; a line or ``MOST_UNPACKED`` bytes are held at a time.
    claimed
        Whether a format reads these bytes as they are: gzip, or a JSON array as a whole.
    text
        Never treats the file as binary: it is one payload.

    Raises
    ------
    RefusalError
        When one payload unpacks to more than a payload may hold, here or from what is returned.

    Examples
    --------
    >>> def of(content: bytes) -> list[str]:
    ...     how, found = divided(io.BufferedReader(io.BytesIO(content)), lambda _: False)
    ...     return [how, *(f"{payload.place}: {payload.content.decode()}" for payload in found)]
    >>> of(b'[{"a": 1}, {"a": 2}]')
    ['a JSON document on each line', 'line 1, item 1: {"a": 1}', 'line 1, item 2: {"a": 2}']
    >>> of(b"one\n\ntwo")
    ['lines of text', 'line 1: one', 'line 3: two']
    """
    head = file.peek(1)
    if head.startswith(MAGIC[: len(head)]) and head:
        return _packed(file, claimed, text=text)
    if not text and _is_binary(head):
        return _whole(file)
    if head.startswith(_MARK):
        file.read(len(_MARK))
    return _of_text(file, claimed)


def _packed(file: File, claimed: Callable[[bytes], bool], *, text: bool) -> Division:
    packed = _read(file, MOST_UNPACKED + 1)
    if len(packed) <= MOST_UNPACKED and claimed(packed):
        return Division("one payload packed by gzip", iter([Payload("the whole", packed)]))
    unpacked = gzip.GzipFile(fileobj=Joined(packed, file))
    # what is one payload is refused beyond that, whatever is left of it without its blank lines
    content = io.BufferedReader(Joined(b"", unpacked, MOST_UNPACKED) if text else unpacked)
    try:
        found = divided(content, claimed, text=text)
    except _GZIP_ERRORS as error:
        return Division("packed by gzip", iter([_damaged(error)]))
    return Division(f"{found.how}, packed by gzip", _guarded(found.payloads))


def _guarded(payloads: Iterator[Payload]) -> Iterator[Payload]:
    try:
        yield from payloads
    except _GZIP_ERRORS as error:
        yield _damaged(error)


def _damaged(error: Exception) -> Payload:
    refusal = RefusalError(RejectReason.DAMAGED, f"the gzip data is damaged or cut off: {error}")
    return Payload("the rest", b"", refusal)


def _is_binary(head: bytes) -> bool:
    return len(head.translate(None, delete=_TEXT)) > max(_ODD, _ODD_SHARE * len(head))


def _whole(file: File) -> Division:
    content = _read(file, MOST_UNPACKED + 1)
    is_text = content.startswith(UTF_16)  # whose refusal says more
    refusal = _too_large() if len(content) > MOST_UNPACKED and not is_text else None
    return Division("one binary payload", iter([Payload("the whole", content, refusal)]))


def _of_text(file: File, claimed: Callable[[bytes], bool]) -> Division:
    blank = _skip_blank(file)
    while (first := file.readline(MOST_UNPACKED + 1)) and not first.strip():
        blank += 1 + _skip_blank(file)
    if not first.lstrip().startswith((b"{", b"[")):
        return Division("lines of text", _lines(first, file, blank))
    if is_json(first):
        lines = _lines(first, file, blank)
        return Division("a JSON document on each line", _items_of(lines, claimed))
    content = first + _read(file, MOST_UNPACKED + 1 - len(first))
    if len(content) <= MOST_UNPACKED:
        if is_json(content):
            whole = iter([Payload("the whole", content)])
            is_list = content.lstrip().startswith(b"[") and not claimed(content)
            return Division("a JSON array" if is_list else "one JSON document", _items_of(whole, claimed))
        if not any(map(is_document, content.split(b"\n", _LINES_PEEKED + 1)[1 : _LINES_PEEKED + 1])):
            if len(pieces := split(content)) > 1:
                found = (Payload(f"document {number}", piece) for number, piece in enumerate(pieces, 1))
                return Division("JSON documents in a row", found)
            if first.rstrip().endswith(_OPEN_ENDS) or b"\n" not in content.strip():
                return Division("one damaged JSON document", iter([Payload("the whole", content)]))
    rest = io.BufferedReader(Joined(content[len(first) :], file))
    return Division("lines", _items_of(_lines(first, rest, blank), claimed))


def _lines(first: bytes, file: File, number: int) -> Iterator[Payload]:
    """Yield the lines that are not blank, of which ``number`` came before the first."""
    line = first
    while line:
        number += 1
        place = f"line {number}"
        if len(line) > MOST_UNPACKED:
            yield Payload(place, line, _too_large())
            while line and not line.endswith(b"\n"):
                line = file.readline(MOST_UNPACKED)
        elif line.strip():
            yield Payload(place, line.rstrip(b"\r\n"))
        else:
            number += _skip_blank(file)
        line = file.readline(MOST_UNPACKED + 1)


def _skip_blank(file: File) -> int:
    """Skip blank lines that are read ahead, and count them: packed, a small file has hundreds of millions."""
    skipped = 0
    while (end := (ahead := file.peek(1)).rfind(b"\n") + 1) and not ahead[:end].strip():
        skipped += ahead.count(b"\n")
        file.read(end)
    return skipped


def _items_of(payloads: Iterator[Payload], claimed: Callable[[bytes], bool]) -> Iterator[Payload]:
    """Yield the items of JSON arrays that no format reads as a whole, and other payloads as they are."""
    for payload in payloads:
        if payload.refusal or not payload.content.lstrip().startswith(b"[") or claimed(payload.content):
            yield payload
            continue
        try:
            items = msgspec.json.decode(payload.content, type=list[msgspec.Raw])
        except JSON_ERRORS:
            yield payload
            continue
        where = "" if payload.place == "the whole" else f"{payload.place}, "
        for number, item in enumerate(items, 1):
            yield Payload(f"{where}item {number}", bytes(item))


def _too_large() -> RefusalError:
    return RefusalError(
        RejectReason.TOO_LARGE, f"more than {MOST_UNPACKED:,} bytes in one payload; send less at once"
    )


def _read(file: File, most: int) -> bytes:
    """Return the rest of a file, at most so many bytes of it; a pipe gives them bit by bit."""
    found = io.BytesIO()
    while most > 0 and (part := file.read1(min(most, 1 << 20))):
        found.write(part)
        most -= len(part)
    return found.getvalue()


class Joined(io.RawIOBase):
    """Bytes that were read ahead, then the file that they are from; all at most ``most`` bytes."""

    def __init__(self, ahead: bytes, file: "File | gzip.GzipFile", most: float = math.inf) -> None:
        self._ahead: Final = io.BytesIO(ahead)
        self._file: Final = file
        self._left = most

    def readable(self) -> bool:  # noqa: D102 - as io.RawIOBase
        return True

    def readinto(self, into: Any) -> int:  # noqa: D102
        part = self._ahead.read(len(into)) or self._file.read1(len(into))
        self._left -= len(part)
        if self._left < 0:
            raise _too_large()
        into[: len(part)] = part
        return len(part)
