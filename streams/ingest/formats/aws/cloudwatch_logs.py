"""The format ``cloudwatch_logs``: deliveries of a subscription filter of CloudWatch Logs.

A delivery is a JSON envelope with messages of one log stream: packed by gzip, perhaps with base64 around it,
or already unpacked by Firehose; one, or several in a row. Each message is read by the format that it looks
like among those below, and is skipped as a line of the application if it looks like none. Applications write
whatever they like, even input of their own callers, so less is recognised in a message than in a payload.

The envelope and the configuration name the sender, never a message: one that looks like an envelope is not
opened. Messages are distinguished by the ids of their log events.

In the log of a function Lambda reports each invocation. A request in ``emf`` beside it counts only in the
scopes that the report lacks: its route, its client, and its service if that has a name of its own.
"""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from streams.engine.decode.event import Event
from streams.engine.decode.parse import problem_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.access_logs.apigateway import APIGATEWAY
from streams.ingest.formats.access_logs.clf import CLF
from streams.ingest.formats.aws.emf import EMF
from streams.ingest.formats.aws.lambda_names import function_of_log
from streams.ingest.formats.aws.lambda_report import APPLICATION, LAMBDA_REPORT, STOPPED, mark_timed_out
from streams.ingest.formats.aws.powertools import POWERTOOLS
from streams.ingest.formats.envelopes.gzipped import (
    MAGIC,
    MOST_PACKED,
    Unzipped,
    decode_base64,
    unzipped,
    unzipped_head,
)
from streams.ingest.formats.format import MOST_UNPACKED, Format, Reading, RefusalError, Surroundings
from streams.ingest.formats.json_payload import JSON_ERRORS, split
from streams.ingest.formats.native import NATIVE, OF_PROGRAM, read_logged

_OF_LAMBDA: Final = re.compile(
    rb"(?:START|END|REPORT) RequestId: |(?:INIT|RESTORE)_(?:START|REPORT)\b|(?:EXTENSION|TELEMETRY|LOGS)\t"
)
_LOGGERS_PREFIX: Final = re.compile(
    rb"(?:\[[A-Z]+\]\t)?\d{4}-\d\d-\d\dT[\d:.]{8,16}Z\t[\w-]{1,64}\t(?:[A-Z]{1,8}\t)?(?=\{)"
)

_TEXT: Final = msgspec.json.Decoder(str)

_INVOKED: Final = re.compile(rb'\s*\{\s*"awslogs"\s*:')
_MAGIC_IN_BASE64: Final = b"H4sI"
_HEAD: Final = 4096
_BESIDE_REPORTS: Final = "route,table,client"


class _LogEvent(msgspec.Struct, gc=False):
    message: str | None = None
    id: str | None = None
    timestamp: float | None = None  # milliseconds


class _Head(msgspec.Struct, rename="camel"):
    message_type: str | None = None
    owner: str | None = None
    log_group: str | None = None
    log_stream: str | None = None


class _Envelope(_Head, rename="camel"):
    log_events: list[_LogEvent] | None = None


class _DoubtfulEnvelope(_Head, rename="camel"):
    log_events: list[msgspec.Raw] | None = None


class _Data(msgspec.Struct):
    data: bytes


class _Invocation(msgspec.Struct):
    """The event of a function that is itself the destination."""

    awslogs: _Data


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope, strict=False)
_DOUBTFUL: Final = msgspec.json.Decoder(_DoubtfulEnvelope, strict=False)
_LOG_EVENT: Final = msgspec.json.Decoder(_LogEvent, strict=False)
_INVOCATION: Final = msgspec.json.Decoder(_Invocation)


