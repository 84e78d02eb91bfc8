"""Formats as they appear among the messages of a log, where applications write whatever they like.

A message may hold what somebody sent to the application. So less is recognised here than in a payload that
is of a format as a whole.
"""

import re
from typing import Any, Final

import msgspec

from streams.ingest.formats.aws.lambda_report import LAMBDA_REPORT
from streams.ingest.formats.format import Reading, Surroundings
from streams.ingest.formats.json_refusal import JSON_ERRORS
from streams.ingest.formats.native import NATIVE

_OF_LAMBDA: Final = re.compile(
    rb"(?:START|END|REPORT) RequestId: |(?:INIT|RESTORE)_(?:START|REPORT)\b|(?:EXTENSION|TELEMETRY|LOGS)\t"
)
_LOGGERS_PREFIX: Final = re.compile(
    rb"(?:\[[A-Z]+\]\t)?\d{4}-\d\d-\d\dT[\d:.]{8,16}Z\t[\w-]{1,64}\t(?:[A-Z]{1,8}\t)?(?=\{)"
)


class _LineOfLogger(msgspec.Struct):
    """Members that lines of loggers have, and requests have not."""

    level: Any = msgspec.UNSET
    severity: Any = msgspec.UNSET
    msg: Any = msgspec.UNSET
    message: Any = msgspec.UNSET


class _Wrapped(msgspec.Struct, forbid_unknown_fields=True, rename={"request_id": "requestId"}):
    """What the JSON log format of Lambda makes of a line that was logged, not printed."""

    timestamp: str
    level: str
    request_id: str
    message: msgspec.Raw
    logger: str | None = None


_LINE_OF_LOGGER: Final = msgspec.json.Decoder(_LineOfLogger)
_WRAPPED: Final = msgspec.json.Decoder(_Wrapped)
_TEXT: Final = msgspec.json.Decoder(str)


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
            return True  # several lines, or damaged: the format says so
        return all(getattr(line, each) is msgspec.UNSET for each in line.__struct_fields__)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        return NATIVE.read(payload, around)


def unwrapped(message: bytes) -> bytes:
    r"""Return the object that was logged in a message, without what the loggers of Lambda put around it.

    Examples
    --------
    >>> unwrapped(b'2026-01-01T00:00:00.250Z\tc6af9ac6\tINFO\t{"ts": 1}')
    b'{"ts": 1}'
    >>> unwrapped(b'{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","requestId":"c6","message":{"ts": 1}}')
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


LOGGED_REPORT: Final = _LoggedReport()
LOGGED_EVENT: Final = _LoggedEvent()
