"""The first way: lines of the middleware for Lambda, which the subscription of a log group carries.

The lines are written by ``senders/python/uneri_lambda.py`` itself, in a process of its own that invokes
handlers as Lambda would, with the clock of the traffic and a client of DynamoDB that answers at once.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from detectors.model.measures import SUMMED
from detectors.model.scope import ACCOUNT, CLIENT, FUNCTION, ROUTE, SERVICE, TABLE
from streams.engine.decode.event import Event, Layers
from tests.main_job.four_ways.request_ids import invocation_of, xray_of
from tests.main_job.four_ways.subscription import LogLine, delivery, enveloped
from tests.main_job.four_ways.way import Carried, Delivery, stamp

_RUNTIME: Final = Path(__file__).with_name("lambda_process.py")


class Middleware:
    """Lines of the middleware. ``with`` runs the process that writes them."""

    inputs: Sequence[Mapping[str, Any]] = ()
    carried: Carried = dict.fromkeys((ACCOUNT, SERVICE, ROUTE, FUNCTION, CLIENT, TABLE), frozenset(SUMMED))

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(_RUNTIME)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:  # closes its pipes, at whose end it ends
            pass
        assert self._process.returncode == 0

    def native(self, event: Event) -> Event:
        return event

    def deliveries(self, events: Sequence[Event]) -> Iterator[Delivery]:
        by_function = sorted(events, key=lambda event: str(event.function))  # stable: a log is in order
        records = []
        for function, some in groupby(by_function, lambda event: str(event.function)):
            lines = [LogLine(stamp(event) + _seconds(event), self._line(event)) for event in some]
            records.append(enveloped(str(events[0].account), f"/aws/lambda/{function}", lines))
        yield delivery(records, stamp(events[-1]))

    def _line(self, event: Event) -> str:
        assert self._process.stdin
        assert self._process.stdout
        fields = msgspec.to_builtins(event) | {"invocation": invocation_of(event), "xray": xray_of(event)}
        self._process.stdin.write(json.dumps(fields).encode() + b"\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().decode()


def _seconds(event: Event) -> float:
    assert isinstance(event.ms, Layers)
    return (event.ms.function or 0.0) / 1000