class CloudwatchLogs:
    """Opens envelopes, and reads their messages by the first of the ``inner`` formats that they look like.

    In a log that is not of a function, messages may also be lines of ``access_logs``. A function that serves
    HTTP by a framework prints such lines too, about requests that are reported already.
    """

    name: Final = "cloudwatch_logs"

    def __init__(self, inner: Sequence[Format], access_logs: Sequence[Format]) -> None:
        self._of_function: Final = tuple(inner)
        self._of_other: Final = (*inner, *access_logs)

    def looks_like(self, payload: bytes) -> bool:
        """Return whether a payload begins as an envelope, packed or not."""
        head = _head(payload)
        if not head.lstrip().startswith(b"{"):
            return False
        if _INVOKED.match(head):
            return True
        parts = head if payload.startswith(MAGIC) else head + payload[-_HEAD:]
        return b'"logGroup"' in parts and (b'"logEvents"' in parts or b'"messageType"' in parts)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        """Read the messages of a payload's envelopes.

        Raises
        ------
        RefusalError
            When it is empty, damaged, or unpacks to too much.
        """
        reading, seen = Reading(), set[str]()
        for content in _unpacked(payload, reading):
            for piece in split(content):
                try:
                    self._open(piece, around, reading, seen)
                except _NoEnvelopeError as error:
                    reading.refused.append(error.of(piece))
        return reading

    def _open(self, piece: bytes, around: Surroundings, reading: Reading, seen: set[str]) -> None:
        head, events = _opened(piece, reading)
        if head.message_type == "CONTROL_MESSAGE":
            reading.skipped["control message"] += 1
            return
        function = function_of_log(head.log_group, head.log_stream)
        of_all = msgspec.structs.replace(
            around,
            cloud=around.cloud or "aws",
            account=head.owner or around.account,
            function=function or around.function,
        )
        found = Reading()
        for event in events:
            if event.id:
                if event.id in seen:
                    reading.skipped["repeated"] += 1
                    continue
                seen.add(event.id)
            at = None if event.timestamp is None else event.timestamp / 1000
            of_message = msgspec.structs.replace(of_all, at=at)
            found.add(self._read(event, of_message, of_function=function is not None))
        if function is not None:
            stopped = [event.message for event in events if event.message and STOPPED in event.message]
            mark_timed_out(found.records, "\n".join(stopped).encode())
        reading.add(found)

    def _read(self, event: _LogEvent, around: Surroundings, *, of_function: bool) -> Reading:
        if event.message is None:
            missing = RefusalError(RejectReason.BAD_TYPE, "a log event without a message")
            return Reading(refused=[missing.of((event.id or "").encode())])
        message = _unwrapped(event.message.strip().encode())
        inner = self._of_function if of_function else self._of_other
        kind = next((form for form in inner if form.looks_like(message)), None)
        if kind is None:
            return Reading(skipped=Counter({APPLICATION: 1}))
        try:
            found = kind.read(message, around)
        except RefusalError as error:
            return Reading(refused=[error.of(message)])
        if of_function and kind is EMF:
            _spare_reported(found, around)
        if event.id:
            for at, record in enumerate(found.records):
                if record.id is None:
                    record.id = f"log:{event.id}" if len(found.records) == 1 else f"log:{event.id}/{at}"
        return found


class _NoEnvelopeError(RefusalError):
    """One of several envelopes cannot be opened."""


def _opened(piece: bytes, reading: Reading) -> tuple[_Head, list[_LogEvent]]:
    """Return an envelope and its messages; a malformed message is refused by itself."""
    try:
        whole = _ENVELOPE.decode(piece)
        head: _Head = whole
        events = whole.log_events
    except msgspec.ValidationError:
        head, events = _doubtful(piece, reading)
    except JSON_ERRORS as error:
        raise _NoEnvelopeError(*problem_of(piece, error)) from None
    if events is None and head.message_type != "CONTROL_MESSAGE":
        raise _NoEnvelopeError(
            RejectReason.UNKNOWN_FORMAT, "no logEvents: not an envelope of CloudWatch Logs"
        )
    if head.message_type not in {"DATA_MESSAGE", "CONTROL_MESSAGE", None}:
        raise _NoEnvelopeError(RejectReason.UNKNOWN_FORMAT, f"messageType {head.message_type[:40]!r}")
    return head, events or []


def _doubtful(piece: bytes, reading: Reading) -> tuple[_Head, list[_LogEvent] | None]:
    try:
        whole = _DOUBTFUL.decode(piece)
    except JSON_ERRORS as error:
        raise _NoEnvelopeError(*problem_of(piece, error)) from None
    if whole.log_events is None:
        return whole, None
    events = []
    for log_event in whole.log_events:
        try:
            events.append(_LOG_EVENT.decode(log_event))
        except JSON_ERRORS as error:
            reason, detail = problem_of(bytes(log_event), error)
            reading.refused.append(RefusalError(reason, detail).of(bytes(log_event)))
    return whole, events


def _unpacked(payload: bytes, reading: Reading) -> Iterator[bytes]:
    """Yield the content without base64 and gzip; a damaged one among several is refused by itself."""
    text = payload if payload.startswith(MAGIC) else payload.strip()
    if not text:
        raise RefusalError(RejectReason.EMPTY, "the payload is empty")
    if text.startswith(MAGIC):
        yield _unzipped(text, MOST_UNPACKED, reading).content
    elif text.startswith(_MAGIC_IN_BASE64):
        yield from _lines_unpacked(text.split(), reading)
    elif _INVOKED.match(text):
        try:
            packed = _INVOCATION.decode(text).awslogs.data
        except JSON_ERRORS as error:
            raise RefusalError(*problem_of(text, error)) from None
        yield _unzipped(packed, MOST_UNPACKED, reading).content
    elif len(text) > MOST_UNPACKED:
        raise RefusalError(RejectReason.TOO_LARGE, f"more than {MOST_UNPACKED:,} bytes; send less at once")
    else:
        yield text


