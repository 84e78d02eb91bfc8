"""The middleware for Python and for Node.js alike, in functions that call a real client's DynamoDB."""

from collections.abc import Sequence
from typing import Any

import pytest

from streams.engine.decode.event import Layers
from tests.senders.dynamo import ACCOUNT, HOT, REGION, Dynamo
from tests.senders.lambda_runtime import PYTHON, Ran, calls, invoke

RAISED = {"python": "KeyError", "node": "RangeError"}


class Functions:
    """The functions of a language, each run a process of its own."""

    def __init__(self, language: str, runtime: Sequence[str], store: Dynamo) -> None:
        self.language = language
        self._runtime, self._store = runtime, store

    def run(self, *events: Any, function: str = "handler", **more: Any) -> Ran:
        environment = self._store.environment() | more.pop("environment", {})
        return invoke(self._runtime, f"tables.{function}", events, environment, **more)

    def table(self, name: str) -> str:
        return self._store.table(f"{self.language}-{name.replace(' ', '-')}")


@pytest.fixture(params=["python", "node"])
def functions(request: pytest.FixtureRequest, store: Dynamo) -> Functions:
    runtime = PYTHON if request.param == "python" else request.getfixturevalue("node_with_sdk")
    return Functions(request.param, runtime, store)


def test_a_line_says_who_was_invoked_and_how_it_ended(functions: Functions) -> None:
    done = functions.run({"steps": [], "result": "done"}, {"steps": [], "result": []}, {"steps": []})
    assert done.results == ["done", [], {"statusCode": 200}]
    first, *_ = done.events
    assert (first.cloud, first.account, first.region) == ("aws", ACCOUNT, REGION)
    assert (first.function, first.error_type, first.tables) == ("inventory-put-item", None, None)
    assert first.id is not None
    assert first.id.startswith("handler:8f5c1f4e-0000-4000-8000-000000000000/17")
    assert first.joins == "8f5c1f4e-0000-4000-8000-000000000000"
    assert isinstance(first.ms, Layers)
    assert first.ms.code == first.ms.function is not None
    assert first.memory_mb == 256
    assert first.billed_ms is not None
    assert first.billed_ms == int(first.billed_ms)
    assert 0 <= first.billed_ms - first.ms.function < 1  # however slow the machine is
    assert [event.cold_start for event in done.events] == [True, None, None]


def test_provisioned_environments_do_not_start_cold(functions: Functions) -> None:
    provisioned = {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}
    assert functions.run({"steps": []}, environment=provisioned).events[0].cold_start is None


READS, WRITES, UNKNOWN = (True, False), (False, True), (False, False)
"""Whether the capacity of reads is known, and of writes."""

STEPS = {
    "get": ("GetItem", READS),
    "update": ("UpdateItem", WRITES),
    "query by arn": ("Query", READS),
    "scan by pages": ("Scan", READS),
    "without capacity": ("GetItem", UNKNOWN),
}
OF_ONE_LANGUAGE = {
    "python": {"put by resource": ("PutItem", WRITES)},
    "node": {"get document": ("GetItem", READS), "put document": ("PutItem", WRITES)},
}


def test_a_call_is_written_with_its_table_operation_and_capacity(functions: Functions) -> None:
    steps = STEPS | OF_ONE_LANGUAGE[functions.language]
    tables = {step: functions.table(f"one {step}") for step in steps}
    done = functions.run(*({"steps": [step], "table": tables[step]} for step in steps))
    assert done.errors == [None] * len(steps)
    for (step, (op, known)), event in zip(steps.items(), done.events, strict=True):
        found = calls(event)
        assert {(name, op, throttled) for name, op, *_, throttled in found} == {(tables[step], op, None)}
        assert {(rcu is not None, wcu is not None) for _, _, rcu, wcu, _ in found} == {known}, step


def test_calls_of_several_tables_are_divided_by_what_the_store_says_of_each(functions: Functions) -> None:
    one, other = functions.table("several one"), functions.table("several other")
    done = functions.run({"steps": ["batch", "transact"], "tables": [one, other]})
    assert sorted((name, op) for name, op, *_ in calls(done.events[0])) == sorted(
        (name, op) for name in (one, other) for op in ("BatchGetItem", "TransactWriteItems")
    )


