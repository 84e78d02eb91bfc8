"""What a record needs to be counted, judged as the decoder does: a stamp, and a name."""

from streams.engine.decode.event import Event
from streams.engine.decode.parse import lacks, stamp_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import Record, RefusalError


def judged(record: Record) -> Record:
    """Return a record that can be counted.

    Raises
    ------
    RefusalError
        When it has no readable stamp, or does not say what it is about.

    Examples
    --------
    >>> judged(Event(ts=1760000000.0, function="put-item")).ts
    1760000000.0
    >>> judged(Event(ts=1760000000.0))
    Traceback (most recent call last):
    streams.ingest.formats.format.RefusalError: an event needs one of service, route, function
    """
    stamp = stamp_of(record.ts)
    if isinstance(stamp, tuple):
        raise RefusalError(*stamp)
    if isinstance(record, Event):
        if not (record.service or record.route or record.function):
            raise RefusalError(RejectReason.NO_NAME, "an event needs one of service, route, function")
        return record
    lacking = lacks(record)
    if lacking is not None:
        raise RefusalError(*lacking)
    return record