def _lines_unpacked(lines: list[bytes], reading: Reading) -> Iterator[bytes]:
    left = MOST_UNPACKED
    for line in lines:
        try:
            found = _unzipped(decode_base64(line.decode(errors="replace")), left, reading)
        except RefusalError as error:
            if len(lines) == 1 or error.reason is RejectReason.TOO_LARGE:
                raise
            left -= min(left, len(line) * MOST_PACKED)  # how far it came, at most
            reading.refused.append(error.of(line))
        else:
            left -= found.size
            yield found.content


def _unzipped(packed: bytes, most: int, reading: Reading) -> Unzipped:
    found = unzipped(packed, most)
    if found.damaged is not None:
        reading.refused.append(found.damaged)
    return found


def _head(payload: bytes) -> bytes:
    """Return the beginning of the content of a payload."""
    head = payload[:_HEAD]
    if head.startswith(_MAGIC_IN_BASE64):
        line = head.split(maxsplit=1)[0]
        try:
            head = base64.b64decode(line[: len(line) // 4 * 4])
        except binascii.Error:
            return b""
    return unzipped_head(head, _HEAD) if head.startswith(MAGIC) else head


def _spare_reported(found: Reading, around: Surroundings) -> None:
    """Let requests in metrics count only in the scopes that the report of their invocation lacks."""
    for record in found.records:
        if isinstance(record, Event) and record.kind is None and record.counts is None:
            own = record.service not in {None, around.service, record.function}
            record.counts = f"service,{_BESIDE_REPORTS}" if own else _BESIDE_REPORTS


class _LineOfLogger(msgspec.Struct):
    """Members that lines of loggers have, and requests have not."""

    level: Any = msgspec.UNSET
    severity: Any = msgspec.UNSET
    msg: Any = msgspec.UNSET
    message: Any = msgspec.UNSET


class _Wrapped(msgspec.Struct, forbid_unknown_fields=True, rename={"request_id": "requestId"}):
    """A line that was logged, not printed, in the JSON log format of Lambda."""

    timestamp: str
    level: str
    request_id: str
    message: msgspec.Raw
    logger: str | None = None


_LINE_OF_LOGGER: Final = msgspec.json.Decoder(_LineOfLogger)
_WRAPPED: Final = msgspec.json.Decoder(_Wrapped)


class _LoggedReport:
    """A message that begins as one of Lambda does: none that has a report on a later line."""

    name: Final = LAMBDA_REPORT.name

    def looks_like(self, payload: bytes) -> bool:
        if payload.startswith(b"{"):
            return LAMBDA_REPORT.looks_like(payload)
        return _OF_LAMBDA.match(payload) is not None

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        return LAMBDA_REPORT.read(payload, around)


class _LoggedEvent:
    """An object of docs/event.md: no line of a logger that has ``ts`` and ``service`` too."""

    name: Final = NATIVE.name

    def looks_like(self, payload: bytes) -> bool:
        if not NATIVE.looks_like(payload):
            return False
        try:
            line = _LINE_OF_LOGGER.decode(payload)
        except JSON_ERRORS:
            return True  # several lines, or damaged: for the format to refuse
        return all(getattr(line, field) is msgspec.UNSET for field in line.__struct_fields__)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        return read_logged(payload, around, OF_PROGRAM)


def _unwrapped(message: bytes) -> bytes:
    r"""Return the object that was logged in a message, without the wrapping of Lambda's loggers.

    Examples
    --------
    >>> _unwrapped(b'2026-01-01T00:00:00.250Z\tc6af9ac6\tINFO\t{"ts": 1}')
    b'{"ts": 1}'
    >>> _unwrapped(b'{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","requestId":"c","message":{"ts": 1}}')
    b'{"ts": 1}'
    """
    prefix = _LOGGERS_PREFIX.match(message)
    if prefix:
        return message[prefix.end() :]
    if not message.startswith(b'{"timestamp"'):
        return message
    try:
        inner = bytes(_WRAPPED.decode(message).message)
        if inner.startswith(b'"'):
            inner = _TEXT.decode(inner).encode()
    except JSON_ERRORS:
        return message
    return inner if inner.startswith(b"{") else message


CLOUDWATCH_LOGS: Final = CloudwatchLogs((_LoggedReport(), EMF, POWERTOOLS, _LoggedEvent()), (APIGATEWAY, CLF))
