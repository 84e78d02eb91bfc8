"""Costs of the middleware of senders/ in a Lambda function: microseconds an invocation, and a table call.

A handler that does nothing, and one that calls DynamoDB by a client whose answers are made up, so that no
network is measured; each with and without the middleware, alternating, the best of several rounds.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from senders.python.uneri_lambda import observed

ROUNDS = 7
INVOCATIONS = 2000
EVENT = {
    "version": "2.0", "routeKey": "GET /items/{id}", "rawPath": "/items/42",
    "headers": {f"x-header-{number}": "value" for number in range(20)},
    "requestContext": {"http": {"method": "GET", "path": "/items/42"}, "routeKey": "GET /items/{id}"},
}  # fmt: skip
CONTEXT = SimpleNamespace(
    function_name="f", aws_request_id="8f5c1f4e-0000-4000-8000-000000000001", memory_limit_in_mb="256",
    invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:f",
)  # fmt: skip
NODE = """
import { observed } from "%s";
const plain = async () => ({ statusCode: 200 });
const [event, context] = [%s, %s];
const write = process.stdout.write;
const took = async (handler) => {
  const began = performance.now();
  for (let n = 0; n < %d; n++) await handler(event, context);
  return ((performance.now() - began) * 1000) / %d;
};
let best = [Infinity, Infinity];
process.stdout.write = () => true;
for (let n = 0; n < %d; n++) {
  best = [Math.min(best[0], await took(plain)), Math.min(best[1], await took(observed(plain)))];
}
process.stdout.write = write;
console.log(JSON.stringify(best));
"""


class _Raw:
    def stream(self) -> Any:
        yield b'{"ConsumedCapacity": {"TableName": "items", "CapacityUnits": 0.5}}'


def client() -> Any:
    """Return a client that never leaves this process."""
    made = boto3.client("dynamodb", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106
    made.meta.events.register(
        "before-send.dynamodb",
        lambda **_: AWSResponse("http://here", 200, {"content-type": "application/x-amz-json-1.0"}, _Raw()),
    )
    return made


def took(handler: Callable[..., Any], invocations: int) -> float:
    """Return microseconds an invocation."""
    began = time.perf_counter()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        for _ in range(invocations):
            handler(EVENT, CONTEXT)
    return (time.perf_counter() - began) * 1e6 / invocations


def node() -> tuple[float, float] | None:
    """Return the figures of Node.js without and with the middleware, None where it is missing."""
    program = shutil.which("node")
    if program is None:
        return None
    module = (Path(__file__).parents[1] / "senders" / "node" / "uneri-lambda.mjs").as_uri()
    context = {
        "functionName": "f", "awsRequestId": CONTEXT.aws_request_id, "memoryLimitInMB": "256",
        "invokedFunctionArn": CONTEXT.invoked_function_arn,
    }  # fmt: skip
    code = NODE % (module, json.dumps(EVENT), json.dumps(context), INVOCATIONS, INVOCATIONS, ROUNDS)
    done = subprocess.run(  # noqa: S603 - our own code
        [program, "--input-type=module", "-e", code], text=True, capture_output=True, check=True
    )
    without, with_it = json.loads(done.stdout)
    return without, with_it


def main() -> None:
    """Measure and print."""
    without, listening = client(), client()
    called = {"get": 0}

    def nothing(event: Any, context: Any) -> Any:
        del event, context
        return {"statusCode": 200}

    def calls(found: Any) -> Callable[..., Any]:
        def handler(event: Any, context: Any) -> Any:
            del event, context
            called["get"] += 1
            return found.get_item(TableName="items", Key={"id": {"S": "a"}}, ReturnConsumedCapacity="TOTAL")

        return handler

    # A client without the middleware: its class is hooked, but nothing is registered.
    without._uneri_listens = True
    figures = {
        "Python, an invocation": (nothing, observed(nothing), INVOCATIONS),
        "Python, an invocation with a table call": (
            calls(without),
            observed(calls(listening)),
            INVOCATIONS // 10,
        ),
    }
    for name, (plain, watched, invocations) in figures.items():
        rounds = [(took(plain, invocations), took(watched, invocations)) for _ in range(ROUNDS)]
        before, after = (min(times) for times in zip(*rounds, strict=True))
        print(f"{name:<42} {before:8.1f} µs without, {after:8.1f} µs with: {after - before:6.1f} µs more")
    found = node()
    if found is None:
        print("Node.js is missing", file=sys.stderr)
    else:
        print(f"{'Node.js, an invocation':<42} {found[0]:8.1f} µs without, {found[1]:8.1f} µs with: "
              f"{found[1] - found[0]:6.1f} µs more")  # fmt: skip


if __name__ == "__main__":
    main()
