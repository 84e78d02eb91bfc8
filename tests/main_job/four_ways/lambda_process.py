"""A Lambda that replays requests: reads events as lines, and has the middleware write a line of each."""

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

SENDER: Final = Path(__file__).parents[3] / "senders" / "python" / "uneri_lambda.py"


class Clock:
    """Stands in for the module ``time`` of the middleware."""

    now = 0.0
    ran = 0.0  # seconds since ``now``

    def time(self) -> float:
        """Return the time of the request."""
        return self.now

    def perf_counter(self) -> float:
        """Return how long it has run."""
        return self.ran


CLOCK: Final = Clock()


class Heard:
    """The events of a client of botocore."""

    def __init__(self) -> None:
        self.by_name: dict[str, Callable[..., None]] = {}

    def register(self, name: str, heard: Callable[..., None], unique_id: str) -> None:  # noqa: ARG002 - as botocore's
        """Take a listener."""
        self.by_name[name.partition(".")[0]] = heard


class BaseClient:
    """A client of botocore, as far as the middleware listens to it."""

    def __init__(self) -> None:
        service = SimpleNamespace(service_name="dynamodb")
        self.meta = SimpleNamespace(service_model=service, events=Heard())

    def _make_api_call(self, op: str, given: dict[str, Any]) -> None:
        context: dict[str, Any] = {}
        call, heard = given.pop("planned"), self.meta.events.by_name
        members = {"TableName", "ReturnConsumedCapacity"}
        model = SimpleNamespace(name=op, input_shape=SimpleNamespace(members=members))
        heard["before-parameter-build"](params=given, model=model, context=context)
        heard["request-created"](request=SimpleNamespace(context=context))
        before, CLOCK.ran = CLOCK.ran, CLOCK.ran + (call.get("ms") or 0.0) / 1000
        heard["response-received"](context=context, parsed_response=_answer(call, given))
        CLOCK.ran = before  # calls may overlap: how long the handler runs is the request's to say


def _answer(call: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    if reason := call.get("throttled"):
        arn = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{call['name']}"
        error = {"Code": "ProvisionedThroughputExceededException"}
        return {"Error": error, "ThrottlingReasons": [{"reason": reason, "resource": arn}]}
    assert given["ReturnConsumedCapacity"] == "TOTAL"
    rcu, wcu = call.get("rcu") or 0.0, call.get("wcu") or 0.0
    consumed = {"TableName": call["name"], "CapacityUnits": rcu + wcu}
    if rcu and wcu:
        consumed |= {"ReadCapacityUnits": rcu, "WriteCapacityUnits": wcu}
    return {"ConsumedCapacity": consumed}


def main() -> None:
    """Answer each line with the line of the middleware."""
    botocore = ModuleType("botocore.client")
    botocore.BaseClient = BaseClient  # type: ignore[attr-defined]
    sys.modules["botocore.client"] = botocore
    spec = importlib.util.spec_from_file_location("uneri_lambda", SENDER)
    assert spec
    assert spec.loader
    middleware: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(middleware)
    middleware.time = CLOCK
    client = BaseClient()

    def handle(event: Mapping[str, Any], _: object) -> dict[str, Any]:
        planned = event["planned"]
        for call in planned.get("tables") or ():
            client._make_api_call(call["op"], {"TableName": call["name"], "planned": call})
        if planned.get("values"):
            middleware.note(values=planned["values"])
        CLOCK.ran = planned["ms"]["function"] / 1000
        if planned.get("error") == "fatal":
            raise type(planned["error_type"], (Exception,), {})
        return {"statusCode": planned["status"]}

    handlers: dict[str, Callable[..., Any]] = {}
    for line in sys.stdin:
        planned = json.loads(line)
        service = planned["service"]
        handler = handlers.setdefault(service, middleware.observed(handle, service=service))
        os.environ["_X_AMZN_TRACE_ID"] = f"Root={planned['xray']};Parent=53995c3f42cd8ad8;Sampled=0"
        middleware._FIRST[0] = bool(planned.get("cold_start"))
        CLOCK.now, CLOCK.ran = planned["ts"], 0.0
        try:
            handler(_request(planned), _context(planned))
        except Exception:
            if planned.get("error") != "fatal":
                raise


def _request(planned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request as a REST API gives it to a function."""
    method, _, path = planned["route"].partition(" ")
    client = planned.get("client") or {}
    said = {"X-Client-Name": client.get("name"), "X-Client-Version": client.get("version"),
            "X-Client-Tenant": client.get("tenant")}  # fmt: skip
    return {
        "resource": path, "path": path.replace("{id}", "42"), "httpMethod": method,
        "headers": {name: value for name, value in said.items() if value},
        "requestContext": {"resourcePath": path, "httpMethod": method, "stage": "prod",
                           "authorizer": {"integrationLatency": (planned.get("ms") or {}).get("auth")}},
        "planned": planned,
    }  # fmt: skip


def _context(planned: Mapping[str, Any]) -> SimpleNamespace:
    arn = f"arn:aws:lambda:{planned['region']}:{planned['account']}:function:{planned['function']}:live"
    return SimpleNamespace(
        function_name=planned["function"], invoked_function_arn=arn, memory_limit_in_mb="256",
        aws_request_id=planned["invocation"], get_remaining_time_in_millis=lambda: 3000,
    )  # fmt: skip


if __name__ == "__main__":
    main()
