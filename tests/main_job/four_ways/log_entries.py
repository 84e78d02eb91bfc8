"""The fourth way: request logs of Google Cloud, which Pub/Sub pushes. They know no tables."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, CLIENT, FUNCTION, ROUTE
from streams.engine.decode.event import Event, EventClient, Layers
from tests.main_job.four_ways.request_ids import trace_of
from tests.main_job.four_ways.way import Carried, Delivery, stamp

PROJECT: Final = "acme-game"
_SEEN: Final = frozenset({Measure.REQUESTS, Measure.ERRORS_USER})


class LogEntries:
    """Entries of Cloud Run's request log, one in each push, or many in an export."""

    inputs: Sequence[Mapping[str, Any]] = ()
    carried: Carried = dict.fromkeys((ACCOUNT, ROUTE, FUNCTION, CLIENT), _SEEN)

    def __init__(self, *, pushed: bool = True) -> None:
        self._pushed = pushed

    def native(self, event: Event) -> Event:
        """Return the same request to the same program in Cloud Run, whose services are its functions."""
        client = event.client and EventClient(event.client.name, event.client.version)
        return msgspec.structs.replace(
            event,
            cloud="gcp",
            account=PROJECT,
            region="asia-northeast1",
            service=None,
            client=client,
            tables=None,
        )

    def deliveries(self, events: Sequence[Event]) -> Iterator[Delivery]:
        entries = [_entry(event) for event in events]
        if not self._pushed:
            yield Delivery("\n".join(entries).encode(), "gcp_log_entry")
            return
        for event, entry in zip(events, entries, strict=True):
            message = {"data": base64.b64encode(entry.encode()).decode(), "messageId": str(event.id)}
            push = {"message": message, "subscription": f"projects/{PROJECT}/subscriptions/uneri-logs"}
            yield Delivery(json.dumps(push).encode(), "pubsub")


def _entry(event: Event) -> str:
    assert isinstance(event.ms, Layers)
    method, _, path = str(event.route).partition(" ")
    client = event.client
    labels = {
        "project_id": PROJECT,
        "service_name": event.function,
        "location": "asia-northeast1",
        "revision_name": f"{event.function}-00042",
    }
    http = {
        "requestMethod": method,
        "requestUrl": f"https://game.example.com{path.replace('{id}', '42')}",
        "status": event.status,
        "latency": f"{(event.ms.total or 0.0) / 1000:.6f}s",
        "requestSize": "754",
        "userAgent": f"{client.name}/{client.version} (build 1)" if client else "Go-http-client/1.1",
    }
    said = {
        "insertId": event.id,
        "logName": f"projects/{PROJECT}/logs/run.googleapis.com%2Frequests",
        "timestamp": datetime.fromtimestamp(stamp(event), UTC).isoformat(timespec="microseconds")[:-6] + "Z",
        "resource": {"type": "cloud_run_revision", "labels": labels},
        "httpRequest": http,
        "trace": f"projects/{PROJECT}/traces/{trace_of(event)}",
    }
    return json.dumps(said)
