"""The JSON values of a payload that holds one, a list of them, or several in a row."""

from typing import Final

import msgspec

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.concatenated import split
from streams.ingest.formats.format import MOST_RECORDS, RefusalError
from streams.ingest.formats.json_refusal import JSON_ERRORS, json_refusal

_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


def values(payload: bytes, what: str) -> list[bytes]:
    """Return the values one by one, each as it was sent; of lists, only the outermost is taken apart.

    Parameters
    ----------
    payload
        Unpacked.
    what
        What it should be, with its article, for the refusal: ``a list of segments``.

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
        found = [bytes(raw) for raw in _LIST.decode(payload)]
    except JSON_ERRORS as error:
        raise json_refusal(payload, error, what) from None
    if len(found) > MOST_RECORDS:
        raise RefusalError(RejectReason.TOO_LARGE, f"more than {MOST_RECORDS:,} values; send less at once")
    return found
