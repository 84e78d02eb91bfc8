"""The ids that the platform gives to a request: of its trace, of the invocation, of spans."""

import uuid
from hashlib import sha256

from streams.engine.decode.event import Event
from tests.main_job.four_ways.way import stamp


def trace_of(event: Event) -> str:
    """Return the trace: 32 hexadecimal digits, of which X-Ray wants the first eight to be the time."""
    return f"{int(stamp(event)):08x}{_hash(event)[:24]}"


def xray_of(event: Event) -> str:
    """Return the same trace as X-Ray writes it."""
    trace = trace_of(event)
    return f"1-{trace[:8]}-{trace[8:]}"


def invocation_of(event: Event) -> str:
    """Return the id of the invocation."""
    return str(uuid.UUID(_hash(event)[24:56]))


def span_of(event: Event, at: int) -> str:
    """Return the id of one of its spans."""
    return sha256(f"{event.id} {at}".encode()).hexdigest()[:16]


def _hash(event: Event) -> str:
    assert event.id is not None
    return sha256(event.id.encode()).hexdigest()
