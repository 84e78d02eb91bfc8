"""Tells Uneri of every invocation of an AWS Lambda function, with the table calls that it made.

Copy this file beside your handler; it needs Python 3.9 or newer and nothing else::

    from uneri_lambda import observed

    @observed
    def handler(event, context):
        ...

Each invocation writes one line of JSON to standard output, which Lambda carries to CloudWatch Logs. No
network is called, and nothing that fails here reaches the handler. Calls of DynamoDB are seen whenever and
wherever their client or resource of boto3 is made, and ask for the capacity that they consume.

Keyword arguments of ``observed``, or environment variables of the function, say more:

``service``, ``UNERI_SERVICE``
    The microservice; else ``POWERTOOLS_SERVICE_NAME`` or ``OTEL_SERVICE_NAME``, else the function.
``client_name``, ``client_version``, ``tenant``; ``UNERI_CLIENT_NAME``, ``…_CLIENT_VERSION``, ``UNERI_TENANT``
    Where a request says who calls: ``header:NAME``, or ``claim:NAME`` of the authorizer. At first
    ``header:x-client-name``, ``header:x-client-version`` and ``header:x-client-tenant``.
``counts``, ``UNERI_COUNTS``
    What these lines count where another source tells of the same requests: beside an access log,
    ``function,table``.
``timeout_margin_ms``, ``UNERI_TIMEOUT_MARGIN_MS``
    Write the line so long before Lambda would kill the function, as one that timed out.
``routes``
    Templates for raw paths (behind a load balancer, a function URL or ``{proxy+}``): ``["GET /items/{id}"]``.
"""

from __future__ import annotations

import contextvars
import functools
import importlib.util
import inspect
import json
import math
import os
import re
import sys
import threading
import time
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["note", "observed"]

MOST_BYTES = 150_000
"""Of the table calls in one line, which CloudWatch Logs would cut at 256 KiB."""
MOST_NAME_BYTES = 256
MOST_VALUES = 50

_T = TypeVar("_T")
_Entry = dict[str, Any]
_COUNTED = "account|service|route|function|table|client"
_COUNTS = re.compile(rf"(?:{_COUNTED})(?:,(?:{_COUNTED}))*")
_THROTTLES = {
    "ProvisionedThroughputExceededException", "ProvisionedThroughputExceeded", "RequestLimitExceeded",
    "ThrottlingException", "ThrottlingError", "Throttling", "TooManyRequestsException",
}  # fmt: skip
_READS = re.compile(r"get|batchget|transactget|query|scan", re.IGNORECASE)
_SELECTS = re.compile(r"\s*select\b", re.IGNORECASE)
_XRAY = re.compile(r"(?:^|;)\s*Root=(1-([0-9a-f]{8})-([0-9a-f]{24}))(?:;|$)", re.IGNORECASE)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", re.IGNORECASE)
_AN_ID = re.compile(r"\d+|(?=.*\d)[0-9a-fA-F-]{8,}|(?=.*\d)[\w-]{12,}|.{33,}|.*[@%:].*")


def _text(value: object) -> str | None:
    """Return a name as it may stand in a line: UTF-8 of bounded length; None for what is no name."""
    if not isinstance(value, str) or not value:
        return None
    return value[:MOST_NAME_BYTES].encode("utf-8", "replace")[:MOST_NAME_BYTES].decode("utf-8", "ignore")


def _amount(value: object) -> float | None:
    """Return a number that is finite and not negative, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value <= 1e9 else None


def _said(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _quiet(function: Callable[..., _T]) -> Callable[..., _T | None]:
    """Let nothing that fails here reach those who are observed."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> _T | None:
        try:
            return function(*args, **kwargs)
        except Exception:  # whatever it is, the handler must not notice
            return None

    return guarded


