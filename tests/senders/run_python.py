"""Does what Lambda's runtime for Python does: loads a handler, and calls it with each event and a context."""

import asyncio
import importlib
import inspect
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

REQUEST = "8f5c1f4e-0000-4000-8000-{:012d}"


class Context:
    """As Lambda gives it."""

    function_name = "inventory-put-item"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:inventory-put-item:live"
    memory_limit_in_mb = "256"  # text, in Lambda's own runtime

    def __init__(self, at: int, remaining_ms: int) -> None:
        self.aws_request_id = REQUEST.format(at)
        self._remaining = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may run on."""
        return self._remaining


def main() -> None:
    """Invoke as the command line says."""
    function, how, remaining = sys.argv[1:]
    events = json.loads(sys.stdin.read())
    module, _, name = function.rpartition(".")
    os.environ.setdefault("AWS_LAMBDA_FUNCTION_NAME", "inventory-put-item")
    handler = getattr(importlib.import_module(module), name)

    def report(at: int, **said: Any) -> None:
        sys.stderr.write(json.dumps({"at": at, **said}) + "\n")

    def one(at: int) -> None:
        try:
            report(at, result=handler(events[at], Context(at, int(remaining))))
        except Exception as error:  # noqa: BLE001 - as the runtime does
            report(at, error=type(error).__name__)

    async def task(at: int) -> None:
        try:
            report(at, result=await handler(events[at], Context(at, int(remaining))))
        except Exception as error:  # noqa: BLE001
            report(at, error=type(error).__name__)

    async def tasks() -> None:
        await asyncio.gather(*map(task, range(len(events))))

    if inspect.iscoroutinefunction(handler):
        asyncio.run(tasks())
    elif how == "threads":
        with ThreadPoolExecutor(len(events)) as pool:
            list(pool.map(one, range(len(events))))
    else:
        list(map(one, range(len(events))))


if __name__ == "__main__":
    main()
