"""The format ``gcp_log_entry``: entries of Google Cloud Logging about requests.

Read are the request logs that the platform itself writes: Cloud Run (and Functions built on it), App Engine,
API Gateway and load balancers give ``httpRequest``; App Engine's standard environment gives its own
``RequestLog``; the first generation of Cloud Functions gives a line of text at the end of each execution. A
program's own log may repeat ``httpRequest`` on every line, so any other log is skipped, save records of
docs/event.md: the platform keeps a line of JSON as ``jsonPayload``.

An entry, or an array of entries, is one JSON value; several stand one a line.
"""

import re
from typing import Final
from urllib.parse import unquote

import msgspec

from streams.engine.decode.event import LARGEST, Event, Layers
from streams.engine.decode.parse import stamp_of
from streams.ingest.formats.access_logs.routes import PathTemplates, RequestLine, path_templates, route_of
from streams.ingest.formats.access_logs.user_agents import client_of
from streams.ingest.formats.format import (
    Reading,
    RefusalError,
    SkippedError,
    Surroundings,
    read_parts,
    validated,
    with_defaults,
)
from streams.ingest.formats.json_payload import JSON_ERRORS, json_refusal, values
from streams.ingest.formats.native import NATIVE, read_logged

_HEAD: Final = 64 * 1024
_MARKS: Final = (b'"insertId"', b'"logName"', b'"receiveTimestamp"', b'"httpRequest"')
_REQUEST_LOGS: Final = frozenset({"requests", "request_log", "nginx.request"})
_SECONDS: Final = re.compile(r"\d{1,12}(?:\.\d{1,9})?s", re.ASCII)
_TRACE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII | re.IGNORECASE)
_EXECUTION: Final = re.compile(
    r"Function execution took (\d{1,9}) ?ms[.,] finished with status(?: code)?: '?([\w -]+)",
    re.IGNORECASE | re.ASCII,
)
_NO_INSTANCE: Final = "The request was aborted because there was no available instance"
_SERVED: Final = frozenset(
    {"response_sent_by_backend", "response_from_cache", "response_from_cache_validated", "byte_range_caching"}
)
"""Details of a load balancer for answers that the backend or its cache gave."""

_FUNCTIONS: Final = ("service_name", "function_name", "module_id")
"""Labels with the name of the program, as OpenTelemetry's detectors put it into ``faas.name``."""
_SERVICES: Final = ("backend_service_name", "gateway_id", "url_map_name", "forwarding_rule_name")
_OF_THE_PLATFORM: Final = frozenset({"timeout", "connection error"})
_FIRST_ERROR: Final = 400
_LAST_STATUS: Final = 999

_Text = str | None


class _HttpRequest(msgspec.Struct, rename="camel"):
    request_method: _Text = None
    request_url: _Text = None
    status: int | None = None
    latency: _Text = None
    user_agent: _Text = None


class _Resource(msgspec.Struct):
    type: _Text = None
    labels: dict[str, str] = {}


class _Payload(msgspec.Struct, rename="camel"):
    """App Engine's ``RequestLog``, and the fields that a load balancer adds."""

    request_id: _Text = None
    start_time: _Text = None
    latency: _Text = None
    user_agent: _Text = None
    method: _Text = None
    resource: _Text = None
    status: int | None = None
    module_id: _Text = None
    first: bool = False
    finished: bool = False
    was_loading_request: bool | None = None
    trace_id: _Text = None
    status_details: _Text = None


class _Entry(msgspec.Struct, rename="camel"):
    log_name: _Text = None
    resource: _Resource = msgspec.field(default_factory=_Resource)
    timestamp: _Text = None
    insert_id: _Text = None
    http_request: _HttpRequest | None = None
    trace: _Text = None
    labels: dict[str, str] = {}
    text_payload: _Text = None
    proto_payload: msgspec.Raw = msgspec.Raw()
    json_payload: msgspec.Raw = msgspec.Raw()


_ONE: Final = msgspec.json.Decoder(_Entry, strict=False)
_PAYLOAD: Final = msgspec.json.Decoder(_Payload, strict=False)


class _GcpLogEntry:
    name: Final = "gcp_log_entry"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD]
        return head.lstrip()[:1] in {b"{", b"["} and sum(mark in head for mark in _MARKS) > 1

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        entries = values(payload, "an array of log entries")
        return read_parts(entries, lambda entry: _read(entry, around))


def _read(data: bytes, around: Surroundings) -> Reading:
    try:
        entry = _ONE.decode(data)
    except JSON_ERRORS as error:
        raise json_refusal(data, error, "a log entry") from None
    around = _surroundings(entry, around)
    if NATIVE.looks_like(bytes(entry.json_payload)):
        return _native(entry, around)
    return Reading([validated(with_defaults(_request(entry, path_templates(around.templates)), around))])


