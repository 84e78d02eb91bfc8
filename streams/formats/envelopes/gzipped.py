"""Gzip, as subscriptions and delivery streams pack what they send: perhaps several members in a row."""

import re
import zlib
from typing import Final

from streams.decode.rejected import RejectReason
from streams.formats.format import RefusalError

MAGIC: Final = b"\x1f\x8b"
MOST_MEMBERS: Final = 1000
MOST_PACKED: Final = 1032
"""Bytes that one packed byte can become."""

_FED: Final = 256 * 1024  # packed bytes at a time: zlib copies what it leaves
_PADDING: Final = re.compile(rb"[\0\s]*")
_GZIP: Final = 31  # zlib's number for gzip and nothing else


def unzipped(payload: bytes, most: int) -> bytes:
    """Return the content of all members.

    Parameters
    ----------
    payload
        Begins with ``MAGIC``.
    most
        Bytes that the content may have.

    Raises
    ------
    RefusalError
        When it is damaged, cut off, or unpacks to more than ``most``.

    Examples
    --------
    >>> import gzip
    >>> unzipped(gzip.compress(b"one ") + gzip.compress(b"two"), 100)
    b'one two'
    """
    found, size, at = [], 0, 0
    for _ in range(MOST_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            fed = payload[at : at + _FED]
            if not fed:
                raise RefusalError(RejectReason.DAMAGED, "the gzip data is cut off")
            try:
                found.append(member.decompress(fed, most - size + 1))
            except zlib.error as error:
                raise RefusalError(RejectReason.DAMAGED, f"the gzip data is damaged: {error}") from None
            at += len(fed) - len(member.unconsumed_tail) - len(member.unused_data)
            size += len(found[-1])
            if size > most:
                raise RefusalError(
                    RejectReason.TOO_LARGE, "the gzip data unpacks to too much; send less at once"
                )
        padding = _PADDING.match(payload, at)
        at = padding.end() if padding else at
        if at >= len(payload):
            return b"".join(found)
    raise RefusalError(RejectReason.TOO_LARGE, f"more than {MOST_MEMBERS:,} gzip members; send fewer at once")
