"""The span of a server or a consumer becomes a request."""

import re
from typing import Final

from msgspec import UNSET, UnsetType

from streams.engine.decode.event import ErrorClass, Event, EventClient, Layers
from streams.ingest.formats.access_logs.routes import PathTemplates, RequestLine, route_of
from streams.ingest.formats.access_logs.user_agents import client_of
from streams.ingest.formats.otlp.attributes import LONGEST, flag, number, text
from streams.ingest.formats.otlp.origin import Origin
from streams.ingest.formats.otlp.span import OtlpSpan, milliseconds, seconds

_USER_FROM: Final = 400
_BACKEND_FROM: Final = 500
_HIGHEST_STATUS: Final = 999
_TIMEOUT: Final = re.compile(r"time[ds]?[ _-]?out|deadline", re.IGNORECASE)
_FATAL: Final = re.compile(r"(?:Runtime|Extension|Sandbox|Function)\.|.*(?:OutOfMemory|MemoryError)")
_METHOD: Final = re.compile(r"[A-Z]+ /")
# Of gRPC: codes that are the fault of the server. All others but OK are the fault of the caller.
_OK: Final = frozenset({"0", "OK"})
_SERVERS_FAULT: Final = frozenset(
    {"2", "4", "12", "13", "14", "15"}
    | {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)


def request_of(span: OtlpSpan, origin: Origin, weight: float | None, paths: PathTemplates) -> Event:
    """Return the request of a span, without its table calls.

    Raises
    ------
    RefusalError
        When the span has no usable time.
    """
    attributes = span.attributes
    status = _status(span)
    error, error_type = _error(span, status)
    took = milliseconds(span)
    invocation = text(attributes, "faas.invocation_id", "faas.execution")
    return Event(
        ts=seconds(span.start, "the span"),
        id=id_of(span),
        cloud=origin.cloud,
        account=origin.account,
        region=origin.region,
        service=origin.service,
        route=_route(span, status, paths),
        function=origin.function,
        client=_client(span),
        status=status,
        error=error,
        error_type=error_type,
        ms=None if took is None else Layers(function=took) if origin.function else Layers(total=took),
        cold_start=flag(attributes, "faas.coldstart"),
        weight=weight,
        joins=f"{span.trace} {invocation}" if invocation and len(invocation.split()) == 1 else span.trace,
        trace=span.trace,
        memory_mb=origin.memory_mb,
    )


def id_of(span: OtlpSpan) -> str:
    """Return the id of the record that a span becomes."""
    return f"span:{span.trace}/{span.id}"


def absorb(request: Event, inner: Event) -> None:
    """Add the fields of a span inside of the same request: a framework's below a function's."""
    for name in ("route", "client", "status", "cold_start", "error_type"):
        if getattr(request, name) is None:
            setattr(request, name, getattr(inner, name))
    if request.error is UNSET:
        request.error = inner.error
    if request.joins == request.trace:
        request.joins = inner.joins


def _status(span: OtlpSpan) -> int | None:
    found = number(span.attributes, "http.response.status_code", "http.status_code")
    return int(found) if found is not None and 0 < found <= _HIGHEST_STATUS else None


def _route(span: OtlpSpan, status: int | None, paths: PathTemplates) -> str | None:
    """Return the route; a raw path, which may name each item, makes one only by given templates."""
    attributes = span.attributes
    method = text(attributes, "http.request.method", "http.method")
    if route := text(attributes, "http.route"):
        return route if method is None or _METHOD.match(route) else f"{method} {route}"[:LONGEST]
    if "rpc.method" in attributes:
        service, name = text(attributes, "rpc.service"), text(attributes, "rpc.method")
        return name if not service or not name or "/" in name else f"{service}/{name}"[:LONGEST]
    path = text(attributes, "url.path", "http.target")
    if paths.empty or not method or not path:
        return None
    return route_of(RequestLine(method, path), paths, status)


def _client(span: OtlpSpan) -> EventClient | None:
    attributes = span.attributes
    name, version = text(attributes, "uneri.client.name"), text(attributes, "uneri.client.version")
    tenant = text(attributes, "uneri.client.tenant")
    if name is None:
        agent = client_of(text(attributes, "user_agent.original", "http.user_agent"))
        if agent is not None:
            name, version = agent.name, version or agent.version
    return EventClient(name, version, tenant) if name or tenant else None


def _error(span: OtlpSpan, status: int | None) -> tuple[ErrorClass | UnsetType, str | None]:
    """Return the class, unset where the status alone decides it, and the type."""
    named = text(span.attributes, "error.type")
    answered = text(span.attributes, "rpc.response.status_code", "rpc.grpc.status_code")
    grpc = None if answered is None or answered.upper() in _OK else answered.upper()
    if not span.failed and named is None and grpc is None and (status is None or status < _USER_FROM):
        return UNSET, None
    raised = span.raised.type[:LONGEST] if span.raised and span.failed else None
    kind = named if named not in {None, "_OTHER", str(status)} else raised or grpc
    if status is not None and _USER_FROM <= status < _BACKEND_FROM:
        return UNSET, kind
    if not span.failed and named is None and grpc is not None:
        return "backend" if grpc in _SERVERS_FAULT else "user", kind
    if _TIMEOUT.search(kind or "") or _TIMEOUT.search(span.message[:LONGEST]):
        return "backend", kind
    if raised or _FATAL.match(kind or ""):
        return "fatal", kind
    return "backend" if status is None or status < _BACKEND_FROM else UNSET, kind
