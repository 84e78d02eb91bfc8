"""The format ``uneri``: records of docs/event.md, one JSON object per line."""

from typing import Final

import msgspec

from streams.decode.event import MAX_BYTES, ChangeRecord, Event, SampleRecord
from streams.decode.rejected import RejectReason
from streams.formats.format import Reading, RefusalError, Surroundings, settled

_MARKS: Final = (b'"service"', b'"route"', b'"function"', b'"kind"')
_EVENT: Final = msgspec.json.Decoder(Event)
_OTHERS: Final = msgspec.json.Decoder(SampleRecord | ChangeRecord)


class _Native:
    name: Final = "uneri"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:MAX_BYTES].lstrip()
        return head.startswith(b"{") and b'"ts"' in head and any(mark in head for mark in _MARKS)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        reading = Reading()
        for line in payload.split(b"\n"):
            if not line.strip():
                continue
            try:
                reading.add(Reading([_read(line, around)]))
            except RefusalError as error:
                reading.refused.append(error.of(line))
        if not reading.records and not reading.refused:
            raise RefusalError(RejectReason.EMPTY, "the payload is empty")
        return reading


def _read(line: bytes, around: Surroundings) -> Event | SampleRecord | ChangeRecord:
    try:
        return settled(_EVENT.decode(line), around)
    except (ValueError, RecursionError) as error:
        try:
            other: SampleRecord | ChangeRecord = _OTHERS.decode(line)
        except (ValueError, RecursionError):
            raise RefusalError(RejectReason.NOT_JSON, str(error)) from None
        return other


NATIVE: Final = _Native()
