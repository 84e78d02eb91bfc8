"""The records of a request body: unpacked and counted before anything is built from them."""

import zlib
from typing import Final

import msgspec

from streams.engine.decode.event import MAX_BYTES
from streams.process.web.request_body import BodyError

MAX_BODY: Final = 32 * 1024 * 1024  # bytes, unpacked
MAX_LINES: Final = 250_000
MAX_MEMBERS: Final = 1000  # of a gzip body
_FED: Final = 256 * 1024  # packed bytes at a time: zlib copies what it leaves
_STEP: Final = 1024 * 1024  # unpacked bytes at a time


def split_lines(body: bytes) -> list[bytes]:
    r"""Split NDJSON into records; blank lines and the ``\r`` of line ends are dropped.

    Examples
    --------
    >>> split_lines(b'{"ts":1}\r\n\n{"ts":2}')
    [b'{"ts":1}', b'{"ts":2}']
    """
    return [line for line in (raw.rstrip(b"\r") for raw in body.split(b"\n")) if line]


def records_of(body: bytes) -> list[bytes]:
    r"""Return the records of a request body: NDJSON, or one object on several lines.

    Raises
    ------
    BodyError
        When it has more than ``MAX_LINES`` lines.

    Examples
    --------
    >>> records_of(b'{"ts": 1,\n "service": "a"}')
    [b'{"ts":1,"service":"a"}']
    >>> records_of(b'{"ts": 1}\nnope')
    [b'{"ts": 1}', b'nope']
    """
    _check(len(body), body.count(b"\n"), MAX_BODY)
    lines = split_lines(body)
    if len(lines) > 1 and len(body) <= MAX_BYTES and not _is_json(lines[0]):
        try:
            return [msgspec.json.encode(msgspec.json.decode(body, type=dict))]
        except msgspec.MsgspecError:
            return lines
    return lines


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.MsgspecError:
        return False
    return True


def unpacked(body: bytes, encoding: str, most: int = MAX_BODY, *, of_lines: bool = True) -> bytes:
    """Undo the content encoding, up to the first excess; lines are counted if the body is ``of_lines``.

    Raises
    ------
    LargerError
        When the body is larger than ``most``, which is less than ``MAX_BODY``.
    BodyError
        When the body is damaged, truncated, too large, of too many lines, or of an unknown encoding.
    """
    if encoding == "identity":
        _check(len(body), body.count(b"\n") if of_lines else 0, most)
        return body
    if encoding != "gzip":
        raise BodyError(f"Content-Encoding {encoding!r} is not supported; send gzip, or no encoding", 415)
    try:
        return _gunzipped(body, most, of_lines=of_lines)
    except zlib.error as error:
        raise BodyError(
            f"the gzip body is damaged ({error}); nothing was stored, send it again", 400
        ) from None


def _gunzipped(body: bytes, most: int, *, of_lines: bool) -> bytes:
    view = memoryview(body)
    plain = bytearray()
    lines, members, at = 0, 0, 0
    while at < len(body):
        members += 1
        if members > MAX_MEMBERS:
            raise BodyError(
                f"the gzip body has more than {MAX_MEMBERS:,} members; send one", 413, "too_large"
            )
        reader = zlib.decompressobj(wbits=31)
        while not reader.eof:
            fed = view[at : at + _FED]
            part = reader.decompress(fed, _STEP)
            at += len(fed) - len(reader.unused_data if reader.eof else reader.unconsumed_tail)
            if not (part or fed or reader.eof):
                raise BodyError("the gzip body is truncated; nothing was stored, send it again", 400)
            lines += part.count(b"\n") if of_lines else 0
            plain += part
            _check(len(plain), lines, most)
    return bytes(plain)


class LargerError(Exception):
    """A body is larger than it was taken for."""


def _check(size: int, lines: int, most: int) -> None:
    if lines > MAX_LINES:
        raise BodyError(f"the body has more than {MAX_LINES:,} lines; send it in parts", 413, "too_large")
    if size > MAX_BODY:
        raise BodyError(
            f"the body is larger than {MAX_BODY >> 20} MiB unpacked; send it in parts", 413, "too_large"
        )
    if size > most:
        raise LargerError
