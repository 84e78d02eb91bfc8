"""The middleware for Python, in functions that call a real client's DynamoDB."""

import ast
import gzip
import json
import sys
from typing import Any

import pytest

from streams.engine.decode.event import Event, Layers
from streams.ingest.formats.format import Surroundings
from streams.ingest.formats.formats import recognised
from tests.senders.dynamo import ACCOUNT, HOT, REGION, Dynamo
from tests.senders.lambda_runtime import PYTHON, SENDERS, Ran, invoke


def ran(store: Dynamo, *events: dict[str, Any], function: str = "tables.handler", **more: Any) -> Ran:
    return invoke(PYTHON, function, events, store.environment() | more.pop("environment", {}), **more)


def calls(event: Event) -> list[tuple[Any, ...]]:
    """Return the table calls of an event without their times, which are asserted to be there."""
    assert all(call.ms is not None and call.ms > 0 for call in event.tables or ())
    return [(call.name, call.op, call.rcu, call.wcu, call.throttled) for call in event.tables or ()]


def test_a_line_says_who_was_invoked_and_how_it_ended(store: Dynamo) -> None:
    done = ran(store, {"steps": [], "result": "done"}, {"steps": []})
    first, second = done.events
    assert done.results == ["done", {"statusCode": 200}]
    assert (first.cloud, first.account, first.region) == ("aws", ACCOUNT, REGION)
    assert (first.function, first.error_type, first.tables) == ("inventory-put-item", None, None)
    assert first.id is not None
    assert first.id.startswith("handler:8f5c1f4e-0000-4000-8000-000000000000/17")
    assert first.joins == "8f5c1f4e-0000-4000-8000-000000000000"
    assert isinstance(first.ms, Layers)
    assert first.ms.code == first.ms.function is not None
    assert first.memory_mb == 256.0
    assert first.billed_ms is not None
    assert first.billed_ms == int(first.billed_ms)
    assert 0 <= first.billed_ms - first.ms.function < 1  # however slow the machine is
    assert [first.cold_start, second.cold_start] == [True, None]


def test_provisioned_environments_do_not_start_cold(store: Dynamo) -> None:
    done = ran(
        store, {"steps": []}, environment={"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}
    )
    assert done.events[0].cold_start is None


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("get", ("GetItem", 0.5, None)),
        ("put by resource", ("PutItem", None, 1.0)),
        ("update", ("UpdateItem", None, 0.5)),
        ("query by arn", ("Query", 1.0, None)),
        ("scan by pages", ("Scan", 1.0, None)),
        ("select", ("ExecuteStatement", None, None)),
        ("without capacity", ("GetItem", None, None)),
    ],
)
def test_a_call_is_written_with_its_table_operation_and_capacity(
    store: Dynamo, step: str, expected: tuple[Any, ...]
) -> None:
    table = store.table(f"one-{step.replace(' ', '-')}")
    done = ran(store, {"steps": [step], "table": table})
    assert done.errors == [None]
    op, rcu, wcu = expected
    found = calls(done.events[0])
    if step == "select":  # moto does not tell of its capacity, and only that names the table of a statement
        assert found == []
    else:
        assert [(name, op, throttled) for name, op, *_, throttled in found] == [(table, op, None)]
        assert [(row[2] is None, row[3] is None) for row in found] == [(rcu is None, wcu is None)]


def test_calls_of_several_tables_are_divided_by_what_the_store_says_of_each(store: Dynamo) -> None:
    one, other = store.table("several-one"), store.table("several-other")
    done = ran(store, {"steps": ["batch", "transact"], "tables": [one, other]})
    found = calls(done.events[0])
    assert sorted((name, op) for name, op, *_ in found) == sorted(
        (name, op) for name in (one, other) for op in ("BatchGetItem", "TransactWriteItems")
    )


def test_capacity_is_asked_for_where_the_caller_did_not_say_and_only_where_it_can_be(store: Dynamo) -> None:
    table = store.table("asked")
    done = ran(store, {"steps": ["get", "without capacity", "describe"], "table": table})
    assert [call[1] for call in calls(done.events[0])] == ["GetItem", "GetItem"]  # managing a table uses none
    assert [(op, given.get("ReturnConsumedCapacity")) for op, given in store.asked] == [
        ("GetItem", "TOTAL"), ("GetItem", "NONE"), ("DescribeTable", None),
    ]  # fmt: skip


def test_each_attempt_that_was_throttled_is_written_with_its_reason_though_the_caller_never_sees_it(
    store: Dynamo,
) -> None:
    table = store.table("hot")
    store.hot[table] = 2
    done = ran(store, {"steps": ["update"], "table": table})
    assert done.errors == [None]
    *throttled, taken = calls(done.events[0])
    assert throttled == [(table, "UpdateItem", None, None, HOT)] * 2
    assert taken[3] is not None
    assert taken[4] is None
    assert not done.events[0].error_type


def test_a_failed_call_is_an_error_of_the_backend_and_raises_the_exception_as_before(
    store: Dynamo,
) -> None:
    table = store.table("hottest")
    store.hot[table], store.without_reasons = 99, True
    done = ran(store, {"table": table}, function="tables.gives_up")
    assert done.errors == ["ProvisionedThroughputExceededException"]
    event = done.events[0]
    assert (event.error, event.error_type) == ("backend", "ProvisionedThroughputExceededException")
    assert {call[4] for call in calls(event)} == {"unknown"}  # refused without reasons, as of old
    assert len(calls(event)) == 3  # the first and two more


