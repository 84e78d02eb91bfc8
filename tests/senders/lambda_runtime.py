"""A Lambda on this machine: a process that loads a function once and invokes it with each event."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from streams.engine.decode.event import Event
from streams.engine.decode.parse import parse

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
SENDERS: Final = ROOT / "senders"
PYTHON: Final = (sys.executable, "-W", "error", str(HERE / "run_python.py"))


@dataclass
class Ran:
    """The outcomes of invocations: results and errors in their order, what was printed, and its events."""

    results: list[Any]
    errors: list[str | None]
    printed: list[str]
    lines: list[dict[str, Any]] = field(init=False)
    events: list[Event] = field(init=False)

    def __post_init__(self) -> None:
        records = [line.encode() for line in self.printed if line.startswith('{"ts"')]
        self.lines = [json.loads(record) for record in records]
        self.events, _, problems = parse(records)
        assert not problems


def invoke(
    runtime: Sequence[str], function: str, events: Sequence[Any], environment: dict[str, str],
    *, how: str = "in turn", remaining_ms: int = 3000,
) -> Ran:  # fmt: skip
    """Load ``module.handler`` of the folder ``functions`` in a new process, and give it these events.

    Parameters
    ----------
    how
        ``in turn``, or at once in ``threads`` or ``tasks``.
    """
    own = {name: os.environ[name] for name in ("PATH", "HOME", "NODE_PATH") if name in os.environ}
    done = subprocess.run(
        [*runtime, function, how, str(remaining_ms)],
        input=json.dumps(list(events)), text=True, capture_output=True, check=False, timeout=120,
        env={**own, **environment, "PYTHONPATH": os.pathsep.join((str(ROOT), str(HERE / "functions")))},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"at"')]
    outcomes.sort(key=lambda each: int(each["at"]))
    assert len(outcomes) == len(events), done.stderr
    return Ran(
        [outcome.get("result") for outcome in outcomes],
        [outcome.get("error") for outcome in outcomes],
        done.stdout.splitlines(),
    )


def calls(event: Event) -> list[tuple[Any, ...]]:
    """Return the table calls of an event without their times, which are asserted to be there."""
    assert all(call.ms is not None and call.ms > 0 for call in event.tables or ())
    return [(call.name, call.op, call.rcu, call.wcu, call.throttled) for call in event.tables or ()]
