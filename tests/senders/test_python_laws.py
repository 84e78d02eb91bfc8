"""Whatever a function is given, does and returns, it does so as before, and one line says so."""

import contextlib
import importlib.util
import io
import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.decode.event import MAX_BYTES, Event
from streams.engine.decode.parse import parse
from tests.senders.http_events import ANSWERS, REQUESTS, Answer
from tests.senders.lambda_runtime import SENDERS
from tests.senders.run_python import Context

Handler = Callable[..., Any]


def fresh() -> ModuleType:
    """Load the middleware anew, without what it would do to the clients of this process."""
    spec = importlib.util.spec_from_file_location("uneri_lambda", SENDERS / "python" / "uneri_lambda.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before, loaded = list(sys.meta_path), sys.modules.pop("botocore.client", None)
    spec.loader.exec_module(module)
    sys.meta_path[:] = before
    if loaded is not None:
        sys.modules["botocore.client"] = loaded
    return module


def line_of(handler: Handler, event: Any, context: Any) -> tuple[Any, Event]:
    """Call an observed handler; return its result, or its error, and its only line."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            result = handler(event, context)
        except BaseException as error:  # noqa: BLE001 - whatever it raises
            result = error
    text = printed.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert len(text) < 256 * 1024 < MAX_BYTES
    events, _, problems = parse([text.encode()])
    assert not problems
    return result, events[0]


class Evil:
    """Fails whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __bool__(self) -> bool:
        raise RuntimeError


class EvilDict(dict[str, Any]):
    """Looks like an event."""

    def get(self, *_: Any) -> Any:
        raise ZeroDivisionError

    def __getitem__(self, key: str) -> Any:
        raise RecursionError


KEYS = (
    "requestContext", "headers", "http", "httpMethod", "statusCode", "resource", "elb", "path", "authorizer",
    "method", "routeKey", "Records", "batchItemFailures",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(KEYS) | st.text(max_size=5),
        inner, max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip
GARBAGE = JSON | st.builds(Evil) | st.builds(EvilDict)


@given(GARBAGE, GARBAGE, GARBAGE)
def test_no_event_context_or_result_is_too_odd(event: Any, context: Any, result: Any) -> None:
    seen = []

    def handler(event: Any, context: Any) -> Any:
        seen.append((event, context))
        return result

    got, line = line_of(MIDDLEWARE.observed(handler), event, context)
    assert got is result
    assert seen[0][0] is event
    assert seen[0][1] is context
    assert line.function


@given(
    st.sampled_from([KeyError("a"), SystemExit(1), KeyboardInterrupt(), RecursionError(), BaseException()]),
    GARBAGE,
)
def test_every_exception_is_the_same_object_and_fatal(error: BaseException, event: Any) -> None:
    def handler(event: Any, context: Any) -> Any:
        del event, context
        raise error

    got, line = line_of(MIDDLEWARE.observed(handler), event, None)
    assert got is error
    assert (line.error, line.error_type) == ("fatal", type(error).__name__)


MIDDLEWARE = fresh()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_says_its_route_and_who_called(name: str) -> None:
    request = REQUESTS[name]
    observed = fresh().observed(
        client_name="header:X-App", tenant="claim:custom:tenant", routes=["GET /shops/{name}/opening"]
    )
    _, line = line_of(observed(lambda *_: {"statusCode": 204}), request.event, Context(1, 3000))
    client = line.client
    assert (line.route, client and client.name, client and client.tenant) == (
        request.route, request.client, request.tenant,
    )  # fmt: skip
    assert line.status == (204 if request.http else None)
    assert (line.ms and line.ms.auth) == request.auth


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_has_the_status_that_the_caller_gets(answer: Answer) -> None:
    def handler(event: Any, context: Any) -> Any:
        del event, context
        if answer.raises:
            raise ValueError
        return answer.result

    _, line = line_of(fresh().observed(handler), REQUESTS[answer.request].event, None)
    assert line.status == answer.status
    assert line.error == ("fatal" if answer.raises else "backend" if answer.request == "sqs" else line.error)


def test_traces_join_with_other_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
    )
    plain = fresh().observed(lambda *_: None)
    _, xray = line_of(plain, {}, Context(1, 3000))
    assert (xray.trace, xray.joins) == (
        "1-5759e988-bd862e3fe1be46a994272793",
        "5759e988bd862e3fe1be46a994272793 8f5c1f4e-0000-4000-8000-000000000001",
    )
    w3c = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event = {"requestContext": {"http": {"method": "GET", "path": "/"}}, "headers": {"Traceparent": w3c}}
    _, given = line_of(plain, event, Context(1, 3000))
    assert given.joins == "0af7651916cd43dd8448eb211c80319c 8f5c1f4e-0000-4000-8000-000000000001"


def test_a_line_is_bounded_and_loses_no_capacity() -> None:
    middleware = fresh()

    def handler(event: Any, context: Any) -> None:
        del event, context
        for number in range(20_000):
            middleware._calls().add(
                {"name": f"table-{number % 3000}", "op": "GetItem", "ms": 1.0, "rcu": 0.5}
            )
        middleware.note(route="é" * 5000, values={f"{number}" * 300: 1.0 for number in range(500)})

    _, line = line_of(middleware.observed(handler), {}, Context(1, 3000))
    assert sum(call.rcu or 0 for call in line.tables or ()) == 10_000
    assert len(line.values or ()) == 50
    assert line.route == "é" * 128


def test_a_broken_standard_output_harms_nobody() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

    with contextlib.redirect_stdout(Broken()):
        assert fresh().observed(lambda *_: "fine")({}, None) == "fine"


def test_lines_are_ascii_whatever_the_locale() -> None:
    printed = io.StringIO()
    middleware = fresh()
    with contextlib.redirect_stdout(printed):
        middleware.observed(lambda *_: middleware.note(tenant="うねり\ud800"))({}, None)
    assert printed.getvalue().isascii()
    assert json.loads(printed.getvalue())["client"]["tenant"] == "うねり?"
