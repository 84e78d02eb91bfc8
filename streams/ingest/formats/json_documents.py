"""The JSON documents of a payload: one, one on each line, or one behind the other."""

from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from streams.engine.decode.parse import problem_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.concatenated import split
from streams.ingest.formats.envelopes.gzipped import MAGIC
from streams.ingest.formats.format import MOST_UNPACKED, RefusalError
from streams.ingest.formats.json_refusal import JSON_ERRORS

_LOOKED_AT: Final = 2  # lines


class Document(NamedTuple):
    """A document as it was sent, and what it holds, or why it cannot be read."""

    sent: bytes
    content: Any
    refusal: RefusalError | None = None


def documents(payload: bytes) -> Iterator[Document]:
    r"""Yield the documents of a payload.

    Raises
    ------
    RefusalError
        When there is none: nothing, too much, or gzip.

    Examples
    --------
    >>> [each.content for each in documents(b'{"a": 1}\n{"a": 2}')]
    [{'a': 1}, {'a': 2}]
    >>> [each.refusal and each.refusal.reason.value for each in documents(b'[1]\n{"a"\n[2]')]
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
    whole = _read(payload)
    if whole.refusal is None:
        yield whole
    elif any(_is_document(line) for line in islice(_lines(payload), _LOOKED_AT)):
        yield from map(_read, _lines(payload))
    elif len(pieces := split(payload)) > 1:
        yield from map(_read, pieces)
    else:
        yield whole


def _lines(payload: bytes) -> Iterator[bytes]:
    return (line for raw in BytesIO(payload) if (line := raw.strip()))


def _is_document(line: bytes) -> bool:
    return line.startswith((b"{", b"[")) and _read(line).refusal is None


def _read(sent: bytes) -> Document:
    try:
        return Document(sent, msgspec.json.decode(sent))
    except JSON_ERRORS as error:
        reason, detail = problem_of(sent, error)
        if isinstance(error, msgspec.ValidationError):  # without a type, only numbers can be wrong
            reason = RejectReason.NOT_FINITE
        return Document(sent, None, RefusalError(reason, detail))
