"""Identifiers of traces and spans: bytes, hexadecimal of either case, or base64 of plain protobuf."""

import binascii
import re
from typing import Final

TRACE_BYTES: Final = 16
SPAN_BYTES: Final = 8

_HEX: Final = re.compile(r"[0-9a-fA-F]+")


def of_bytes(found: bytes, size: int) -> str:
    """Return an identifier as lower-case hexadecimal; nothing if it is none.

    Examples
    --------
    >>> of_bytes(bytes.fromhex("eee19b7ec3c1b174"), SPAN_BYTES), of_bytes(bytes(8), SPAN_BYTES)
    ('eee19b7ec3c1b174', '')
    """
    return found.hex() if len(found) == size and any(found) else ""


def of_text(found: str, size: int) -> str:
    """Return an identifier as lower-case hexadecimal; nothing if it is none.

    Examples
    --------
    >>> of_text("EEE19B7EC3C1B174", SPAN_BYTES), of_text("7uGbfsPBsXQ=", SPAN_BYTES)
    ('eee19b7ec3c1b174', 'eee19b7ec3c1b174')
    """
    if len(found) == 2 * size:
        return found.lower() if _HEX.fullmatch(found) and found.strip("0") else ""
    if len(found) > 2 * size:
        return ""
    try:
        return of_bytes(binascii.a2b_base64(found + "=" * (-len(found) % 4)), size)
    except ValueError:
        return ""
