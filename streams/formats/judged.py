"""What a record needs to be counted, judged as the decoder does: a stamp, and a name."""

import math

from streams.decode.event import Event, SampleRecord
from streams.decode.parse import stamp_of
from streams.decode.rejected import RejectReason
from streams.formats.format import Record, RefusalError


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
    streams.formats.format.RefusalError: an event needs one of service, route, function
    """
    stamp = stamp_of(record.ts)
    if isinstance(stamp, tuple):
        raise RefusalError(*stamp)
    if isinstance(record, Event):
        if not (record.service or record.route or record.function):
            raise RefusalError(RejectReason.NO_NAME, "an event needs one of service, route, function")
        return record
    if record.of is None or not record.of.name:
        raise RefusalError(RejectReason.NO_NAME, "a sample or a change needs of, the scope that it is about")
    if isinstance(record, SampleRecord):
        if not record.name:
            raise RefusalError(RejectReason.NO_NAME, "a sample needs name, what it measures")
        if record.value is None or not math.isfinite(record.value):
            raise RefusalError(RejectReason.BAD_TYPE, "a sample needs value, a number")
    return record