def test_what_nobody_caught_is_fatal_and_what_was_refused_is_named_by_its_code(store: Dynamo) -> None:
    table = store.table("fails")
    done = ran(store, {"steps": ["raise"]}, {"steps": ["get", "condition fails"], "table": table})
    assert done.errors == ["KeyError", "ConditionalCheckFailedException"]
    assert [(event.error, event.error_type) for event in done.events] == [
        ("fatal", "KeyError"), ("fatal", "ConditionalCheckFailedException"),
    ]  # fmt: skip
    assert [call[1] for call in calls(done.events[1])] == ["GetItem", "PutItem"]


def test_calls_in_threads_of_the_handler_are_its_own(store: Dynamo) -> None:
    table = store.table("threads")
    done = ran(store, {"steps": ["threads"], "table": table}, {"steps": []})
    assert [len(calls(event)) for event in done.events] == [3, 0]


@pytest.mark.parametrize(("function", "how"), [("tables.handler", "threads"), ("tables.awaited", "tasks")])
def test_fifty_invocations_at_once_keep_their_calls_apart(store: Dynamo, function: str, how: str) -> None:
    tables = [store.table(f"at-once-{how}-{number}") for number in range(50)]
    events = [{"steps": ["get", "update"], "table": table, "result": table} for table in tables]
    done = ran(store, *events, function=function, how=how)
    assert done.results == tables
    named = [{call.name for call in event.tables or ()} for event in done.events]
    assert sorted(map(sorted, named)) == sorted([table] for table in tables)
    assert len({event.id for event in done.events}) == 50
    assert sum(event.cold_start or False for event in done.events) == 1


def test_boto3_may_be_loaded_by_the_first_request(store: Dynamo) -> None:
    table = store.table("late")
    done = ran(store, {"table": table}, {"table": table}, function="late.handler")
    assert done.results == [{"id": {"S": "a"}}] * 2
    assert [[call[:2] for call in calls(event)] for event in done.events] == [[(table, "GetItem")]] * 2


def test_calls_while_the_function_is_loaded_are_written_with_its_first_request(store: Dynamo) -> None:
    table = store.table("loading")
    done = ran(
        store,
        {"table": table},
        {"table": table},
        function="late.handler",
        environment={"CALL_AT_LOADING": table},
    )
    assert [len(calls(event)) for event in done.events] == [2, 1]


def test_an_observed_handler_that_calls_another_writes_one_line(store: Dynamo) -> None:
    table = store.table("nested")
    done = ran(store, {"steps": ["get"], "table": table}, function="tables.nested")
    assert [len(calls(event)) for event in done.events] == [1]


def test_shortly_before_lambda_would_kill_the_function_the_line_is_written_once(store: Dynamo) -> None:
    table = store.table("slow")
    done = ran(
        store, {"steps": ["get", "sleep"], "table": table}, remaining_ms=2050,
        environment={"UNERI_TIMEOUT_MARGIN_MS": "50"},
    )  # fmt: skip
    (event,) = done.events
    assert (event.error, event.error_type) == ("backend", "timeout")
    assert event.ms is not None
    assert event.ms.function is not None
    assert 1900 < event.ms.function < 3900
    assert [call[1] for call in calls(event)] == ["GetItem"]


def test_a_handler_may_say_more(store: Dynamo) -> None:
    event = ran(store, {"steps": ["note"]}).events[0]
    assert event.route == "GET /noted"
    assert event.values == {"sales": 120}
    assert event.client is not None
    assert event.client.tenant == "game-42"


def test_what_the_lines_count_can_be_said_and_nonsense_is_not_sent(store: Dynamo) -> None:
    said = ran(store, {"steps": []}, environment={"UNERI_COUNTS": "function,table"})
    nonsense = ran(store, {"steps": []}, environment={"UNERI_COUNTS": "functions"})
    assert [said.events[0].counts, nonsense.events[0].counts] == ["function,table", None]


def test_lines_of_a_log_group_reach_uneri_whole_with_what_else_is_in_it(store: Dynamo) -> None:
    table = store.table("logged")
    done = ran(store, {"steps": ["update"], "table": table}, {"steps": ["raise"]})
    messages = ["START RequestId: 8f5c Version: $LATEST\n", *done.printed, "[INFO] ready\n"]
    envelope = {
        "messageType": "DATA_MESSAGE", "owner": ACCOUNT, "logGroup": "/aws/lambda/inventory-put-item",
        "logStream": "2026/11/26/[$LATEST]ab", "subscriptionFilters": ["uneri"],
        "logEvents": [
            {"id": str(number), "timestamp": 1764000000250 + number, "message": message}
            for number, message in enumerate(messages)
        ],
    }  # fmt: skip
    payload = gzip.compress(json.dumps(envelope).encode())
    found = recognised(payload)
    assert found is not None
    reading = found.read(payload, Surroundings())
    assert reading.records == done.events
    assert not reading.refused


def test_it_is_one_file_for_python_3_9_of_the_standard_library_alone() -> None:
    text = (SENDERS / "python" / "uneri_lambda.py").read_text("utf-8")
    tree = ast.parse(text, feature_version=(3, 9))
    imported = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0]
        for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
    }  # fmt: skip
    assert imported <= sys.stdlib_module_names
