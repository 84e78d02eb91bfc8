"""The format ``lambda_report``: the report that AWS Lambda writes of each invocation, as text or as JSON.

A REPORT line, or a ``platform.report`` of the JSON log format or the Telemetry API, is the one record that
exists of every invocation, even of one that was stopped. Its neighbours (START, END, INIT_REPORT, other
``platform.`` records, lines of the application) are skipped. It names no function: the log group, or the
configuration of the source, does.

Its id holds the request id and the time of the report, because an asynchronous invocation that is retried
keeps its request id and is an invocation each time.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from streams.engine.decode.event import Amount, Event, Layers, Milliseconds
from streams.engine.decode.parse import problem_of, stamp_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import (
    Reading,
    Record,
    RefusalError,
    SkippedError,
    Surroundings,
    read_parts,
    validated,
    with_defaults,
)
from streams.ingest.formats.json_payload import JSON_ERRORS, split
from streams.ingest.formats.trace_ids import joins, x_ray_trace

PLATFORM: Final = "platform line"
APPLICATION: Final = "application line"
DROPPED: Final = "dropped logs"
"""Why a line is skipped. Dropped logs are a gap in the log, not in the invocations."""

_HEAD: Final = 64 * 1024
_TIMED_OUT: Final = {"timeout", "Sandbox.Timedout"}
_FAILED: Final = {"error", "failure"}
STOPPED: Final = " Task timed out after "
"""What Lambda logs of an invocation that it stopped, behind its request id."""

_STOPPED_LINE: Final = re.compile(rb"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})" + STOPPED.encode())
_ID: Final = "lambda:"

# A line of a log stream, or of an export, which puts the time before it, and `aws logs tail` the stream too.
_PREFIX: Final = rb"(?:(\d{4}-\d\d-\d\d[T ]\S{8,24})[ \t]+)?(?:\d{4}/\d\d/\d\d/\S+[ \t]+)?"
_REPORT: Final = re.compile(_PREFIX + rb"REPORT RequestId: ")
_PLATFORM_LINE: Final = re.compile(
    _PREFIX
    + rb"(?:(?:START|END) RequestId: "
    + rb"|(?:INIT|RESTORE)_(?:START|REPORT)\b"
    + rb"|(?:EXTENSION|TELEMETRY|LOGS)\t)"
)
_LINE_ENDS: Final = re.compile(rb"\r?\n(?!XRAY TraceId: )")  # a report's last fields begin on a new line
_FIELD: Final = re.compile(
    r"(RequestId|Billed Restore Duration|Restore Duration|Init Duration|Billed Duration|Duration"
    r"|Memory Size|Max Memory Used|XRAY TraceId|Status|Error Type): (\S+)"
)

_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


class _Metrics(msgspec.Struct, rename="camel"):
    duration_ms: Milliseconds
    billed_duration_ms: Milliseconds | None = None
    memory_size_mb: Amount | None = msgspec.field(default=None, name="memorySizeMB")
    init_duration_ms: Milliseconds | None = None
    restore_duration_ms: Milliseconds | None = None


class _Tracing(msgspec.Struct):
    value: str | None = None


class _Report(msgspec.Struct, rename="camel"):
    metrics: _Metrics
    request_id: str
    status: str | None = None
    error_type: str | None = None
    tracing: _Tracing | None = None


class _LogRecord(msgspec.Struct):
    """A record of the JSON log format or of the Telemetry API."""

    type: str | None = None
    time: str | float | None = None


class _LogReport(msgspec.Struct):
    record: _Report | None = None


_Timed = tuple[_Report, str | float | None]
"""A report and when it was made."""

_LOG_RECORD: Final = msgspec.json.Decoder(_LogRecord)
_MOST_LINES: Final = 250_000
_LOG_REPORT: Final = msgspec.json.Decoder(_LogReport, strict=False)


class _LambdaReport:
    name: Final = "lambda_report"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD].lstrip()
        if head[:1] in {b"{", b"["}:
            return b'"platform.' in head and b'"record"' in head
        return bool(_REPORT.match(head) or _PLATFORM_LINE.match(head)) or _has_report(head)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        if not payload.strip():
            raise RefusalError(RejectReason.EMPTY, "the payload is empty")
        if b"\0" in payload:
            raise RefusalError(RejectReason.BINARY, "not the text of a log; unpack it, or name its envelope")
        reading = read_parts(_parts(payload), lambda part: Reading([_read(part, around)]))
        mark_timed_out(reading.records, payload)
        return reading


def mark_timed_out(records: Iterable[Record], log: bytes) -> None:
    """Let reports be of timeouts where a line of their log says so: an older report has no status."""
    stopped = {found.decode() for found in _STOPPED_LINE.findall(log)}
    for record in records if stopped else ():
        if isinstance(record, Event) and not isinstance(record.error, str):
            request = (record.id or "").removeprefix(_ID).rpartition("/")[0]
            if request in stopped:
                record.error, record.error_type = "backend", "timeout"


def _has_report(head: bytes) -> bool:
    return any(_REPORT.match(head, found.end()) for found in _LINE_ENDS.finditer(head))


def _parts(payload: bytes) -> list[bytes]:
    """Return records and lines."""
    if payload.lstrip()[:1] == b"[":  # a delivery of the Telemetry API, or "[INFO] ..."
        try:
            return [bytes(raw) for raw in _LIST.decode(payload)]
        except JSON_ERRORS as error:
            if b'"platform.' in payload:
                raise RefusalError(*problem_of(payload, error)) from None
    parts: list[bytes] = []
    for piece in split(payload):
        parts += [piece] if piece[:1] == b"{" and _is_json(piece) else _LINE_ENDS.split(piece)
    if len(parts) > _MOST_LINES:
        raise RefusalError(RejectReason.TOO_LARGE, f"more than {_MOST_LINES:,} lines; send less at once")
    return [part for part in parts if part.strip()]


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except JSON_ERRORS:
        return False
    return True


def _read(part: bytes, around: Surroundings) -> Record:
    report, time = _of_json(part) if part.lstrip()[:1] == b"{" else _of_text(part)
    return validated(_event(report, time, around))


def _of_json(part: bytes) -> _Timed:
    try:
        line = _LOG_RECORD.decode(part)
        if line.type == "platform.report":
            report = _LOG_REPORT.decode(part).record
            if report is None:
                raise RefusalError(RejectReason.BAD_TYPE, "platform.report without a record")
            return report, line.time
    except JSON_ERRORS as error:
        if b'"platform.report"' in part:
            raise RefusalError(*problem_of(part, error)) from None
        line = _LogRecord()
    if line.type == "platform.logsDropped":
        raise SkippedError(DROPPED)
    raise SkippedError(PLATFORM if (line.type or "").startswith("platform.") else APPLICATION)


def _of_text(part: bytes) -> _Timed:
    head = part.lstrip()
    begun = _REPORT.match(head)
    if begun is None:
        raise SkippedError(PLATFORM if _PLATFORM_LINE.match(head) else APPLICATION)
    fields: dict[str, str] = {}
    for key, value in _FIELD.findall(head.decode(errors="replace")):
        fields.setdefault(key, value)
    metrics = {
        "durationMs": fields.get("Duration"),
        "billedDurationMs": fields.get("Billed Duration"),
        "memorySizeMB": fields.get("Memory Size"),
        "initDurationMs": fields.get("Init Duration"),
        "restoreDurationMs": fields.get("Restore Duration"),
    }
    if "RequestId" not in fields or "Duration" not in fields:
        raise RefusalError(RejectReason.DAMAGED, "a REPORT line without its request id or its duration")
    report = {
        "requestId": fields["RequestId"],
        "status": fields.get("Status"),
        "errorType": fields.get("Error Type"),
        "metrics": metrics,
        "tracing": {"value": fields.get("XRAY TraceId")},
    }
    try:
        timed = msgspec.convert(report, _Report, strict=False)
    except ValueError as error:
        raise RefusalError(*problem_of(part, error)) from None
    return timed, begun[1].decode(errors="replace") if begun[1] else None


def _event(report: _Report, time: str | float | None, around: Surroundings) -> Event:
    ended = stamp_of(around.at if time is None else time)
    if isinstance(ended, tuple):
        reason, detail = ended
        if reason is RejectReason.NO_TS:
            detail = "the report has no time; send it in the envelope of its log, or exported with times"
        raise RefusalError(reason, detail)
    metrics = report.metrics
    timed_out = report.status in _TIMED_OUT or report.error_type in _TIMED_OUT
    failed = report.status in _FAILED
    trace = x_ray_trace(report.tracing.value) if report.tracing else None
    initialised = metrics.init_duration_ms is not None or metrics.restore_duration_ms is not None
    event = Event(
        ts=start_time(ended, metrics.duration_ms),
        id=f"{_ID}{report.request_id}/{ended * 1000:.0f}",
        cloud="aws",
        ms=Layers(function=metrics.duration_ms),
        cold_start=initialised or None,
        joins=joins(trace, report.request_id),
        trace=trace,
        memory_mb=metrics.memory_size_mb,
        billed_ms=metrics.billed_duration_ms,
    )
    if timed_out:
        event.error, event.error_type = "backend", "timeout"
    elif failed:
        event.error, event.error_type = "fatal", report.error_type
    return with_defaults(event, around)


def start_time(ended: float, ms: float | None) -> float:
    """Return the epoch seconds of the start, to the microsecond; the end if the duration is not known.

    Examples
    --------
    >>> start_time(1764000000.25, 395.99)
    1763999999.85401
    """
    return round(ended - (ms or 0.0) / 1000, 6)


LAMBDA_REPORT: Final = _LambdaReport()
