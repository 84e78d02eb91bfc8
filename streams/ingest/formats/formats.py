"""All formats by name, and the one that a payload looks like."""

import functools
from collections.abc import Callable, Iterable
from typing import Final

from config.presets import PRESETS
from config.settings import MappingSettings
from streams.ingest.formats.access_logs.alb import ALB
from streams.ingest.formats.access_logs.apigateway import APIGATEWAY
from streams.ingest.formats.access_logs.clf import CLF
from streams.ingest.formats.access_logs.gcp_log_entry import GCP_LOG_ENTRY
from streams.ingest.formats.aws.cloudwatch_logs import CLOUDWATCH_LOGS
from streams.ingest.formats.aws.emf import EMF
from streams.ingest.formats.aws.lambda_report import LAMBDA_REPORT
from streams.ingest.formats.aws.metric_stream import METRIC_STREAM
from streams.ingest.formats.aws.powertools import POWERTOOLS
from streams.ingest.formats.aws.xray import XRAY
from streams.ingest.formats.changes.change_events import CHANGES
from streams.ingest.formats.envelopes.cloudevents import CLOUDEVENTS
from streams.ingest.formats.envelopes.confluent import Confluent, Schemas
from streams.ingest.formats.envelopes.envelope import Enveloped
from streams.ingest.formats.envelopes.firehose import FIREHOSE
from streams.ingest.formats.envelopes.lambda_event import LAMBDA_EVENT
from streams.ingest.formats.envelopes.pubsub import PUBSUB
from streams.ingest.formats.format import Format, Formats
from streams.ingest.formats.mapped import mapped
from streams.ingest.formats.native import NATIVE
from streams.ingest.formats.otlp.otlp_json import OtlpJson
from streams.ingest.formats.otlp.otlp_proto import OtlpProto

Recognised = Callable[[bytes], Format | None]


def recognised(payload: bytes, formats: Formats | None = None) -> Format | None:
    """Return the first format that a payload looks like, None if it looks like none.

    Examples
    --------
    >>> found = recognised(b'{"ts": 1760000000, "service": "inventory"}')
    >>> found and found.name
    'uneri'
    """
    among = FORMATS if formats is None else formats
    return next((form for form in among.values() if form.looks_like(payload)), None)


def recognised_record(payload: bytes, formats: Formats | None = None) -> Format | None:
    """Return the format of a record that holds no other payloads, None if it looks like none.

    Payloads in log records are not opened: a message of thousands of envelopes would unpack without bounds.
    """
    found = recognised(payload, formats)
    opens = found is CLOUDWATCH_LOGS or isinstance(found, (Enveloped, OtlpProto, OtlpJson))
    return None if opens else found


def with_mappings(mappings: Iterable[MappingSettings], schemas: Schemas | None = None) -> Formats:
    """Return all formats by name, those of mappings last; envelopes recognise them too.

    A mapping with the name of a preset replaces it.
    """
    found: dict[str, Format] = {}
    own = {given.name: mapped(given) for given in mappings}

    def payload_of(payload: bytes) -> Format | None:
        return recognised(payload, found)

    def record_of(payload: bytes) -> Format | None:
        return recognised_record(payload, found)

    ours = _in_order(payload_of, record_of, schemas)
    found.update({form.name: form for form in ours if form.name not in own})
    found.update(own)
    return found


@functools.cache
def _presets() -> tuple[Format, ...]:
    given = (MappingSettings.model_validate({"name": name, "extends": name}) for name in PRESETS)
    return tuple(mapped(preset, strict=True) for preset in given)


def _in_order(payload_of: Recognised, record_of: Recognised, schemas: Schemas | None) -> tuple[Format, ...]:
    """Return formats in the order of ``auto``: those with a mark of their own before those known by keys."""
    return (
        OtlpProto(record_of),
        OtlpJson(record_of),
        Enveloped(Confluent(None if schemas is None else schemas.get), payload_of),
        Enveloped(CLOUDEVENTS, payload_of),
        Enveloped(PUBSUB, payload_of),
        Enveloped(FIREHOSE, payload_of),
        Enveloped(LAMBDA_EVENT, payload_of),
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
        *_presets(),
        POWERTOOLS,
        NATIVE,
    )


FORMATS: Final = with_mappings(())