def test_capacity_is_asked_for_where_the_caller_did_not_say_and_only_where_it_can_be(
    functions: Functions, store: Dynamo
) -> None:
    table = functions.table("asked")
    done = functions.run({"steps": ["get", "without capacity", "describe"], "table": table})
    assert [call[1] for call in calls(done.events[0])] == ["GetItem", "GetItem"]  # managing a table uses none
    assert [(op, given.get("ReturnConsumedCapacity")) for op, given in store.asked] == [
        ("GetItem", "TOTAL"), ("GetItem", "NONE"), ("DescribeTable", None),
    ]  # fmt: skip


def test_each_attempt_that_was_throttled_is_written_with_its_reason_though_the_caller_never_sees_it(
    functions: Functions, store: Dynamo
) -> None:
    table = functions.table("hot")
    store.hot[table] = 2
    done = functions.run({"steps": ["update"], "table": table})
    assert done.errors == [None]
    *throttled, taken = calls(done.events[0])
    assert throttled == [(table, "UpdateItem", None, None, HOT)] * 2
    assert taken[3] is not None
    assert taken[4] is None
    assert not done.events[0].error_type


def test_a_failed_call_is_an_error_of_the_backend_and_raises_the_exception_as_before(
    functions: Functions, store: Dynamo
) -> None:
    table = functions.table("hottest")
    store.hot[table], store.without_reasons = 99, True
    done = functions.run({"steps": ["get"], "table": table})
    assert done.errors == ["ProvisionedThroughputExceededException"]
    event = done.events[0]
    assert (event.error, event.error_type) == ("backend", "ProvisionedThroughputExceededException")
    # refused without reasons, as of old: the first and two more
    assert [call[4] for call in calls(event)] == ["unknown"] * 3


def test_what_nobody_caught_is_fatal_and_what_was_refused_is_named_by_its_code(functions: Functions) -> None:
    raised, table = RAISED[functions.language], functions.table("fails")
    done = functions.run({"steps": ["raise"]}, {"steps": ["get", "condition fails"], "table": table})
    assert done.errors == [raised, "ConditionalCheckFailedException"]
    assert [(event.error, event.error_type) for event in done.events] == [
        ("fatal", raised), ("fatal", "ConditionalCheckFailedException"),
    ]  # fmt: skip
    assert [call[1] for call in calls(done.events[1])] == ["GetItem", "PutItem"]


AT_ONCE = {"python": {"threads": "handler", "tasks": "awaited"}, "node": {"tasks": "handler"}}
"""How invocations run beside each other, and by which function."""


def test_fifty_invocations_at_once_keep_their_calls_apart(functions: Functions) -> None:
    for how, function in AT_ONCE[functions.language].items():
        tables = [functions.table(f"at once {how} {number}") for number in range(50)]
        events = [{"steps": ["get", "update"], "table": table, "result": table} for table in tables]
        done = functions.run(*events, function=function, how=how)
        assert done.results == tables
        named = [{call.name for call in event.tables or ()} for event in done.events]
        assert sorted(map(sorted, named)) == sorted([table] for table in tables)
        assert len({event.id for event in done.events}) == 50
        assert sum(event.cold_start or False for event in done.events) == 1


def test_shortly_before_lambda_would_kill_the_function_the_line_is_written_once(functions: Functions) -> None:
    table = functions.table("slow")
    done = functions.run(
        {"steps": ["get", "sleep"], "table": table}, remaining_ms=2050,
        environment={"UNERI_TIMEOUT_MARGIN_MS": "50"},
    )  # fmt: skip
    (event,) = done.events
    assert (event.error, event.error_type) == ("backend", "timeout")
    assert event.ms is not None
    assert event.ms.function is not None
    assert 1900 < event.ms.function < 3900
    assert [call[1] for call in calls(event)] == ["GetItem"]


def test_a_handler_may_say_more(functions: Functions) -> None:
    event = functions.run({"steps": ["note"]}).events[0]
    assert (event.route, event.values) == ("GET /noted", {"sales": 120})
    assert event.client is not None
    assert event.client.tenant == "game-42"


def test_what_the_lines_count_can_be_said_and_nonsense_is_not_sent(functions: Functions) -> None:
    counts = [
        functions.run({"steps": []}, environment={"UNERI_COUNTS": text}).events[0].counts
        for text in ("function,table", "functions")
    ]
    assert counts == ["function,table", None]
