"""The format ``powertools``: lines of the Logger of Powertools for AWS Lambda, in Python and TypeScript.

A request writes any number of lines, so most lines are no requests and are skipped. A line counts as a
request if it has fields that only a finished request has, in the words of docs/event.md: its layers
(``ms``), or its ``route`` with a ``status`` or a ``duration_ms``. Logger adds the rest: function, service,
account, region, memory, cold start, trace. ::

    logger.info("request", extra={"route": "POST /items/{id}", "status": 200, "ms": {"total": 41.2}})

The id is that of the invocation: however many such lines one writes, it is one request. A line about a call
of something else (``status_code`` and ``url``) names no route, so it is skipped. ``sampling_rate`` concerns
Logger's own debug lines; it is not the weight of a request. Metrics of Powertools are the format ``emf``.
"""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from streams.engine.decode.event import (
    Amount,
    Event,
    EventClient,
    Layers,
    Milliseconds,
    TableCall,
)
from streams.engine.decode.parse import problem_of, stamp_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.aws.lambda_names import function_of_arn
from streams.ingest.formats.aws.lambda_report import start_time
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
from streams.ingest.formats.trace_ids import joins, trace_of

LOG_LINE: Final = "log line"
"""Why a line is skipped: it is about no request."""

_HEAD: Final = 64 * 1024
_MARKS: Final = (b'"level"', b'"timestamp"', b'"service"', b'"message"')
_NO_SERVICE: Final = "service_undefined"  # written by a Logger that was given none
_HttpStatus = Annotated[int, msgspec.Meta(ge=100, le=599)]
_LAYERS: Final = frozenset(Layers.__struct_fields__)
_FAILURES: Final = {"ERROR", "CRITICAL"}


class _Line(msgspec.Struct):
    """The fields that decide whether a line is a request."""

    function_request_id: str | None = None
    route: str | None = None
    status: Any = None
    status_code: Any = None
    duration_ms: Any = None
    ms: Any = None


class _Request(msgspec.Struct):
    """A line that is a request. A field of another type refuses it: type what may be ignored ``Any``."""

    function_request_id: str
    timestamp: str | float | None = None
    level: str | int | None = None
    service: str | None = None
    function_name: str | None = None
    function_arn: str | None = None
    function_memory_size: Amount | None = None
    cold_start: bool | None = None
    xray_trace_id: str | None = None
    route: str | None = None
    status: Any = None
    status_code: Any = None
    duration_ms: Milliseconds | None = None
    ms: Layers | None = None
    client: EventClient | None = None
    tables: tuple[TableCall, ...] | None = None
    values: dict[str, float] | None = None
    throttled: str | None = None
    error: Any = None  # a class of docs/event.md; of TypeScript's Logger, the thrown error
    error_type: str | None = None
    exception_name: str | None = None  # of Python's Logger


_LINE: Final = msgspec.json.Decoder(_Line)
_REQUEST: Final = msgspec.json.Decoder(_Request, strict=False)


class _Powertools:
    name: Final = "powertools"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD].lstrip()
        if not head.startswith(b"{"):
            return False
        tail = payload[-_HEAD:] if len(payload) > _HEAD else b""  # the message may be long
        return all(mark in head or mark in tail for mark in _MARKS)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        if not payload.strip():
            raise RefusalError(RejectReason.EMPTY, "the payload is empty")
        return read_parts(split(payload), lambda piece: Reading([_read(piece, around)]))


def _read(piece: bytes, around: Surroundings) -> Record:
    try:
        if not _is_request(piece):
            raise SkippedError(LOG_LINE)
        request = _REQUEST.decode(piece)
    except JSON_ERRORS as error:
        raise RefusalError(*problem_of(piece, error)) from None
    return validated(with_defaults(_event(request, around), around))


def _is_request(piece: bytes) -> bool:
    try:
        line = _LINE.decode(piece)
    except msgspec.ValidationError:
        msgspec.json.decode(piece, type=dict[str, msgspec.Raw])  # not the types of a request, but a line
        return False
    if not line.function_request_id:
        return False
    finished = line.duration_ms is not None or _status(line.status, line.status_code) is not None
    measured = isinstance(line.ms, dict) and not _LAYERS.isdisjoint(line.ms)
    return measured or bool(line.route and finished)


def _event(request: _Request, around: Surroundings) -> Event:
    where = function_of_arn(request.function_arn)
    trace = trace_of(request.xray_trace_id)
    layers = request.ms or (Layers(function=request.duration_ms) if request.duration_ms is not None else None)
    event = Event(
        ts=start_time(_written(request.timestamp, around), _duration(layers)),
        id=f"powertools:{request.function_request_id}",
        cloud="aws",
        account=where and where.account,
        region=where and where.region,
        service=None if request.service == _NO_SERVICE else request.service,
        route=request.route,
        function=request.function_name or (where and where.function),
        client=request.client,
        status=_status(request.status, request.status_code),
        error_type=request.error_type or request.exception_name or _thrown(request.error),
        ms=layers,
        cold_start=request.cold_start,
        throttled=request.throttled,
        tables=request.tables,
        values=request.values,
        joins=joins(trace, request.function_request_id),
        trace=trace,
        memory_mb=request.function_memory_size,
    )
    if request.error in ("user", "backend", "fatal"):
        event.error = request.error
    elif event.error_type and event.status is None and request.level in _FAILURES:
        event.error = "fatal"  # thrown, and never made into an answer
    return event


def _duration(layers: Layers | None) -> float | None:
    """Return the milliseconds of the outermost layer."""
    if layers is None:
        return None
    return next((ms for ms in (layers.total, layers.function, layers.code) if ms is not None), None)


def _status(*found: Any) -> int | None:
    """Return the first HTTP status, as a number or its text; a status may also be ``ok``."""
    for status in found:
        try:
            return msgspec.convert(status, _HttpStatus, strict=False)
        except ValueError:
            continue
    return None


def _thrown(error: Any) -> str | None:
    name = error.get("name") if isinstance(error, dict) else None
    return name if isinstance(name, str) else None


def _written(timestamp: str | float | None, around: Surroundings) -> float:
    """Return when a line was written.

    Logger writes ``2026-01-31 08:00:00,250+0000`` or RFC 3339. A custom format may have no offset: then only
    the log knows.
    """
    at: str | float | None = timestamp
    if isinstance(timestamp, str):
        try:
            moment = datetime.fromisoformat(timestamp)
        except ValueError:
            moment = None
        known = moment is not None and moment.tzinfo is not None
        at = moment.timestamp() if moment and known else (around.at if around.at is not None else timestamp)
    stamp = stamp_of(around.at if at is None else at)
    if isinstance(stamp, tuple):
        raise RefusalError(*stamp)
    return stamp


POWERTOOLS: Final = _Powertools()
