"""The format ``apigateway``: access logs of REST, HTTP and WebSocket APIs of Amazon API Gateway.

Three ways to write them are read: JSON with keys of the owner's choice, the common log format as the console
offers it, and ``key: value, key: value`` as the Serverless Framework has it.

- All values are texts, and ``-`` or an empty one is absent, never zero.
- A route is the ``routeKey``, or the method and ``resourcePath``. The path is used only where these match
  anything (``$default``, ``/{proxy+}``), or where a given template fits it; no route is ``{unmatched}``.
- A service is, where neither the record nor the configuration names it, ``apiId/stage``.
- ``THROTTLED`` is the gateway's own limit: a throttle, and an error of the backend. ``QUOTA_EXCEEDED`` is a
  throttle too, but of a plan that a customer has used up: the caller's error.
- A client is the id of the API key, else the client that a claim names, else a product token of the agent
  (``user_agents``). Never the key itself, nor an address, a user or a principal: those are people.

The values of keys are variables of API Gateway, ``$context.responseLatency``. Keys that are named after their
variable are known, as in the examples of AWS, its console, CDK, SAM and the Serverless Framework, in any
spelling: ``responseLatency``, ``response_latency``, ``context.responseLatency``. A mapping gives others their
meaning, by the variable or by a field of docs/event.md; the log format of the stage itself is such a mapping:
``{"took": "$context.responseLatency"}``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from config.access_log_keys import meaning_of, target_of
from config.native_fields import VALUES
from streams.engine.decode.event import ErrorClass, Event, EventClient, Layers
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.access_logs.clf import ClfLine, clf_line
from streams.ingest.formats.access_logs.log_lines import (
    clf_time,
    first_line,
    milliseconds,
    number,
    present,
    read_lines,
    status_of,
)
from streams.ingest.formats.access_logs.routes import (
    UNMATCHED,
    PathTemplates,
    RequestLine,
    method_of,
    named_route,
    path_templates,
    route_of,
)
from streams.ingest.formats.access_logs.user_agents import client_of
from streams.ingest.formats.format import Reading, RefusalError, Surroundings, with_defaults
from streams.ingest.formats.json_payload import JSON_ERRORS, split
from streams.ingest.formats.trace_ids import x_ray_key, x_ray_trace

_JSON: Final = msgspec.json.Decoder(dict[str, object])
_ROUTES: Final = (b'"routeKey"', b'"resourcePath"', b'"httpMethod"')
_GATEWAY: Final = (b'"requestId"', b'"extendedRequestId"', b'"requestTime"', b'"requestTimeEpoch"')
_TEXT: Final = "requestId: "
_PAIR: Final = re.compile(r"(?:^|, )([A-Za-z][A-Za-z0-9_.$]{0,60}): ?")
_GATEWAY_ID: Final = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[A-Za-z0-9_-]{11,22}={1,2}", re.ASCII
)
_ROUTE_KEY: Final = re.compile(r"([A-Z]+) (/\S*)")
_CATCH_ALL: Final = re.compile(r"(?:[A-Z]+ )?/\{[^/{}]+\+\}")
_DEFAULT: Final = "$default"
_REGION: Final = re.compile(r"\.execute-api\.([a-z0-9-]{1,32})\.amazonaws\.com")
_FUNCTION_ERROR: Final = re.compile(
    r"returned the following error: ([A-Za-z]\w{0,60}(?:\.\w{1,60})?)", re.ASCII
)
_CRASHED: Final = "customer function error"
_TIMED_OUT: Final = "Task timed out"
_THROTTLES: Final = ("THROTTLED", "QUOTA_EXCEEDED")
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_REMEDY: Final = "; quote every variable of the log's format, and use error.messageString without quotes"


class _ApiGateway:
    name: Final = "apigateway"

    def looks_like(self, payload: bytes) -> bool:
        line = first_line(payload)
        if line.startswith("{"):
            head = payload[:65536] if payload.lstrip().startswith(b"{") else line.encode()
            return (
                b'"status"' in head
                and any(mark in head for mark in _ROUTES)
                and any(mark in head for mark in _GATEWAY)
            )
        if line.startswith(_TEXT):
            return ", status: " in line
        found = clf_line(line)
        return found is not None and _is_gateways(found)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        paths = path_templates(tuple(around.templates))
        whole = _on_several_lines(payload)
        if whole is not None:
            payload = whole
        elif b"}{" in payload:
            payload = b"\n".join(split(payload))
        return read_lines(payload, lambda line: _record(_meanings(line, around.mapping), around, paths))


def _on_several_lines(payload: bytes) -> bytes | None:
    """Return a single object on several lines as one line, None if the payload is something else."""
    if not payload.lstrip().startswith(b"{") or b"\n" not in payload.strip():
        return None
    try:
        return msgspec.json.encode(_JSON.decode(payload))
    except JSON_ERRORS:
        return None


def _meanings(line: str, mapping: Mapping[str, str] | None) -> dict[str, str]:
    if line.startswith("{"):
        try:
            return meanings(_JSON.decode(line), mapping)
        except JSON_ERRORS as error:
            reason = RejectReason.TOO_DEEP if isinstance(error, RecursionError) else RejectReason.NOT_JSON
            raise RefusalError(reason, f"not JSON: {error}{_REMEDY}") from None
    if _PAIR.match(line):
        words = _PAIR.split(line)
        return meanings(dict(zip(words[1::2], words[2::2], strict=False)), mapping)
    found = clf_line(line)
    if found is None:
        raise RefusalError(
            RejectReason.UNKNOWN_FORMAT,
            "no line of an access log of API Gateway: JSON, CLF, or 'key: value, …'",
        )
    return _clf_meanings(found)


def _is_gateways(line: ClfLine) -> bool:
    return any(not field.quoted and _GATEWAY_ID.fullmatch(field.text) for field in line.fields[:2])


def _clf_meanings(line: ClfLine) -> dict[str, str]:
    """Return the texts of a line of the console's common log format by their meaning.

    That of HTTP APIs has the method twice: ``"GET GET /pets HTTP/1.1"``, for the route's key holds it too.
    """
    words = (
        line.request.rsplit(" ", 1)[0].split(" ", 1)
        if " HTTP/" in line.request
        else line.request.split(" ", 1)
    )
    method, target = words[0], words[1] if len(words) > 1 else "-"
    is_key = target == _DEFAULT or _ROUTE_KEY.fullmatch(target) is not None
    ids = [field.text for field in line.fields if not field.quoted][:2]
    return {
        "time": line.time,
        "method": method,
        "route_key" if is_key else "resource": target,
        "status": line.status,
        "request_id": ids[0] if ids else "-",
        "extended_id": ids[1] if len(ids) > 1 else "-",
    }


def _record(found: Mapping[str, str], around: Surroundings, paths: PathTemplates) -> Event:
    texts = {meaning: word for meaning, text in found.items() if (word := present(text)) is not None}
    status = status_of(texts.get("status"))
    trace = x_ray_trace(texts.get("trace")) or texts.get("trace")
    record = Event(
        ts=_ts(texts),
        id=_id(texts),
        cloud="aws",
        account=texts.get("account"),
        region=texts.get("region") or _region(texts.get("domain")),
        service=texts.get("service"),
        route=texts.get("route") or _route(found, texts, paths, status),
        function=texts.get("function"),
        client=_client(texts),
        status=status,
        error_type=_error_type(texts, status),
        ms=_layers(texts),
        throttled=_throttled(found, texts, status),
        values=_values(texts),
        joins=_joins(texts, trace),
        trace=trace,
    )
    error = _error(texts, record)
    if error is not None:
        record.error = error
    with_defaults(record, around)
    if record.service is None:
        record.service = _api(texts)
    return record


def _ts(texts: Mapping[str, str]) -> float | str | None:
    exact = texts.get("ts") or texts.get("epoch")
    if exact is None:
        time = texts.get("time")
        return None if time is None else clf_time(time) or _stamp(time)
    return _stamp(exact)


def _stamp(text: str) -> float | str:
    try:
        found = number(text, "the time")
    except RefusalError:
        return clf_time(text) or text
    return text if found is None else found


def _id(texts: Mapping[str, str]) -> str | None:
    """Return a unique id, None without one: callers of a REST API choose the request id."""
    if "id" in texts:
        return texts["id"]
    own = texts.get("request_id") if "route_key" in texts else None  # which only HTTP APIs have
    found = texts.get("extended_id") or own
    return f"apigw:{found}" if found else None


def _region(domain: str | None) -> str | None:
    found = _REGION.search(domain) if domain else None
    return found[1] if found else None


def _api(texts: Mapping[str, str]) -> str | None:
    api, stage = texts.get("api"), texts.get("stage")
    if api is None:
        return texts.get("domain")
    return api if stage is None or stage == _DEFAULT else f"{api}/{stage}"


def _route(
    found: Mapping[str, str], texts: Mapping[str, str], paths: PathTemplates, status: int | None
) -> str | None:
    method = texts.get("method")
    key, resource, path = texts.get("route_key"), texts.get("resource"), _path(texts)
    given = paths.given(path or resource or "")
    if given is not None:
        return f"{method_of(method)} {given}" if method else given
    name = key or (f"{method_of(method)} {resource}" if method and resource else resource)
    if name is not None and (path is None or not (name == _DEFAULT or _CATCH_ALL.fullmatch(name))):
        return named_route(name, PathTemplates())
    if name is None and ("route_key" in found or "resource" in found):
        return f"{method_of(method)} {UNMATCHED}" if method else UNMATCHED
    return route_of(RequestLine(method, path), paths, status) if method and path else name


def _path(texts: Mapping[str, str]) -> str | None:
    """Return the path as routes are written: ``$context.path`` begins with the stage."""
    path, stage = texts.get("path"), texts.get("stage")
    if path is None or stage is None or stage == _DEFAULT:
        return path
    below = path.removeprefix(f"/{stage}")
    return path if below == path or not below.startswith("/") else below


def _client(texts: Mapping[str, str]) -> EventClient | None:
    agent = client_of(texts.get("agent"))
    name = texts.get("api_key_id") or texts.get("client.name")
    version, tenant = texts.get("client.version"), texts.get("client.tenant")
    if name is None and agent is not None:
        name, version = agent.name, version or agent.version
    return EventClient(name, version, tenant) if name or version or tenant else None


def _layers(texts: Mapping[str, str]) -> Layers | None:
    found = [milliseconds(texts.get(f"ms.{layer}"), layer) for layer in ("total", "function", "code", "auth")]
    return None if found == [None] * 4 else Layers(*found)


def _values(texts: Mapping[str, str]) -> dict[str, float] | None:
    found = {
        meaning.removeprefix(VALUES): amount
        for meaning, text in texts.items()
        if meaning.startswith(VALUES) and (amount := number(text, meaning)) is not None
    }
    return found or None


def _throttled(found: Mapping[str, str], texts: Mapping[str, str], status: int | None) -> str | None:
    """Return why the gateway throttled.

    A 429 is the gateway's own if the log has integrations and there was none; its reason is not known.
    """
    kind = texts.get("response_type")
    if "throttled" in texts or kind in _THROTTLES:
        return texts.get("throttled") or kind
    if status != _TOO_MANY or kind is not None:
        return None
    logged = [key for key in ("ms.function", "integration_status", "integration_request") if key in found]
    return "unknown" if logged and not any(key in texts for key in logged) else None


def _error_type(texts: Mapping[str, str], status: int | None) -> str | None:
    kind = texts.get("error_type") or texts.get("response_type")
    message = texts.get("integration_error")
    if kind is not None or message is None:
        refused = "authorizer_error" in texts and status is not None and status >= _SERVER_ERROR
        return kind or ("AUTHORIZER_FAILURE" if refused else None)
    if _TIMED_OUT in message:
        return "timeout"
    named = _FUNCTION_ERROR.search(message)
    return named[1] if named else ("Unhandled" if _CRASHED in message else None)


def _error(texts: Mapping[str, str], record: Event) -> ErrorClass | None:
    """Return the class of an error where the status does not decide it."""
    if record.throttled is not None and record.throttled != "QUOTA_EXCEEDED":
        return "backend"
    message = texts.get("integration_error", "")
    if record.status is None or record.status < _SERVER_ERROR or record.error_type == "timeout":
        return None
    return "fatal" if _CRASHED in message or record.error_type == "Unhandled" else None


def _joins(texts: Mapping[str, str], trace: str | None) -> str | None:
    request = texts.get("integration_request")
    keys = [x_ray_key(trace)] if trace is not None and x_ray_trace(trace) else []
    if request is not None and len(request.split()) == 1:
        keys.append(request)
    return " ".join(keys) or None


_MOST_DEEP: Final = 3
_LONGEST: Final = 128  # a longer key is of no use, and looked-up keys are kept


def meanings(record: Mapping[str, object], mapping: Mapping[str, str] | None) -> dict[str, str]:
    """Return the texts of a record by their meaning.

    Objects in it are read as if their keys were joined by points. The keys of a mapping win over known ones;
    of two that mean the same, the first whose value is not absent.

    Examples
    --------
    >>> meanings({"took": "84", "error": {"responseType": "-"}}, {"took": "$context.responseLatency"})
    {'response_type': '-', 'ms.total': '84'}
    """
    found: dict[str, str] = {}
    known: dict[str, str] = {}
    for key, text in _flat(record, "", _MOST_DEEP):
        if mapping is not None and key in mapping:
            meaning, into = target_of(mapping[key]), found
        else:
            meaning, into = meaning_of(key), known
        if meaning is not None and into.get(meaning, "-") in {"", "-"}:
            into[meaning] = text
    return known | found


def _flat(record: Mapping[str, object], before: str, deep: int) -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        if len(before) + len(key) > _LONGEST:
            continue
        match value:
            case str():
                yield before + key, value
            case bool():
                yield before + key, "true" if value else "false"
            case int() | float():
                yield before + key, repr(value)
            case dict() if deep > 1:
                yield from _flat(value, f"{before}{key}.", deep - 1)
            case None:
                yield before + key, ""


APIGATEWAY: Final = _ApiGateway()
