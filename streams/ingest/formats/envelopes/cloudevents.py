"""The envelope ``cloudevents``: CloudEvents in structured mode, one or a batch, as JSON.

The data is read by the format that it looks like. In binary mode, where headers hold the attributes, a
payload is the data itself, and needs no envelope.
"""

from collections import Counter
from typing import Final

import msgspec

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.envelope import Enclosed, Opened
from streams.ingest.formats.envelopes.gzipped import decode_base64
from streams.ingest.formats.format import RefusalError, Surroundings
from streams.ingest.formats.json_payload import JSON_ERRORS, json_refusal, values

_HEAD: Final = 4096
_VERSIONS: Final = ("1.", "0.3")

_TEXT: Final = msgspec.json.Decoder(str)


class _Event(msgspec.Struct):
    specversion: str | None = None
    id: str | None = None
    source: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None


_ONE: Final = msgspec.json.Decoder(_Event)


class _CloudEvents:
    name: Final = "cloudevents"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD]
        return head.lstrip()[:1] in {b"{", b"["} and (
            b'"specversion"' in head or b'"specversion"' in payload[-_HEAD:]
        )

    def opened(self, payload: bytes, around: Surroundings) -> Opened:
        opened = Opened()
        if payload.lstrip()[:1] != b"[":
            _open(payload, around, opened)
            return opened
        for data in values(payload, "a batch of CloudEvents"):
            try:
                _open(data, around, opened)
            except RefusalError as error:
                opened.refused.append(error.of(data))
        return opened


def _open(payload: bytes, around: Surroundings, opened: Opened) -> None:
    try:
        event = _ONE.decode(payload)
        data = _data(event)
    except JSON_ERRORS as error:
        raise json_refusal(payload, error, "a CloudEvent") from None
    if event.specversion is None or not event.specversion.startswith(_VERSIONS):
        raise RefusalError(
            RejectReason.UNKNOWN_FORMAT,
            f"CloudEvents of specversion {event.specversion}; 1.0 is read, and 0.3",
        )
    if data:
        opened.parts.append(Enclosed(data, around, _name(event)))
    else:
        opened.skipped += Counter({"no data": 1})


def _data(event: _Event) -> bytes:
    """Return the data as it was before it was put into JSON: of a text, its content."""
    if event.data_base64 is not None:
        return decode_base64(event.data_base64)
    data = bytes(event.data)
    if data.startswith(b'"'):
        return _TEXT.decode(data).encode()
    return b"" if data == b"null" else data


def _name(event: _Event) -> str | None:
    """Return the name of an event: producers promise that source and id together are unique."""
    return f"cloudevents:{event.source or ''}/{event.id}" if event.id else None


CLOUDEVENTS: Final = _CloudEvents()
