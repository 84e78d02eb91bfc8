"""The middleware for Node.js: its functions run under a real Node.js, those with tables by the real SDK."""

from typing import Any

import pytest

from streams.engine.decode.event import Event
from tests.senders.dynamo import ACCOUNT, HOT, REGION, Dynamo
from tests.senders.http_events import ANSWERS, REQUESTS, Answer
from tests.senders.lambda_runtime import Ran, invoke
from tests.senders.test_python_process import calls

Node = tuple[str, ...]


@pytest.fixture
def run_plain(node: Node) -> Any:
    """Return a caller of a function without the SDK."""

    def ran(function: str, *events: Any, environment: dict[str, str] | None = None, **more: Any) -> Ran:
        return invoke(node, f"plain.{function}", events, environment or {}, **more)

    return ran


@pytest.fixture
def run_tables(node_with_sdk: Node, store: Dynamo) -> Any:
    """Return a caller of a function that calls tables by the SDK."""

    def ran(*events: Any, environment: dict[str, str] | None = None, **more: Any) -> Ran:
        return invoke(
            node_with_sdk, "tables.handler", events, store.environment() | (environment or {}), **more
        )

    return ran


def test_a_line_says_who_was_invoked_and_how_it_ended(run_plain: Any) -> None:
    done = run_plain("returned", {"a": 1}, "text", None, [])
    assert done.results == [{"a": 1}, "text", None, []]
    first: Event = done.events[0]
    assert (first.cloud, first.account, first.region) == ("aws", ACCOUNT, REGION)
    assert (first.function, first.error_type, first.tables) == ("inventory-put-item", None, None)
    assert first.id is not None
    assert first.id.startswith("handler:8f5c1f4e-0000-4000-8000-000000000000/17")
    assert first.joins == "8f5c1f4e-0000-4000-8000-000000000000"
    assert first.ms is not None
    assert first.ms.function == first.ms.code is not None
    assert first.memory_mb == 256
    assert first.billed_ms
    assert [event.cold_start for event in done.events] == [True, None, None, None]


def test_provisioned_environments_do_not_start_cold(run_plain: Any) -> None:
    provisioned = {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}
    assert run_plain("returned", {}, environment=provisioned).events[0].cold_start is None


@pytest.mark.parametrize(
    ("step", "op", "reads"),
    [
        ("get", "GetItem", True),
        ("get document", "GetItem", True),
        ("put document", "PutItem", False),
        ("update", "UpdateItem", False),
        ("query by arn", "Query", True),
        ("scan by pages", "Scan", True),
        ("without capacity", "GetItem", None),
    ],
)
def test_a_call_is_written_with_its_table_operation_and_capacity(
    run_tables: Any, store: Dynamo, step: str, op: str, reads: bool | None
) -> None:
    table = store.table(f"node-one-{step.replace(' ', '-')}")
    done = run_tables({"steps": [step], "table": table})
    assert done.errors == [None]
    assert [call[:2] for call in calls(done.events[0])] == [(table, op)]
    _, _, rcu, wcu, throttled = calls(done.events[0])[0]
    assert (rcu is not None, wcu is not None, throttled) == (reads is True, reads is False, None)


def test_calls_of_several_tables_are_divided_by_what_the_store_says_of_each(
    run_tables: Any, store: Dynamo
) -> None:
    one, other = store.table("node-several-one"), store.table("node-several-other")
    done = run_tables({"steps": ["batch", "transact"], "tables": [one, other]})
    assert sorted((name, op) for name, op, *_ in calls(done.events[0])) == sorted(
        (name, op) for name in (one, other) for op in ("BatchGetItem", "TransactWriteItems")
    )


def test_capacity_is_asked_for_where_the_caller_did_not_say_and_only_where_it_can_be(
    run_tables: Any, store: Dynamo
) -> None:
    table = store.table("node-asked")
    done = run_tables({"steps": ["get", "without capacity", "describe"], "table": table})
    assert [call[1] for call in calls(done.events[0])] == ["GetItem", "GetItem"]  # managing a table uses none
    assert [(op, given.get("ReturnConsumedCapacity")) for op, given in store.asked] == [
        ("GetItem", "TOTAL"), ("GetItem", "NONE"), ("DescribeTable", None),
    ]  # fmt: skip


def test_each_attempt_that_was_throttled_is_written_with_its_reason(run_tables: Any, store: Dynamo) -> None:
    table = store.table("node-hot")
    store.hot[table] = 2
    done = run_tables({"steps": ["update"], "table": table})
    assert done.errors == [None]
    *throttled, taken = calls(done.events[0])
    assert throttled == [(table, "UpdateItem", None, None, HOT)] * 2
    assert taken[3] is not None
    assert not done.events[0].error_type


def test_a_failed_call_is_an_error_of_the_backend_and_raises_the_exception_as_before(
    run_tables: Any, store: Dynamo
) -> None:
    table = store.table("node-hottest")
    store.hot[table], store.without_reasons = 99, True
    done = run_tables({"steps": ["get"], "table": table})
    assert done.errors == ["ProvisionedThroughputExceededException"]
    event = done.events[0]
    assert (event.error, event.error_type) == ("backend", "ProvisionedThroughputExceededException")
    assert [call[4] for call in calls(event)] == ["unknown"] * 3


def test_what_nobody_caught_is_fatal(run_tables: Any, store: Dynamo) -> None:
    table = store.table("node-fails")
    done = run_tables({"steps": ["raise"]}, {"steps": ["get", "condition fails"], "table": table})
    assert done.errors == ["RangeError", "ConditionalCheckFailedException"]
    assert [(event.error, event.error_type) for event in done.events] == [
        ("fatal", "RangeError"), ("fatal", "ConditionalCheckFailedException"),
    ]  # fmt: skip
    assert [call[1] for call in calls(done.events[1])] == ["GetItem", "PutItem"]


def test_fifty_invocations_at_once_keep_their_calls_apart(run_tables: Any, store: Dynamo) -> None:
    tables = [store.table(f"node-at-once-{number}") for number in range(50)]
    done = run_tables(
        *({"steps": ["get", "update"], "table": table, "result": table} for table in tables), how="tasks"
    )
    assert done.results == tables
    named = [{call.name for call in event.tables or ()} for event in done.events]
    assert sorted(map(sorted, named)) == sorted([table] for table in tables)
    assert sum(event.cold_start or False for event in done.events) == 1


def test_shortly_before_lambda_would_kill_the_function_the_line_is_written_once(
    run_tables: Any,
) -> None:
    done = run_tables({"steps": ["sleep"]}, remaining_ms=250, environment={"UNERI_TIMEOUT_MARGIN_MS": "50"})
    assert [(event.error, event.error_type) for event in done.events] == [("backend", "timeout")]


def test_a_handler_may_say_more(run_tables: Any) -> None:
    event = run_tables({"steps": ["note"]}).events[0]
    assert (event.route, event.values, event.client.tenant) == ("GET /noted", {"sales": 120}, "game-42")


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


def test_what_the_lines_count_can_be_said_and_nonsense_is_not_sent(run_plain: Any) -> None:
    counts = [
        run_plain("returned", {}, environment={"UNERI_COUNTS": text}).events[0].counts
        for text in ("function,table", "functions")
    ]
    assert counts == ["function,table", None]
