"""The envelope ``firehose``: deliveries of Amazon Data Firehose to an HTTP endpoint.

Each record is read by the format that it looks like. A delivery that was not confirmed comes again as a
whole, with the same ``requestId``, by which records without an id are known as repeats.
"""

from typing import Final

import msgspec

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.envelope import Enclosed, Opened
from streams.ingest.formats.envelopes.gzipped import decode_base64
from streams.ingest.formats.format import MOST_RECORDS, RefusalError, Surroundings
from streams.ingest.formats.json_payload import JSON_ERRORS, json_refusal

_HEAD: Final = 4096


class _Record(msgspec.Struct):
    data: str | None = None


class _Delivery(msgspec.Struct, rename="camel"):
    request_id: str | None = None
    records: list[msgspec.Raw] | None = None  # a malformed one is refused alone


_DECODER: Final = msgspec.json.Decoder(_Delivery)
_RECORD: Final = msgspec.json.Decoder(_Record)


class _Firehose:
    name: Final = "firehose"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD]
        return (
            head.lstrip().startswith(b"{")
            and b'"records"' in head
            and (b'"requestId"' in head or b'"requestId"' in payload[-_HEAD:])
        )

    def opened(self, payload: bytes, around: Surroundings) -> Opened:
        try:
            delivery = _DECODER.decode(payload)
        except JSON_ERRORS as error:
            raise json_refusal(payload, error, "a delivery of Firehose") from None
        if delivery.records is None:
            raise RefusalError(
                RejectReason.UNKNOWN_FORMAT, "a delivery of Firehose has records; this has none"
            )
        if len(delivery.records) > MOST_RECORDS:
            raise RefusalError(
                RejectReason.TOO_LARGE, f"more than {MOST_RECORDS:,} records; send less at once"
            )
        opened = Opened()
        for at, record in enumerate(delivery.records):
            name = f"firehose:{delivery.request_id}/{at}" if delivery.request_id else None
            try:
                data = _data(bytes(record))
            except RefusalError as error:
                opened.refused.append(error.of(bytes(record)))
                continue
            try:
                opened.parts.append(Enclosed(decode_base64(data), around, name))
            except RefusalError as error:
                opened.refused.append(error.of(data.encode()))
        return opened


def _data(record: bytes) -> str:
    try:
        data = _RECORD.decode(record).data
    except JSON_ERRORS as error:
        raise json_refusal(record, error, "a record of Firehose") from None
    if data is None:
        raise RefusalError(RejectReason.BAD_TYPE, "not a record of Firehose: it has no data")
    return data


FIREHOSE: Final = _Firehose()
