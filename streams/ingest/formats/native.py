"""The format ``uneri``: records of docs/event.md, one JSON object a line, or one on several lines."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import islice
from typing import Final

from streams.engine.decode.event import MAX_BYTES, Event, Stated
from streams.engine.decode.parse import parse
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.access_logs.routes import named_route, path_templates
from streams.ingest.formats.envelopes.gzipped import MAGIC
from streams.ingest.formats.format import Reading, RefusalError, Surroundings, validated, with_defaults
from streams.ingest.formats.json_payload import object_on_several_lines

_MARKS: Final = (b'"service"', b'"route"', b'"function"', b'"kind"')
NOT_OURS: Final = "printed by a function, and no record of its own"
OF_PROGRAM: Final = ("account", "region", "function")
"""What the envelope of a program's log says of all that it logs."""
_BATCH: Final = 1000  # lines that are parsed at once


class _Native:
    name: Final = "uneri"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:MAX_BYTES].lstrip()
        return head.startswith(b"{") and b'"ts"' in head and any(mark in head for mark in _MARKS)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        if payload.startswith(MAGIC):
            raise RefusalError(RejectReason.BINARY, "gzip; send one JSON object per record, uncompressed")
        reading = Reading()
        for lines in _batches(payload):
            reading.add(_read(lines, around))
        if not reading.records and not reading.refused:
            raise RefusalError(RejectReason.EMPTY, "the payload is empty")
        return reading


def _batches(payload: bytes) -> Iterator[list[bytes]]:
    if whole := object_on_several_lines(payload):
        yield [whole]
        return
    lines = (line for raw in BytesIO(payload) if (line := raw.strip()))
    while batch := list(islice(lines, _BATCH)):
        yield batch


def _read(lines: list[bytes], around: Surroundings) -> Reading:
    reading = Reading()
    events, rows, problems = parse(lines)
    found = dict(zip(rows, events, strict=True))
    for row, line in enumerate(lines):
        if row in problems:
            reading.refused.append(RefusalError(*problems[row]).of(line))
            continue
        event = found[row]
        record = event.record if isinstance(event, Stated) and event.record else event
        if around.templates and isinstance(record, Event) and record.route is not None:
            record.route = named_route(record.route, path_templates(around.templates), record.status)
        try:
            reading.records.append(validated(with_defaults(record, around)))
        except RefusalError as error:
            reading.refused.append(error.of(line))
    return reading


NATIVE: Final = _Native()


def read_logged(payload: bytes, around: Surroundings, own: Sequence[str]) -> Reading:
    """Read a record in the log of a program, which may print what its caller sent.

    The envelope of the log has named the program: ``own`` are the fields of ``around`` that are its. What
    names another, states a level or a change, or is damaged is none of ours, and a request stands for itself.
    """
    reading, found = NATIVE.read(payload, around), Reading()
    for record in reading.records:
        if isinstance(record, Event) and all(
            getattr(around, name) in {None, getattr(record, name)} for name in own
        ):
            record.weight = record.weight if around.sampled else None
            found.records.append(record)
    if others := len(reading.refused) + len(reading.records) - len(found.records):
        found.skipped[NOT_OURS] = others
    return found
