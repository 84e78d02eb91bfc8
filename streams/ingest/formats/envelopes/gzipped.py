"""Gzip and base64, in which subscriptions and delivery streams pack their payloads.

Gzip may have several members in a row.
"""

import re
import zlib
from base64 import b64decode
from typing import Final, NamedTuple

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import RefusalError, Refused

MAGIC: Final = b"\x1f\x8b"
MOST_MEMBERS: Final = 1000
MOST_PACKED: Final = 1032
"""Bytes that one packed byte can become."""

_FED: Final = 256 * 1024  # packed bytes at a time: zlib copies what it leaves
_PADDING: Final = re.compile(rb"[\0\s]*")
_GZIP: Final = 31  # zlib's number for gzip and nothing else


class Unzipped(NamedTuple):
    """The content of packed bytes."""

    content: bytes  # of the members before the first that is damaged: their checksums are right
    size: int  # bytes that were unpacked for it, those of a damaged member among them
    damaged: Refused | None = None  # the rest, if a member is


def unzipped(payload: bytes, most: int) -> Unzipped:
    """Return the content of all members, or of those before the first that is damaged.

    The payload begins with ``MAGIC``; the content may have ``most`` bytes.

    Raises
    ------
    RefusalError
        When its first member is damaged or cut off, or it unpacks to more than ``most``.

    Examples
    --------
    >>> import gzip
    >>> unzipped(gzip.compress(b"one ") + gzip.compress(b"two"), 100).content
    b'one two'
    """
    found, size, at = list[bytes](), 0, 0
    for number in range(MOST_MEMBERS):
        member, begin, whole = zlib.decompressobj(_GZIP), at, len(found)
        try:
            while not member.eof:
                fed = payload[at : at + _FED]
                found.append(_decompressed(member, fed, most - size + 1))
                at += len(fed) - len(member.unconsumed_tail) - len(member.unused_data)
                size += len(found[-1])
                if size > most:
                    raise _too_much("the gzip data unpacks to too much; send less at once")
        except RefusalError as error:
            if number == 0 or error.reason is RejectReason.TOO_LARGE:
                raise
            return Unzipped(b"".join(found[:whole]), size, error.of(payload[begin:]))
        padding = _PADDING.match(payload, at)
        at = padding.end() if padding else at
        if at >= len(payload):
            return Unzipped(b"".join(found), size)
    raise _too_much(f"more than {MOST_MEMBERS:,} gzip members; send fewer at once")


def _decompressed(member: "zlib._Decompress", fed: bytes, most: int) -> bytes:
    if not fed:
        raise RefusalError(RejectReason.DAMAGED, "the gzip data is cut off")
    try:
        return member.decompress(fed, most)
    except zlib.error as error:
        raise RefusalError(RejectReason.DAMAGED, f"the gzip data is damaged: {error}") from None


def unzipped_head(payload: bytes, most: int) -> bytes:
    """Return the first bytes of the content, at most so many; nothing if they are damaged."""
    try:
        return zlib.decompressobj(_GZIP).decompress(payload, most)
    except zlib.error:
        return b""


def _too_much(why: str) -> RefusalError:
    return RefusalError(RejectReason.TOO_LARGE, why)


def decode_base64(text: str) -> bytes:
    """Return the bytes of a base64 text.

    Raises
    ------
    RefusalError
        When it is none.

    Examples
    --------
    >>> decode_base64("c2Vh")
    b'sea'
    """
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise RefusalError(RejectReason.DAMAGED, f"not base64: {error}") from None
