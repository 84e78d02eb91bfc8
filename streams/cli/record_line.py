"""A record in one short line, for people."""

from collections.abc import Iterator
from datetime import UTC, datetime

from streams.engine.decode.event import ChangeRecord, Event, SampleRecord, TableCall
from streams.engine.decode.parse import stamp_of
from streams.ingest.formats.format import Record


def kind_of(record: Record) -> str:
    """Return the kind of a record, as docs/event.md calls it."""
    if isinstance(record, Event):
        return record.kind or "request"
    return "sample" if isinstance(record, SampleRecord) else "change"


def line_of(record: Record) -> str:
    """Return what a record says in one short line.

    Examples
    --------
    >>> line_of(Event(ts=1760000000.0, service="inventory", route="GET /items", status=200))
    '2025-10-09 08:53:20.000Z · inventory · GET /items · status 200'
    """
    parts = [_time(record)]
    if isinstance(record, Event):
        parts += _event(record)
    else:
        of = record.of
        parts += [f"{of.kind} {of.name}"] if of else []
        if isinstance(record, SampleRecord):
            limit = "" if record.limit is None else f" of {record.limit:g}"
            parts.append(
                f"{record.name} {record.value or 0:g}{limit}{f' {record.unit}' if record.unit else ''}"
            )
        else:
            parts += _change(record)
    return " · ".join(part for part in parts if part)


def _time(record: Record) -> str:
    stamp = stamp_of(record.ts)
    if isinstance(stamp, tuple):
        return str(record.ts)
    return f"{datetime.fromtimestamp(stamp, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"


def _change(record: ChangeRecord) -> Iterator[str]:
    yield f"{record.what or 'change'} {record.version or ''}".strip()
    if record.by:
        yield f"by {record.by}"


def _event(event: Event) -> Iterator[str]:
    yield from (name or "" for name in (event.service, event.route, event.function))
    client = event.client
    if client:
        yield _words(client.name, client.version, client.tenant)
    if event.status is not None:
        yield f"status {event.status}"
    yield _words(event.error if isinstance(event.error, str) else None, event.error_type)
    for layer in ("total", "function", "code", "auth"):
        measured = getattr(event.ms, layer, None)
        if measured is not None:
            yield f"{layer} {measured:g} ms"
    yield "cold start" if event.cold_start else ""
    yield f"throttled {event.throttled}" if event.throttled else ""
    yield from map(_call, event.tables or ())
    yield from (f"{key} {value:g}" for key, value in (event.values or {}).items())
    yield from _about_counting(event)


def _call(call: TableCall) -> str:
    used = {"rcu": call.rcu, "wcu": call.wcu, "ms": call.ms}
    parts = (f"{name} {value:g}" for name, value in used.items() if value is not None)
    return _words("table", call.name, call.op, *parts, call.throttled and f"throttled {call.throttled}")


def _about_counting(event: Event) -> Iterator[str]:
    if event.weight is not None:
        yield f"stands for {event.weight:g}"
    if event.counts is not None:
        yield f"counts {event.counts}"


def _words(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)
