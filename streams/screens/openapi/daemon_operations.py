"""The routes about the daemon itself."""

from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST

from streams.screens.openapi.answers import (
    HealthAnswer,
    ReadyAnswer,
    RefusalAnswer,
    ReloadAnswer,
    TakeoverAnswer,
    TakingUpAnswer,
)
from streams.screens.openapi.operation import JSON, Operation, OperationGroup, OtherBody

_NOTHING: Final = OtherBody(JSON, "nothing; the type says that no web page sends it")

DAEMON: Final = OperationGroup(
    "daemon",
    "Health, state and configuration of the process (docs/operate.md, docs/metrics.md).",
    (
        Operation(
            "get", "/healthz", "Whether the process works.", "", {200: HealthAnswer, 503: HealthAnswer}
        ),
        Operation("get", "/readyz", "Whether it is ready.", "", {200: ReadyAnswer, 503: ReadyAnswer}),
        Operation("get", "/status", "What `uneri status` shows.", "read", {200: dict[str, Any]}),
        Operation(
            "get",
            "/metrics",
            "The metrics of the daemon (docs/metrics.md).",
            "read",
            {200: OtherBody(CONTENT_TYPE_LATEST.partition(";")[0], "in the text format of Prometheus")},
        ),
        Operation(
            "get",
            "/openapi.json",
            "This description.",
            "read",
            {200: OtherBody(JSON, "OpenAPI 3.1")},
        ),
        Operation(
            "post",
            "/reload",
            "Take the configuration up anew.",
            "operate",
            {200: ReloadAnswer, 422: RefusalAnswer},
            (),
            _NOTHING,
        ),
        Operation(
            "get",
            "/backfill",
            "What the embedded daemon can take up of learnt history.",
            "read",
            {200: TakeoverAnswer},
        ),
        Operation(
            "post",
            "/backfill",
            "Have the embedded daemon take up what `uneri backfill` learnt.",
            "operate",
            {202: TakingUpAnswer, 409: RefusalAnswer},
            (),
            _NOTHING,
        ),
        Operation(
            "post",
            "/state",
            "A backup of the state of the embedded daemon.",
            "operate",
            {200: OtherBody("application/zstd", "what `uneri state import` reads"), 409: RefusalAnswer},
            (),
            _NOTHING,
        ),
    ),
)
