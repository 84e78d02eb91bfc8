"""The envelope ``pubsub``: a message of Google Cloud Pub/Sub as a push subscription posts it.

Its data is read by the format that it looks like, as a ``LogEntry`` of a log sink. A subscription that is not
wrapped, or one that is pulled, gives the data itself.
"""

from collections import Counter
from typing import Final

import msgspec

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.envelope import Enclosed, Opened
from streams.ingest.formats.format import RefusalError, Surroundings
from streams.ingest.formats.json_payload import JSON_ERRORS, json_refusal

_HEAD: Final = 4096


class _Message(msgspec.Struct, rename={"message_id": "messageId"}):
    data: bytes | None = None
    attributes: dict[str, str] | None = None
    message_id: str | None = None


class _Push(msgspec.Struct):
    message: _Message | None = None
    subscription: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Push)


class _Pubsub:
    name: Final = "pubsub"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD].lstrip()
        return (
            head.startswith(b"{")
            and b'"message"' in head
            and (b'"messageId"' in payload[-_HEAD:] or b'"messageId"' in head)
            and (b'"data"' in head or b'"attributes"' in head)
        )

    def opened(self, payload: bytes, around: Surroundings) -> Opened:
        try:
            message = _DECODER.decode(payload).message
        except JSON_ERRORS as error:
            raise json_refusal(payload, error, "a push of Pub/Sub") from None
        if message is None:
            raise RefusalError(RejectReason.UNKNOWN_FORMAT, "a push of Pub/Sub has a message; this has none")
        if not message.data:
            return Opened(skipped=Counter({"no data": 1}))
        return Opened([Enclosed(message.data, around, message.message_id and f"pubsub:{message.message_id}")])


PUBSUB: Final = _Pubsub()
