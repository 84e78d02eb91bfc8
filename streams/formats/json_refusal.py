"""Why a payload is not the JSON that its format has."""

import msgspec

from streams.decode.rejected import RejectReason
from streams.formats.format import RefusalError

JSON_ERRORS = (ValueError, RecursionError)
"""What msgspec raises: its own errors and ``UnicodeDecodeError`` are ``ValueError``s."""


def json_refusal(payload: bytes, error: Exception, what: str) -> RefusalError:
    """Return the refusal of a payload that could not be decoded.

    Parameters
    ----------
    payload
        What was to be decoded.
    error
        One of ``JSON_ERRORS``.
    what
        What it should have been, with its article: ``a push of Pub/Sub``.

    Examples
    --------
    >>> json_refusal(b"", ValueError("truncated"), "a segment").reason.value
    'empty'
    """
    if not payload.strip():
        return RefusalError(RejectReason.EMPTY, "the payload is empty")
    return RefusalError(_reason(error), f"not {what}: {error}")


def _reason(error: Exception) -> RejectReason:
    if isinstance(error, RecursionError):
        return RejectReason.TOO_DEEP
    if isinstance(error, msgspec.ValidationError):
        return RejectReason.BAD_TYPE
    return RejectReason.BINARY if isinstance(error, UnicodeDecodeError) else RejectReason.NOT_JSON
