"""The middleware for Node.js: what only its functions do, run under a real Node.js."""

from typing import Any

import pytest

from tests.senders.http_events import ANSWERS, REQUESTS, Answer
from tests.senders.lambda_runtime import Ran, calls, invoke

Node = tuple[str, ...]


@pytest.fixture
def run_plain(node: Node) -> Any:
    """Return a caller of a function without the SDK."""

    def ran(function: str, *events: Any, environment: dict[str, str] | None = None, **more: Any) -> Ran:
        return invoke(node, f"plain.{function}", events, environment or {}, **more)

    return ran


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_says_its_route_and_who_called(run_plain: Any, name: str) -> None:
    request = REQUESTS[name]
    line = run_plain("said", request.event).events[0]
    client = line.client
    assert (line.route, client and client.name, client and client.tenant) == (
        request.route, request.client, request.tenant,
    )  # fmt: skip
    assert line.ms.auth == request.auth


def test_an_answer_has_the_status_that_the_caller_gets(run_plain: Any) -> None:
    def event(answer: Answer) -> dict[str, Any]:
        return REQUESTS[answer.request].event | {"raises": answer.raises, "result": answer.result}

    done = run_plain("answers", *map(event, ANSWERS))
    assert [event.status for event in done.events] == [answer.status for answer in ANSWERS]
    assert [event.error == "fatal" for event in done.events] == [answer.raises for answer in ANSWERS]
    assert [event.error == "backend" for event in done.events] == [
        answer.request == "sqs" for answer in ANSWERS
    ]


def test_handlers_with_a_callback_end_when_they_call_it(run_plain: Any) -> None:
    done = run_plain("called", {"a": 1}, {"fails": True})
    assert done.results == [{"a": 1}, None]
    assert done.errors == [None, "TypeError"]
    assert [event.error_type for event in done.events] == [None, "TypeError"]
    assert all(event.ms.function > 4 for event in done.events)


def test_whatever_is_thrown_is_thrown_on(run_plain: Any) -> None:
    assert run_plain("thrown", {}).errors == ["string"]
    throttled = run_plain("rejected", {})
    assert throttled.errors == ["ThrottlingException"]
    assert [(event.error, event.error_type) for event in throttled.events] == [
        ("backend", "ThrottlingException")
    ]


def test_no_event_context_or_result_is_too_odd(run_plain: Any) -> None:
    odd: list[Any] = [
        None, 0, "", [], {"requestContext": None}, {"requestContext": {}}, {"requestContext": {"http": None}},
        {"requestContext": {"http": {"method": 3, "path": []}}, "headers": 7},
        {"httpMethod": {}, "requestContext": []},
        {"requestContext": {"elb": 1}, "path": 5, "httpMethod": None}, {"Records": "no"},
    ]  # fmt: skip
    assert run_plain("returned", *odd).results == odd
    assert run_plain("odd", {"a": 1}).results == [{"result": "fine", "event": {"a": 1}}]


def test_an_observed_handler_that_calls_another_writes_one_line(run_plain: Any) -> None:
    assert len(run_plain("nested", {}).printed) == 1


def test_a_line_is_bounded_and_loses_no_capacity(run_plain: Any) -> None:
    done = run_plain("large", {})
    line = done.events[0]
    assert len(done.printed[0].encode()) < 256 * 1024
    assert sum(call.rcu or 0 for call in line.tables) == 10_000
    assert len(line.values) == 50
    assert line.route == "é" * 128


def test_any_client_with_a_stack_of_middleware_can_be_observed(run_plain: Any) -> None:
    done = run_plain("stubbed", {"table": "items"})
    assert done.errors == [None]
    assert calls(done.events[0]) == [("items", "GetItem", 0.5, None, None)]


def test_traces_join_with_other_sources(run_plain: Any) -> None:
    xray = {"_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"}
    w3c = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    http = {"requestContext": {"http": {"method": "GET", "path": "/"}}, "headers": {"Traceparent": w3c}}
    done = run_plain("returned", {}, http, environment=xray)
    assert [event.joins.split()[0] for event in done.events] == [
        "5759e988bd862e3fe1be46a994272793", "0af7651916cd43dd8448eb211c80319c",
    ]  # fmt: skip
