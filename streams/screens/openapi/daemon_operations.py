"""The routes that programs reach: the read API, the daemon itself, and its senders."""

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST

from streams.screens.openapi.answers import (
    BuildAnswer,
    FirehoseAnswer,
    HealthAnswer,
    MetadataAnswer,
    QueryAnswer,
    QueryRefusal,
    ReadyAnswer,
    ReceiptAnswer,
    RefusalAnswer,
    ReloadAnswer,
    SeriesAnswer,
    TakeoverAnswer,
    TakingUpAnswer,
    TextsAnswer,
)
from streams.screens.openapi.operation import (
    JSON,
    Method,
    Operation,
    OperationGroup,
    OtherBody,
    Parameter,
    named,
)

_FORM: Final = OtherBody("application/x-www-form-urlencoded", "the same parameters, where they are long")
_METHODS: Final[tuple[Method, ...]] = ("get", "post")
_QUERY: Final = Parameter("query", "PromQL, as far as docs/query.md lists it", required=True)
_TIMEOUT: Final = Parameter("timeout", "how long the answer may take, 10 seconds at most")
_TIME: Final = "epoch seconds, or RFC 3339"
_MATCH: Final = Parameter("match[]", "a selector; may be given several times")
_SPAN: Final = (Parameter("start", f"{_TIME}; not looked at"), Parameter("end", f"{_TIME}; not looked at"))
_LIMIT: Final = Parameter("limit", "how much is wanted", int)
_REFUSED: Final[dict[int, Any]] = dict.fromkeys((400, 422, 503), QueryRefusal)


def _both(path: str, about: str, answer: type, parameters: tuple[Parameter, ...]) -> Iterator[Operation]:
    for method in _METHODS:
        posted = method == "post"
        in_query, body = ((), _FORM) if posted else (parameters, None)
        yield Operation(method, path, about, "read", {200: answer, **_REFUSED}, in_query, body)


QUERIES: Final = OperationGroup(
    "query",
    "The read API: Prometheus' own, over the history (docs/query.md).",
    (
        *_both(
            "/api/v1/query",
            "The value of a query at one time.",
            QueryAnswer,
            (_QUERY, Parameter("time", f"{_TIME}; now without it"), _TIMEOUT),
        ),
        *_both(
            "/api/v1/query_range",
            "The values of a query over a range of time.",
            QueryAnswer,
            (
                _QUERY,
                Parameter("start", _TIME, required=True),
                Parameter("end", _TIME, required=True),
                Parameter("step", "seconds, or a duration such as 5m", required=True),
                _TIMEOUT,
            ),
        ),
        *_both("/api/v1/labels", "The names of labels.", TextsAnswer, (_MATCH, *_SPAN, _LIMIT)),
        *_both("/api/v1/series", "The labels of series.", SeriesAnswer, (_MATCH, *_SPAN, _LIMIT)),
        Operation(
            "get",
            "/api/v1/label/{name}/values",
            "The values of a label.",
            "read",
            {200: TextsAnswer, **_REFUSED},
            (named("of a label", "name"), _MATCH, *_SPAN, _LIMIT),
        ),
        Operation(
            "get",
            "/api/v1/metadata",
            "What the metrics mean.",
            "read",
            {200: MetadataAnswer},
            (Parameter("metric", "only this one"),),
        ),
        Operation(
            "get",
            "/api/v1/status/buildinfo",
            "The version of Prometheus whose language is understood.",
            "read",
            {200: BuildAnswer},
        ),
    ),
    refusal=QueryRefusal,
)


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


_SOURCE: Final = Parameter("source", "an input of `sources.inputs`")
_FORMAT: Final = Parameter("format", "a format of docs/formats.md, or `auto`")
_OTLP: Final = OtherBody(
    JSON, "OTLP in JSON, or as `application/x-protobuf`; what is answered has the same encoding"
)


def _otlp(path: str, what: str) -> Operation:
    return Operation(
        "post", path, f"{what} of OpenTelemetry.", "intake", {200: dict[str, Any]}, (_SOURCE,), _OTLP
    )


SENDERS: Final = OperationGroup(
    "senders",
    "What senders reach (docs/access.md); with Kafka, in processes with the role `intake`.",
    (
        Operation(
            "post",
            "/events",
            "Have records stored: what is answered with 202 is durable.",
            "intake",
            {202: ReceiptAnswer},
            (_SOURCE, _FORMAT),
            OtherBody("application/x-ndjson", "one JSON object a line (docs/event.md), or another format"),
        ),
        Operation(
            "post",
            "/changes",
            "Tell what was deployed or configured; GitHub's signature may stand for a token.",
            "intake",
            {202: ReceiptAnswer},
            (_SOURCE, _FORMAT),
            OtherBody(JSON, "change records, events of EventBridge and CloudTrail, webhooks of GitHub"),
        ),
        _otlp("/v1/traces", "Traces"),
        _otlp("/v1/logs", "Logs"),
        _otlp("/v1/metrics", "Metrics"),
        Operation(
            "post",
            "/firehose",
            "Deliveries of Amazon Data Firehose.",
            "intake",
            {200: FirehoseAnswer},
            (_SOURCE,),
            OtherBody(JSON, "what Firehose sends to HTTP endpoints"),
        ),
        Operation(
            "post",
            "/pubsub",
            "Pushes of Google Cloud Pub/Sub, with a token that Google signed.",
            "",
            {202: ReceiptAnswer},
            (_SOURCE,),
            OtherBody(JSON, "what push subscriptions send"),
        ),
    ),
)