def _surroundings(entry: _Entry, around: Surroundings) -> Surroundings:
    labels, log = entry.resource.labels, entry.log_name or ""
    container = labels.get("resource_container", "").removeprefix("projects/")
    project = (
        labels.get("project_id") or container or (log.split("/")[1] if log.startswith("projects/") else "")
    )
    region = labels.get("location") or labels.get("region")
    return msgspec.structs.replace(
        around,
        cloud="gcp",
        account=project or around.account,
        region=(region if region != "global" else None) or around.region,
        service=_first(labels, _SERVICES) or around.service,
        function=_first(labels, _FUNCTIONS) or around.function,
    )


def _first(labels: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)


def _native(entry: _Entry, around: Surroundings) -> Reading:
    """Read a record that a program wrote in our form; the platform may have put it on several lines."""
    text = msgspec.json.format(bytes(entry.json_payload), indent=0)
    reading = read_logged(text, around, ("account", "region", "service"))
    for record in reading.records:
        record.id = record.id or _id(entry)
    return reading


def _request(entry: _Entry, paths: PathTemplates) -> Event:
    log = unquote(entry.log_name or "requests").rpartition("/")[2]
    if log == "cloud-functions":
        return _execution(entry)
    if log not in _REQUEST_LOGS:
        raise SkippedError("another log")
    details = _details(entry)
    if entry.http_request is None and (log != "request_log" or details.start_time is None):
        raise SkippedError("no request")
    if details.first and not details.finished:
        raise SkippedError("unfinished")
    http = entry.http_request or _HttpRequest()
    trace = entry.trace or details.trace_id
    took = _milliseconds(http.latency or details.latency)
    status = _status(http.status if http.status is not None else details.status)
    method, url = http.request_method or details.method, http.request_url or details.resource
    event = Event(
        ts=_stamp(details.start_time or entry.timestamp),
        id=_id(entry),
        function=details.module_id,
        route=_route(paths, method, url, status),
        client=client_of(http.user_agent or details.user_agent),
        status=status,
        ms=None if took is None else Layers(total=took),
        cold_start=details.was_loading_request,
        joins=_join(trace),
        trace=trace,
    )
    _set_error(event, entry.text_payload or "", details.status_details)
    return event


def _details(entry: _Entry) -> _Payload:
    """Return the fields that the payload adds; of a payload of another kind, none."""
    for payload in (entry.proto_payload, entry.json_payload):
        if payload:
            try:
                return _PAYLOAD.decode(payload)
            except JSON_ERRORS:
                break
    return _Payload()


def _set_error(event: Event, text: str, details: str | None) -> None:
    """Set the error of an answer that the platform itself gave."""
    if text.startswith(_NO_INSTANCE):
        event.throttled, event.error = "no available instance", "backend"
    elif details and details not in _SERVED and (event.status is None or event.status >= _FIRST_ERROR):
        event.error_type = details
        if event.status is None:
            event.error = "user" if details.startswith("client_") else "backend"


def _execution(entry: _Entry) -> Event:
    found = _EXECUTION.match(entry.text_payload or "")
    if not found:
        raise SkippedError("no request")
    took, outcome = float(found[1]), found[2].strip().lower()
    event = Event(
        ts=_stamp(entry.timestamp) - took / 1000,
        id=_id(entry),
        ms=Layers(function=took),
        joins=_join(entry.trace),
        trace=entry.trace,
    )
    if outcome.isdecimal():
        event.status = _status(int(outcome))
    elif outcome != "ok":
        event.error_type = outcome
        event.error = "backend" if outcome in _OF_THE_PLATFORM else "fatal"
    return event


def _stamp(text: str | None) -> float:
    found = stamp_of(text)
    if isinstance(found, tuple):
        raise RefusalError(*found)
    return found


def _id(entry: _Entry) -> str | None:
    return f"gcp:{entry.insert_id}" if entry.insert_id else None


def _route(paths: PathTemplates, method: str | None, url: str | None, status: int | None) -> str | None:
    if not url:
        return None
    return route_of(RequestLine(method, url), paths, status) if method else paths.of(url)


def _status(status: int | None) -> int | None:
    """Return a status; a load balancer writes 0 where no answer was sent."""
    return status if status is not None and 0 < status <= _LAST_STATUS else None


def _milliseconds(text: str | None) -> float | None:
    """Return a duration of protobuf's JSON form as milliseconds, None if it is none.

    Examples
    --------
    >>> _milliseconds("0.041s"), _milliseconds("-1s")
    (41.0, None)
    """
    if not text or not _SECONDS.fullmatch(text):
        return None
    found = round(float(text[:-1]) * 1000, 6)
    return found if found <= LARGEST else None


def _join(trace: str | None) -> str | None:
    """Return the trace id of ``projects/P/traces/T``."""
    key = (trace or "").rpartition("/")[2]
    return key.lower() if _TRACE.fullmatch(key) else None


GCP_LOG_ENTRY: Final = _GcpLogEntry()
