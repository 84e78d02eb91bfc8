"""The third way: API Gateway's access log, Lambda's reports, and spans; each counts a part of a request."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, CLIENT, FUNCTION, ROUTE, SERVICE, TABLE
from streams.engine.decode.event import Event, Layers
from tests.main_job.four_ways.request_ids import invocation_of, xray_of
from tests.main_job.four_ways.spans import Spans
from tests.main_job.four_ways.subscription import LogLine, delivery, enveloped
from tests.main_job.four_ways.way import Carried, Delivery, stamp

_PRESET: Final = (
    (Path(__file__).parents[3] / "senders" / "aws" / "access-log-rest.json").read_text("utf-8").strip()
)
_OWN: Final = (
    ',"clientId":"$context.authorizer.clientId","build":"$context.authorizer.build",'
    '"tenantId":"$context.authorizer.tenantId"}'
)
LOG_FORMAT: Final = _PRESET.removesuffix("}") + _OWN
"""The repository's format of access logs for REST APIs, with the caller."""

_VARIABLE: Final = re.compile(r"\$context\.([\w.]+)")
_SEEN_BY_GATEWAY: Final = frozenset({Measure.REQUESTS, Measure.ERRORS_USER})
_SEEN_OF_FUNCTION: Final = frozenset(
    {Measure.REQUESTS, Measure.COLD_STARTS, Measure.BUSY, Measure.ERRORS_FATAL}
)
_SEEN_OF_TABLE: Final = frozenset(
    {Measure.REQUESTS, Measure.THROTTLES, Measure.READS, Measure.WRITES, Measure.RCU, Measure.WCU}
)
_CARRIED: Final = {
    **dict.fromkeys((ACCOUNT, SERVICE, ROUTE, CLIENT), _SEEN_BY_GATEWAY),
    FUNCTION: _SEEN_OF_FUNCTION,
    TABLE: _SEEN_OF_TABLE,
}


class Gateway:
    """Three sources, joined by the ids of the invocation and of the trace."""

    carried: Carried = _CARRIED

    def __init__(self) -> None:
        counts = "account,service,route,client"
        logs = [
            {"name": f"access-{service}", "format": "apigateway", "service": service, "counts": counts,
             "region": "ap-northeast-1", "keys": {"build": "client.version"}}
            for service in ("inventory", "shop")
        ]  # fmt: skip
        self.inputs: Sequence[Mapping[str, Any]] = [
            *logs,
            {"name": "reports", "format": "lambda_report", "region": "ap-northeast-1", "counts": "function"},
            {"name": "spans", "format": "otlp_proto", "counts": "table"},
        ]
        self._spans = Spans("spans")
        self._turn = 0

    def native(self, event: Event) -> Event:
        return event

    def deliveries(self, events: Sequence[Event]) -> Iterator[Delivery]:
        """Yield what comes of each source, each time another one first."""
        self._turn += 1
        parts = [*self._access_logs(events), _reports(events), *self._spans.deliveries(events)]
        for at in range(len(parts)):
            yield parts[(at + self._turn) % len(parts)]

    def _access_logs(self, events: Sequence[Event]) -> Iterator[Delivery]:
        by_service = sorted(events, key=lambda event: str(event.service))
        for service, some in groupby(by_service, lambda event: str(event.service)):
            lines = [LogLine(stamp(event) + _total(event) / 1000, _access(event)) for event in some]
            group = enveloped(str(events[0].account), f"/uneri/access/{service}", lines)
            yield delivery([group], stamp(events[-1]), f"access-{service}")


def _total(event: Event) -> float:
    assert isinstance(event.ms, Layers)
    return event.ms.total or 0.0


def _access(event: Event) -> str:
    """Return the line of a request: each variable of the format, or ``-``."""
    assert isinstance(event.ms, Layers)
    method, _, path = str(event.route).partition(" ")
    client = event.client
    said = {
        "requestId": f"c6af9ac6-{event.id}",
        "extendedRequestId": f"{event.id}=",
        "requestTimeEpoch": round(stamp(event) * 1000),
        "accountId": event.account,
        "apiId": "a1b2c3d4e5",
        "stage": "prod",
        "httpMethod": method,
        "resourcePath": path,
        "path": f"/prod{path.replace('{id}', '42')}",
        "status": event.status,
        "responseLatency": round(event.ms.total or 0.0),
        "integrationLatency": round(event.ms.function or 0.0),
        "integration.status": 200,
        "awsEndpointRequestId": invocation_of(event),
        "authorizer.latency": None if event.ms.auth is None else round(event.ms.auth),
        "xrayTraceId": xray_of(event),
        "authorizer.clientId": client and client.name,
        "authorizer.build": client and client.version,
        "authorizer.tenantId": client and client.tenant,
    }

    def value(found: re.Match[str]) -> str:
        filled = said.get(found[1])
        return "-" if filled is None else str(filled)

    line = _VARIABLE.sub(value, LOG_FORMAT)
    assert json.loads(line)["status"] == str(event.status)
    return line


def _reports(events: Sequence[Event]) -> Delivery:
    by_function = sorted(events, key=lambda event: str(event.function))
    groups = []
    for function, some in groupby(by_function, lambda event: str(event.function)):
        lines = []
        for event in some:
            assert isinstance(event.ms, Layers)
            took = event.ms.function or 0.0
            lines.append(LogLine(stamp(event) + took / 1000, _report(event, took)))
        groups.append(enveloped(str(events[0].account), f"/aws/lambda/{function}", lines))
    return delivery(groups, stamp(events[-1]), "reports")


def _report(event: Event, took: float) -> str:
    said = [
        f"REPORT RequestId: {invocation_of(event)}",
        f"Duration: {took:.2f} ms",
        f"Billed Duration: {int(took) + 1} ms",
        "Memory Size: 256 MB",
        "Max Memory Used: 92 MB",
    ]
    if event.cold_start:
        said.append("Init Duration: 265.72 ms")
    if event.error == "fatal":
        said += ["Status: error", f"Error Type: {event.error_type}"]
    trace = f"\nXRAY TraceId: {xray_of(event)}\tSegmentId: 53995c3f42cd8ad8\tSampled: true"
    return "\t".join(said) + "\t" + trace + "\t\n"