class _Calls:
    """Table calls, as many as a line can hold; further ones add to the amounts of their like."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._bytes = 0
        self._lock = threading.Lock()
        self._closed = False

    def add(self, entry: _Entry) -> None:
        """Take a call in; the next line tells of one that comes too late."""
        with self._lock:
            if not self._closed:
                self._keep(entry)
                return
        _EARLY.add(entry)

    def _keep(self, entry: _Entry) -> None:
        name, op = entry["name"], entry.get("op", "")
        size = 100 + sum(len(each) * (1 if each.isascii() else 6) for each in (name, op))
        if self._bytes + size <= MOST_BYTES:
            self._bytes += size
            self._entries.append(entry)
            return
        like = next((each for each in self._entries if each["name"] == name and each.get("op") == op), None)
        if like is None:
            like = next((each for each in self._entries if each["name"] == "other"), None)
        if like is None:
            like = {"name": "other"}
            self._entries.append(like)
        for unit in ("rcu", "wcu"):
            if unit in entry:
                like[unit] = like.get(unit, 0) + entry[unit]
        if "throttled" in entry:
            like.setdefault("throttled", entry["throttled"])

    def take(self, *, close: bool = False) -> list[_Entry]:
        """Take all out."""
        with self._lock:
            self._closed = close
            entries, self._entries, self._bytes = self._entries, [], 0
            return entries


_EARLY = _Calls()
"""Calls while the module was loaded, or in a thread of which nobody knows whose it is: in the next line."""
_RUNNING: dict[int, _Invocation] = {}
_CURRENT: contextvars.ContextVar[_Invocation | None] = contextvars.ContextVar("uneri", default=None)
_FIRST = [True]
_LOCK = threading.Lock()


def _calls() -> _Calls:
    invocation = _CURRENT.get()
    if invocation is None and len(_RUNNING) == 1:  # in a thread of the only one that runs
        invocation = next(iter(list(_RUNNING.values())), None)
    return _EARLY if invocation is None else invocation.calls


# The events of botocore

_STATE = "uneri"


class _Sent:
    """One call of a client: what its attempts have in common, and when the last of them began."""

    def __init__(self, op: str, params: dict[str, Any], calls: _Calls) -> None:
        self.op = op
        self.names = _names(params)
        self.calls = calls
        self.began = time.perf_counter()
        statements = [params, *_list(params.get("Statements")), *_list(params.get("TransactStatements"))]
        said = next((each["Statement"] for each in statements if isinstance(each.get("Statement"), str)), "")
        self.reads = bool(_READS.match(op) or _SELECTS.match(said))

    def entry(self, name: object, ms: float, **more: Any) -> _Entry:
        """Return what a line says of an attempt."""
        return _said(name=_text(name), op=_text(self.op), ms=round(ms, 3), **more)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _table(name: Any) -> Any:
    """Return the name of a table that may be given by its ARN, or by that of an index."""
    return (
        name.split(":table/", 1)[1].split("/", 1)[0] if isinstance(name, str) and ":table/" in name else name
    )


def _names(params: dict[str, Any]) -> list[Any]:
    if isinstance(params.get("TableName"), str):
        return [_table(params["TableName"])]
    names = list(params["RequestItems"]) if isinstance(params.get("RequestItems"), dict) else []
    for item in _list(params.get("TransactItems")):
        names += [each["TableName"] for each in item.values() if "TableName" in each]
    return list(dict.fromkeys(_table(name) for name in names))


@_quiet
def _before_build(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    if "ReturnConsumedCapacity" in model.input_shape.members:  # others manage tables, and use none
        params.setdefault("ReturnConsumedCapacity", "TOTAL")
        context[_STATE] = _Sent(model.name, params, _calls())


@_quiet
def _attempt_begins(request: Any, **_: Any) -> None:
    sent = request.context.get(_STATE)
    if sent is not None:
        sent.began = time.perf_counter()


@_quiet
def _attempt_ends(context: dict[str, Any], parsed_response: Any = None, **_: Any) -> None:
    sent = context.get(_STATE)
    if sent is None:
        return
    ms = (time.perf_counter() - sent.began) * 1000
    answer = parsed_response or {}
    code = (answer.get("Error") or {}).get("Code")
    consumed = answer.get("ConsumedCapacity")
    for entry in _failed(sent, ms, code, answer) if code else _consumed(sent, ms, consumed):
        if entry.get("name"):
            sent.calls.add(entry)


def _consumed(sent: _Sent, ms: float, consumed: Any) -> list[_Entry]:
    """Return an entry for each table of an attempt that succeeded, or that had no answer."""
    units = {}
    for each in consumed if isinstance(consumed, list) else [consumed] if consumed else []:
        rcu, wcu = _amount(each.get("ReadCapacityUnits")), _amount(each.get("WriteCapacityUnits"))
        if rcu is None and wcu is None:
            both = _amount(each.get("CapacityUnits"))
            rcu, wcu = (both, None) if sent.reads else (None, both)
        units[_table(each.get("TableName"))] = _said(rcu=rcu, wcu=wcu)
    return [sent.entry(name, ms, **units.get(name, {})) for name in dict.fromkeys([*sent.names, *units])]


def _failed(sent: _Sent, ms: float, code: str, answer: dict[str, Any]) -> list[_Entry]:
    """Return an entry for each table of an attempt that was refused, with the reason of a throttle."""
    reasons: dict[Any, Any] = {}
    for each in _list(answer.get("ThrottlingReasons")):
        reasons.setdefault(_table(each.get("resource")), each.get("reason"))
    for name, each in zip(sent.names, _list(answer.get("CancellationReasons"))):
        if len(sent.names) == len(answer["CancellationReasons"]) and each.get("Code") in _THROTTLES:
            reasons.setdefault(name, each["Code"])
    if not reasons and code in _THROTTLES:
        reasons = dict.fromkeys(sent.names, "unknown")  # an SDK that is too old for reasons
    names = dict.fromkeys([*sent.names, *(each for each in reasons if each)])
    return [sent.entry(name, ms, **_said(throttled=_text(reasons.get(name)))) for name in names]


@_quiet
def _listen(client: Any) -> None:
    if "_uneri_listens" in client.__dict__:
        return
    client._uneri_listens = True
    if client.meta.service_model.service_name == "dynamodb":
        for event, heard in (
            ("before-parameter-build", _before_build),
            ("request-created", _attempt_begins),
            ("response-received", _attempt_ends),
        ):
            client.meta.events.register(f"{event}.dynamodb", heard, unique_id=f"uneri-{event}")


def _hook(module: Any) -> None:
    """Have every client listen from its next call on, those too that exist already."""
    base = module.BaseClient
    original = base._make_api_call
    if getattr(original, "_uneri", False):
        return

    @functools.wraps(original)
    def make_api_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        _listen(self)
        return original(self, *args, **kwargs)

    make_api_call._uneri = True  # type: ignore[attr-defined]
    base._make_api_call = make_api_call


class _WhenLoaded(MetaPathFinder):
    """Hooks botocore when it is loaded: loading it here would slow the start of functions without tables."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find botocore's module of clients as anyone would, and add to what its loading does."""
        del path, target
        if name != "botocore.client":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                _quiet(_hook)(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


@_quiet
def _hook_botocore() -> None:
    loaded = sys.modules.get("botocore.client")
    if loaded is not None:
        _hook(loaded)
    elif not any(isinstance(each, _WhenLoaded) for each in sys.meta_path):
        sys.meta_path.insert(0, _WhenLoaded())


_hook_botocore()  # already here: a module may call tables before it defines its handler


# What an invocation says


class _Options:
    def __init__(
        self,
        *,
        service: str | None = None,
        client_name: str | None = None,
        client_version: str | None = None,
        tenant: str | None = None,
        counts: str | None = None,
        timeout_margin_ms: float | None = None,
        routes: Sequence[str] = (),
    ) -> None:
        of = os.environ.get
        self.service = (
            service or of("UNERI_SERVICE") or of("POWERTOOLS_SERVICE_NAME") or of("OTEL_SERVICE_NAME")
        )
        self.client = {
            "name": client_name or of("UNERI_CLIENT_NAME") or "header:x-client-name",
            "version": client_version or of("UNERI_CLIENT_VERSION") or "header:x-client-version",
            "tenant": tenant or of("UNERI_TENANT") or "header:x-client-tenant",
        }
        self.counts = counts or of("UNERI_COUNTS") or None
        if self.counts and not _COUNTS.fullmatch(self.counts):
            sys.stderr.write(
                f"uneri_lambda: counts {self.counts!r} is none of {_COUNTED}, with commas between\n"
            )
            self.counts = None
        self.margin = timeout_margin_ms or _quiet(float)(of("UNERI_TIMEOUT_MARGIN_MS", ""))
        self.routes = [_template(each) for each in routes]


def _template(route: str) -> tuple[re.Pattern[str], str]:
    """Return a pattern for ``METHOD /path`` and the route it stands for, whose method may be left out."""
    method, _, path = route.rpartition(" ")
    parts = re.split(r"\{[^{}]*\+\}", path)
    body = ".+".join("[^/]+".join(map(re.escape, re.split(r"\{[^{}]*\}", part))) for part in parts)
    return re.compile((re.escape(method) if method else r"\S+") + " " + body + "/?"), path


def _shape(method: str, path: str, options: _Options) -> str:
    """Return the route of a raw path: of the template that it fits, else with its ids taken out."""
    for pattern, template in options.routes:
        if pattern.fullmatch(f"{method} {path}"):
            return f"{method} {template}"
    parts = path.split("/")
    shown = ["{id}" if _AN_ID.fullmatch(part) else part for part in parts[:9]]
    return f"{method} {'/'.join(shown)}" + ("/…" if len(parts) > len(shown) else "")


class _Http:
    """What API Gateway (REST, HTTP, WebSocket), a function URL or a load balancer says of a request."""

    def __init__(self, event: Any, options: _Options) -> None:
        self.route: str | None = None
        self.auth: float | None = None
        self.crash: int | None = None  # what the caller gets when the handler fails
        self._headers = event.get("headers") or event.get("multiValueHeaders") or {}
        around = event["requestContext"]
        self._authorizer = around.get("authorizer") or {}
        self._simple = False  # whether an answer without a status is 200
        if "http" in around:  # HTTP API or function URL
            self._simple, self.crash = True, 502 if ".lambda-url." in around.get("domainName", "") else 500
            self._method, key = around["http"]["method"], around.get("routeKey") or "$default"
            self.route = f"{self._method} {key.rpartition(' ')[2]}"
            if key == "$default" or "+}" in key:
                self._raw(event.get("rawPath") or around["http"]["path"], options)
        elif "elb" in around:
            self.crash, self._method = 502, event["httpMethod"]
            self._raw(event["path"], options)
        elif "connectionId" in around:  # WebSocket
            self.route = around["routeKey"]
        else:
            self.crash, self._method = 502, event["httpMethod"]
            template = event.get("resource") or around["resourcePath"]
            self.route = f"{self._method} {template}"
            self.auth = _amount(self._authorizer.get("integrationLatency"))
            if "+}" in template:
                self._raw(event["path"], options)

    def _raw(self, path: str, options: _Options) -> None:
        self.route = _shape(self._method, path, options)

    def status(self, result: Any) -> int | None:
        """Return what the caller gets for this result of the handler."""
        if isinstance(result, dict) and "statusCode" in result:
            return int(result["statusCode"])
        return 200 if self._simple else self.crash

    def find(self, where: str) -> str | None:
        """Return what ``header:NAME`` or ``claim:NAME`` holds."""
        place, _, name = where.partition(":")
        if place == "header":
            found = next((value for key, value in self._headers.items() if key.lower() == name.lower()), None)
        else:
            scopes = [self._authorizer.get("claims"), (self._authorizer.get("jwt") or {}).get("claims"),
                      self._authorizer.get("lambda"), self._authorizer]  # fmt: skip
            found = next((each[name] for each in scopes if isinstance(each, dict) and name in each), None)
        found = found[0] if isinstance(found, list) and found else found
        return _text(str(found)) if isinstance(found, (str, int)) else None


class _Invocation:
    def __init__(self, event: Any, context: Any, options: _Options, fallback: str) -> None:
        self.ts, self.began = time.time(), time.perf_counter()
        self.calls = _Calls()
        self.noted: dict[str, str] = {}
        self.values: dict[str, float] = {}
        self._options = options
        self._written = False
        self._timer: threading.Timer | None = None
        self.http = _quiet(_Http)(event, options)
        self._context = context
        self._function = fallback
        with _LOCK:
            self._cold, _FIRST[0] = _FIRST[0], False
            _RUNNING[id(self)] = self
        if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency":
            self._cold = False
        self._watch()

    @_quiet
    def _watch(self) -> None:
        if self._options.margin:
            left = self._context.get_remaining_time_in_millis() - self._options.margin
            self._timer = threading.Timer(max(left, 0) / 1000, self.end, kwargs={"timeout": True})
            self._timer.daemon = True
            self._timer.start()

    @_quiet
    def end(self, result: Any = None, error: BaseException | None = None, *, timeout: bool = False) -> None:
        """Write the line, unless it is written."""
        ms = round((time.perf_counter() - self.began) * 1000, 3)
        with _LOCK:
            first, self._written = not self._written, True
            if not timeout:
                _RUNNING.pop(id(self), None)
        if self._timer is not None and not timeout:
            self._timer.cancel()
        if not first:
            return
        line: dict[str, Any] = {"ts": round(self.ts, 3)}
        try:
            self._tell(line, ms)
            line.update(self._outcome(result, error, timeout=timeout) or {})
            for each in _EARLY.take():
                self.calls.add(each)
            tables = self.calls.take(close=True)
            if tables:
                line["tables"] = tables
            text = json.dumps(line, separators=(",", ":"), allow_nan=False)
        except Exception:  # a bare line is better than none
            text = json.dumps({"ts": round(self.ts, 3), "function": self._function})
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    @_quiet
    def _tell(self, line: dict[str, Any], ms: float) -> None:
        options, http, noted = self._options, self.http, self.noted
        where = _quiet(lambda: self._context.invoked_function_arn.split(":"))() or []
        request = _text(_quiet(lambda: self._context.aws_request_id)())
        named = _text(_quiet(lambda: self._context.function_name)())
        memory = _quiet(lambda: float(self._context.memory_limit_in_mb))()
        trace, joined = _quiet(self._trace)() or (None, None)
        client = {part: http and _quiet(http.find)(where) for part, where in options.client.items()}
        client = _said(**{part: noted.get(part) or client[part] for part in client})
        # A function that is invoked again after a failure has the same request id: the time tells them apart.
        line.update(_said(
            id=request and f"handler:{request}/{self.ts:.3f}",
            cloud="aws",
            account=_text(where[4]) if len(where) > 6 else None,
            region=_text(where[3]) if len(where) > 6 else _text(os.environ.get("AWS_REGION")),
            service=_text(options.service),
            route=noted.get("route") or (_text(http.route) if http else None),
            function=named or _text(os.environ.get("AWS_LAMBDA_FUNCTION_NAME")) or self._function,
            client=client or None,
            ms=_said(function=ms, code=ms, auth=http.auth if http else None),
            cold_start=True if self._cold else None,
            values=self.values or None,
            counts=options.counts,
            joins=" ".join(each for each in (joined, request) if each) or None,
            trace=trace,
            memory_mb=_amount(memory),
            billed_ms=math.ceil(ms) if memory else None,
        ))  # fmt: skip

    def _trace(self) -> tuple[str, str] | None:
        """Return the trace as it was found, and as 32 hexadecimal digits."""
        given = self.http and _quiet(self.http.find)("header:traceparent")
        found = given and _TRACEPARENT.fullmatch(given)
        if found:
            return found.group(1).lower(), found.group(1).lower()
        found = _XRAY.search(os.environ.get("_X_AMZN_TRACE_ID", ""))
        return (found.group(1), (found.group(2) + found.group(3)).lower()) if found else None

    @_quiet
    def _outcome(self, result: Any, error: BaseException | None, *, timeout: bool) -> dict[str, Any]:
        if timeout:
            return {"error": "backend", "error_type": "timeout"}
        if error is not None:
            code = _quiet(lambda: error.response["Error"]["Code"])()  # type: ignore[attr-defined]
            kind = _text(code) or type(error).__name__
            return _said(
                status=self.http.crash if self.http else None,
                error="backend" if kind in _THROTTLES else "fatal",
                error_type=_text(kind),
            )
        if self.http:
            status = _quiet(self.http.status)(result)
            return _said(status=status if status is not None and 100 <= status <= 999 else None)
        if isinstance(result, dict) and result.get("batchItemFailures"):
            return {"error": "backend", "error_type": "batchItemFailures"}
        return {}


@_quiet
def note(
    *,
    route: str | None = None,
    client_name: str | None = None,
    client_version: str | None = None,
    tenant: str | None = None,
    values: dict[str, float] | None = None,
) -> None:
    """Say more of the invocation that runs: its route, who calls, business values (``{"sales": 120}``)."""
    invocation = _CURRENT.get()
    if invocation is None:
        return
    said = _said(
        route=_text(route), name=_text(client_name), version=_text(client_version), tenant=_text(tenant)
    )
    invocation.noted.update(said)
    for key, value in (values or {}).items():
        name = _text(key)
        number = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
        if name and number and (name in invocation.values or len(invocation.values) < MOST_VALUES):
            invocation.values[name] = value


def observed(handler: Any = None, **options: Any) -> Any:
    """Decorate the handler of a Lambda function: ``@observed`` or ``@observed(service="inventory")``."""
    if handler is None:
        return functools.partial(observed, **options)
    chosen = _Options(**options)
    name = _text(getattr(handler, "__name__", None)) or "handler"

    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            if _CURRENT.get() is not None:  # an observed handler calls another
                return await handler(*args, **kwargs)
            begun = _begin(chosen, name, args, kwargs)
            try:
                result = await handler(*args, **kwargs)
            except BaseException as error:
                _end(begun, error=error)
                raise
            _end(begun, result)
            return result

        return awaited

    @functools.wraps(handler)
    def called(*args: Any, **kwargs: Any) -> Any:
        if _CURRENT.get() is not None:
            return handler(*args, **kwargs)
        begun = _begin(chosen, name, args, kwargs)
        try:
            result = handler(*args, **kwargs)
        except BaseException as error:
            _end(begun, error=error)
            raise
        _end(begun, result)
        return result

    return called


@_quiet
def _begin(options: _Options, name: str, args: Any, kwargs: Any) -> Any:
    event = args[0] if args else kwargs.get("event")
    context = args[1] if len(args) > 1 else kwargs.get("context")
    invocation = _Invocation(event, context, options, name)
    return invocation, _CURRENT.set(invocation)


@_quiet
def _end(begun: Any, result: Any = None, error: BaseException | None = None) -> None:
    invocation, token = begun
    _quiet(_CURRENT.reset)(token)
    invocation.end(result, error)
