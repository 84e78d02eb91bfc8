"""All formats by name, and the one that a payload looks like."""

from collections.abc import Iterable
from itertools import chain
from typing import Final

from streams.formats.alb import ALB
from streams.formats.apigateway import APIGATEWAY
from streams.formats.changes import CHANGES
from streams.formats.clf import CLF
from streams.formats.cloudevents import CLOUDEVENTS
from streams.formats.cloudwatch_logs import CLOUDWATCH_LOGS
from streams.formats.confluent import Confluent
from streams.formats.emf import EMF
from streams.formats.envelope import Enveloped
from streams.formats.firehose import FIREHOSE
from streams.formats.format import Format, Formats
from streams.formats.gcp_log_entry import GCP_LOG_ENTRY
from streams.formats.lambda_report import LAMBDA_REPORT
from streams.formats.metric_stream import METRIC_STREAM
from streams.formats.native import NATIVE
from streams.formats.otlp.otlp_json import OtlpJson
from streams.formats.otlp.otlp_proto import OtlpProto
from streams.formats.powertools import POWERTOOLS
from streams.formats.pubsub import PUBSUB
from streams.formats.xray import XRAY


def recognised(payload: bytes, others: Iterable[Format] = ()) -> Format | None:
    """Return the format that a payload looks like, None if it looks like none.

    ``others`` are asked behind all that are here: those of mappings.

    Examples
    --------
    >>> found = recognised(b'{"ts": 1760000000, "service": "inventory"}')
    >>> found and found.name
    'uneri'
    """
    return next((each for each in chain(_IN_ORDER, others) if each.looks_like(payload)), None)


def recognised_record(payload: bytes) -> Format | None:
    """Return the format of a record that holds no other payloads, None if it looks like none.

    What lies in log records is not opened: a message of thousands of envelopes would unpack without bounds.
    """
    found = recognised(payload)
    opens = found is CLOUDWATCH_LOGS or isinstance(found, (Enveloped, OtlpProto, OtlpJson))
    return None if opens else found


_IN_ORDER: Final[tuple[Format, ...]] = (
    OtlpProto(recognised_record),
    OtlpJson(recognised_record),
    Enveloped(Confluent(), recognised),
    Enveloped(CLOUDEVENTS, recognised),
    Enveloped(PUBSUB, recognised),
    Enveloped(FIREHOSE, recognised),
    CLOUDWATCH_LOGS,
    METRIC_STREAM,
    XRAY,
    GCP_LOG_ENTRY,
    EMF,
    LAMBDA_REPORT,
    ALB,
    CHANGES,
    APIGATEWAY,
    CLF,
    POWERTOOLS,
    NATIVE,
)
"""As ``auto`` asks them: what is recognised by a mark of its own comes before what is recognised by keys."""

FORMATS: Final[Formats] = {each.name: each for each in _IN_ORDER}
