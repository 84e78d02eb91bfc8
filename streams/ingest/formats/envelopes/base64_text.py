"""Bytes that lie in JSON as base64."""

from base64 import b64decode

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import RefusalError


def unpacked(text: str) -> bytes:
    """Return the bytes of a base64 text.

    Raises
    ------
    RefusalError
        When it is none.

    Examples
    --------
    >>> unpacked("c2Vh")
    b'sea'
    """
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise RefusalError(RejectReason.DAMAGED, f"not base64: {error}") from None
