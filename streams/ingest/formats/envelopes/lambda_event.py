"""The envelope ``lambda_event``: what AWS Lambda is invoked with by Kinesis, SQS, SNS, Firehose and Kafka.

A function that forwards its event as it came, or a queue that a topic feeds, sends this; SNS posts its own
form of it over HTTP. The content of each record is read by the format that it looks like. Streams of DynamoDB
hold items, and notifications of S3 the names of objects: they are refused by name.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.envelope import Enclosed, Opened
from streams.ingest.formats.envelopes.gzipped import decode_base64
from streams.ingest.formats.format import MOST_RECORDS, RefusalError, Surroundings
from streams.ingest.formats.json_payload import JSON_ERRORS, json_refusal

_HEAD: Final = 4096
_SOURCE: Final = re.compile(
    rb'"[eE]ventSource"\s*:\s*"aws:|"deliveryStreamArn"\s*:|"TopicArn"\s*:\s*"arn:aws'
)
_WITHOUT: Final = {
    "aws:dynamodb": "a stream of DynamoDB holds items, not requests; send what its functions log",
    "aws:s3": "a notification of S3 names an object; send what is in it",
}
_CONFIRMATIONS: Final = ("SubscriptionConfirmation", "UnsubscribeConfirmation")


class _Kinesis(msgspec.Struct):
    data: str | None = None


class _Sns(msgspec.Struct, rename="pascal"):
    message: str | None = None
    message_id: str | None = None


class _Record(msgspec.Struct, rename="camel"):
    event_source: str | None = None
    of_sns: str | None = msgspec.field(default=None, name="EventSource")
    event_id: str | None = msgspec.field(default=None, name="eventID")
    kinesis: _Kinesis | None = None
    message_id: str | None = None
    body: str | None = None
    sns: _Sns | None = msgspec.field(default=None, name="Sns")


class _Delivered(msgspec.Struct, rename="camel"):
    """A record of Firehose or Kafka."""

    record_id: str | None = None
    data: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    value: str | None = None


class _Invocation(_Sns, rename={"kind": "Type", "message": "Message", "message_id": "MessageId"}):
    kind: str | None = None
    of_source: list[msgspec.Raw] | None = msgspec.field(default=None, name="Records")
    delivered: Any = msgspec.field(default=None, name="records")


_DECODER: Final = msgspec.json.Decoder(_Invocation)
_RECORD: Final = msgspec.json.Decoder(_Record)


class _LambdaEvent:
    name: Final = "lambda_event"

    def looks_like(self, payload: bytes) -> bool:
        if not payload[:_HEAD].lstrip().startswith(b"{"):
            return False
        return _SOURCE.search(payload[:_HEAD]) is not None or _SOURCE.search(payload[-_HEAD:]) is not None

    def opened(self, payload: bytes, around: Surroundings) -> Opened:
        try:
            event = _DECODER.decode(payload)
        except JSON_ERRORS as error:
            raise json_refusal(payload, error, "an event of Lambda") from None
        opened = Opened()
        if event.of_source is not None:
            _bound(len(event.of_source))
            for raw in event.of_source:
                try:
                    opened.parts.append(_part(bytes(raw), around))
                except RefusalError as error:
                    opened.refused.append(error.of(bytes(raw)))
        elif event.delivered is not None:
            for given in _listed(event.delivered):
                try:
                    opened.parts.append(_of_delivered(given, around))
                except RefusalError as error:
                    opened.refused.append(error.of(msgspec.json.encode(given)))
        elif event.kind in _CONFIRMATIONS:
            opened.skipped["confirmation of a subscription"] += 1
        elif event.message is not None:
            opened.parts.append(_named(event.message.encode(), around, "sns", event.message_id))
        else:
            raise RefusalError(RejectReason.UNKNOWN_FORMAT, "an event of Lambda has records; this has none")
        return opened


def _part(raw: bytes, around: Surroundings) -> Enclosed:
    try:
        record = _RECORD.decode(raw)
    except JSON_ERRORS as error:
        raise json_refusal(raw, error, "a record of an event of Lambda") from None
    source = record.event_source or record.of_sns or "none"
    if record.kinesis is not None and record.kinesis.data is not None:
        return _named(decode_base64(record.kinesis.data), around, "kinesis", record.event_id)
    if record.sns is not None and record.sns.message is not None:
        return _named(record.sns.message.encode(), around, "sns", record.sns.message_id)
    if record.body is not None and source == "aws:sqs":
        return _named(record.body.encode(), around, "sqs", record.message_id)
    why = _WITHOUT.get(source, f"no content that can be read in a record of {source[:60]!r}")
    raise RefusalError(RejectReason.UNKNOWN_FORMAT, why)


def _listed(delivered: Any) -> Iterator[Any]:
    """Yield the records of Firehose, which are a list, or of Kafka, by partition."""
    lists = list(delivered.values()) if isinstance(delivered, dict) else [delivered]
    if not all(isinstance(records, list) for records in lists):
        raise RefusalError(RejectReason.BAD_TYPE, "not an event of Lambda: its records are no list")
    _bound(sum(map(len, lists)))
    for records in lists:
        yield from records


def _of_delivered(given: Any, around: Surroundings) -> Enclosed:
    try:
        record = msgspec.convert(given, _Delivered)
    except msgspec.ValidationError as error:
        raise RefusalError(RejectReason.BAD_TYPE, f"a record of an event of Lambda: {error}") from None
    if record.data is not None:
        return _named(decode_base64(record.data), around, "firehose", record.record_id)
    if record.value is not None:
        name = None if record.topic is None else f"{record.topic}/{record.partition}/{record.offset}"
        return _named(decode_base64(record.value), around, "kafka", name)
    raise RefusalError(RejectReason.UNKNOWN_FORMAT, "a record without data: a tombstone of Kafka, or cut off")


def _named(content: bytes, around: Surroundings, kind: str, name: str | None) -> Enclosed:
    return Enclosed(content, around, name and f"{kind}:{name}")


def _bound(count: int) -> None:
    if count > MOST_RECORDS:
        raise RefusalError(RejectReason.TOO_LARGE, f"more than {MOST_RECORDS:,} records; send less at once")


LAMBDA_EVENT: Final = _LambdaEvent()
