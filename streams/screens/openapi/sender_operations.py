"""The routes that senders reach."""

from typing import Any, Final

from streams.screens.openapi.answers import FirehoseAnswer, ReceiptAnswer
from streams.screens.openapi.operation import JSON, Operation, OperationGroup, OtherBody, Parameter

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
