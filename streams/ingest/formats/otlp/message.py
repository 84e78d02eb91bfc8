"""One message, whichever way it was written, becomes records."""

from collections import Counter
from typing import Final

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import MOST_RECORDS, Reading, RefusalError, Surroundings
from streams.ingest.formats.otlp.logs import Recognised, read_logs
from streams.ingest.formats.otlp.metrics import read_metrics
from streams.ingest.formats.otlp.span import OtlpMessage
from streams.ingest.formats.otlp.spans import read_spans

NOTHING: Final = "a message without spans, log records and data points"


def read_message(message: OtlpMessage, around: Surroundings, recognised: Recognised) -> Reading:
    """Return what a message is read as.

    Raises
    ------
    RefusalError
        When it holds more than a payload may.
    """
    reading = Reading([], message.refused)
    if message.spans:
        reading.add(read_spans(message.spans, around))
    if message.logs:
        reading.add(read_logs(message.logs, around, recognised))
    if message.metrics:
        reading.add(read_metrics(message.metrics, around))
    if not reading.records and not reading.refused and not reading.skipped:
        reading.skipped = Counter({NOTHING: 1})
    return reading


def bounded(parts: int) -> None:
    """Refuse a message of more parts than a payload may have.

    Raises
    ------
    RefusalError
        When there are more than ``MOST_RECORDS``.
    """
    if parts > MOST_RECORDS:
        raise RefusalError(
            RejectReason.TOO_LARGE, f"the message has more than {MOST_RECORDS:,} parts; send less at once"
        )
