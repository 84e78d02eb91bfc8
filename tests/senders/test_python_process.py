"""The middleware for Python, in functions that call a real client's DynamoDB."""

import ast
import gzip
import json
import sys
from typing import Any

from streams.ingest.formats.format import Surroundings
from streams.ingest.formats.formats import recognised
from tests.senders.dynamo import ACCOUNT, Dynamo
from tests.senders.lambda_runtime import PYTHON, SENDERS, Ran, calls, invoke


def ran(store: Dynamo, *events: dict[str, Any], function: str = "tables.handler", **more: Any) -> Ran:
    return invoke(PYTHON, function, events, store.environment() | more.pop("environment", {}), **more)


def test_a_statement_names_a_table_only_with_its_capacity(store: Dynamo) -> None:
    done = ran(store, {"steps": ["select"], "table": store.table("select")})  # of which moto says none
    assert (done.errors, calls(done.events[0])) == ([None], [])


def test_calls_in_threads_of_the_handler_are_its_own(store: Dynamo) -> None:
    table = store.table("threads")
    done = ran(store, {"steps": ["threads"], "table": table}, {"steps": []})
    assert [len(calls(event)) for event in done.events] == [3, 0]


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
