"""Why a payload is not the JSON that its format has."""

from typing import Final

from streams.engine.decode.parse import problem_of
from streams.ingest.formats.format import RefusalError

JSON_ERRORS: Final = (ValueError, RecursionError)
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
    >>> refusal = json_refusal(b"", ValueError("truncated"), "a segment")
    >>> refusal.reason.value, refusal.detail
    ('empty', 'not a segment: the record is empty')
    """
    reason, detail = problem_of(payload, error)
    return RefusalError(reason, f"not {what}: {detail}")
