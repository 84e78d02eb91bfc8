"""``uneri try``: the records of each payload, or the reason for its refusal."""

import base64
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec import structs

from alerting.words.mrkdwn import clean
from alerting.words.unseen import escape_unseen_json
from streams.cli.guess import FACT_KEYS, Guess, Guesser
from streams.cli.try_report import TryReport, kind_of
from streams.engine.decode.event import COUNTS, ChangeRecord, Event, SampleRecord, TableCall
from streams.engine.decode.parse import stamp_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import (
    MOST_RECORDS,
    MOST_UNPACKED,
    REMEDIES,
    Reading,
    Record,
    RefusalError,
    Refused,
    Surroundings,
    to_json_line,
)
from streams.ingest.formats.inputs import AUTO, Input
from streams.ingest.formats.payloads import Joined, Payload, divided

STDIN: Final = "-"
_EXCERPT: Final = 100
_COUNTS: Final = re.compile(COUNTS)


class Tried(NamedTuple):
    """A payload, the name of the format that read it (None: no format recognised it), and the result."""

    payload: Payload
    format: str | None
    reading: Reading


def tried(payload: Payload, source: Input) -> Tried:
    """Read one payload as a daemon would."""
    if payload.refusal is not None:
        return Tried(payload, None, Reading(refused=[payload.refusal.of(payload.content)]))
    found = source.format_of(payload.content)
    return Tried(payload, None if found is None else found.name, source.read(payload.content))


def facts_of(given: Sequence[str], around: Surroundings) -> Surroundings:
    """Return ``around`` with the facts of ``KEY=VALUE`` texts; raise ``ValueError`` for any other text.

    Examples
    --------
    >>> facts_of(["function=orders-put", "region=eu-west-1"], Surroundings()).function
    'orders-put'
    """
    found: dict[str, str] = {}
    for text in given:
        key, _, value = text.partition("=")
        if key not in FACT_KEYS or not value:
            raise ValueError(f"{text}: write one of {', '.join(FACT_KEYS)}, then = and a value")
        if key == "counts" and not _COUNTS.fullmatch(value):
            raise ValueError(f"{text}: write kinds of scope, such as counts=function,client")
        found[key] = value
    return msgspec.structs.replace(around, **found)


def try_files(files: Sequence[Path], source: Input, *, as_json: bool, now: float) -> int:
    """Show the records of files of payloads at ``now``; return 1 when some were refused, else 0."""
    shown = _AsJson() if as_json else _AsText(now)
    guesser, seen = Guesser(str(files[0]), source.around), 0
    try:
        for path in files:
            for result in of_file(path, source, shown.file):
                shown.payload(str(path), result)
                guesser.add(result.payload.content, result.format, result.reading)
                seen += 1
    except KeyboardInterrupt:  # of a pipe without an end: what was read until then is reported
        if not seen:
            raise
    # an input or a format that is named is the user's own choice
    shown.end(guesser.mapping() if source.format is None and source.name == AUTO else None, files[0])
    sys.stdout.flush()
    return int(shown.refused > 0)


def of_file(path: Path, source: Input, told: Callable[[str, str], None]) -> Iterator[Tried]:
    """Read a file payload by payload, as a daemon would; ``told`` takes its name and how it is divided."""
    with _opened(path) as file:
        content = file.read(MOST_UNPACKED + 1)
        how, payloads = divided(BufferedReader(Joined(content, file)), source.claims)
        told(str(path), how)
        if not content.strip():
            refusal = RefusalError(RejectReason.EMPTY, "there is nothing in it")
            yield tried(Payload("the whole", b"", refusal), source)
            return
        first, held = list[Payload](), 0
        while held <= MOST_UNPACKED and len(first) <= MOST_RECORDS:  # more is sent in parts
            if (payload := next(payloads, None)) is None:
                yield from _as_received(content, first, source)
                return
            first.append(payload)
            held += len(payload.content)
        for payload in chain(first, payloads):
            yield tried(payload, source)


def _as_received(content: bytes, payloads: Sequence[Payload], source: Input) -> list[Tried]:
    """Read a body as a receiver does, and place what became of it, if its payloads alone become the same.

    Neighbours may matter: one names the format of a damaged line, or says how the request of another ended.
    """
    whole, form = source.read(content), source.format_of(content)
    for reader in (source, source._replace(format=form)):
        apart = [tried(payload, reader) for payload in payloads]
        if apart and _outcome(found.reading for found in apart) == _outcome([whole]):
            return apart
    return [Tried(Payload("the whole", content), None if form is None else form.name, whole)]


def _outcome(readings: Iterable[Reading]) -> object:
    records, refused, skipped = list[bytes](), list[object](), Counter[str]()
    for reading in readings:
        records += map(to_json_line, reading.records)
        refused += [(part.reason, part.detail) for part in reading.refused]
        skipped += reading.skipped
    return records, refused, skipped


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    if str(path) == STDIN:
        yield sys.stdin.buffer  # type: ignore[misc]  # a BufferedReader, though typed as BinaryIO
        return
    with path.open("rb") as file:
        yield file


@dataclass
class _AsJson:
    """Records as NDJSON on standard output, times in seconds; refusals as JSON lines on standard error."""

    refused: int = 0

    def file(self, path: str, how: str) -> None:
        pass

    def payload(self, path: str, result: Tried) -> None:
        for record in result.reading.records:
            stamp = stamp_of(record.ts)
            plain = structs.replace(record, ts=stamp) if isinstance(stamp, float) else record
            sys.stdout.write(escape_unseen_json(to_json_line(plain).decode()) + "\n")
        for refused in result.reading.refused:
            self.refused += 1
            refusal = {
                "file": path,
                "payload": result.payload.place,
                "format": result.format,
                "reason": refused.reason.value,
                "detail": refused.detail,
                "remedy": REMEDIES[refused.reason],
                "record": base64.b64encode(refused.sample).decode(),
            }
            sys.stderr.write(escape_unseen_json(msgspec.json.encode(refusal).decode()) + "\n")

    def end(self, guess: Guess | None, _: Path) -> None:
        if guess is not None:
            found = {"configuration": guess.text, **guess._asdict()}
            del found["text"]
            sys.stderr.write(escape_unseen_json(msgspec.json.encode(found).decode()) + "\n")


class _AsText:
    """A few lines for each payload, then a report."""

    def __init__(self, now: float) -> None:
        self._report: Final = TryReport(now)

    @property
    def refused(self) -> int:
        return self._report.refused

    def file(self, path: str, how: str) -> None:
        _say(f"{'standard input' if path == STDIN else path}: {how}")

    def payload(self, path: str, result: Tried) -> None:  # noqa: ARG002 - as _AsJson
        payload, form, reading = result
        self._report.add(payload.place, payload.content, form, reading)
        _say(f"{payload.place}: {form or 'no format'}")
        for record in reading.records:
            _say(line_of(record), kind_of(record))
        for refused in reading.refused:
            for label, line in _refusal(refused):
                _say(line, label)
        for why, count in sorted(reading.skipped.items()):
            _say(f"{count:,} × {why}", "skipped")

    def end(self, guess: Guess | None, file: Path) -> None:
        (_, summary), *more = self._report.lines()
        sys.stdout.write(f"\n{clean(summary)}\n")
        for label, line in more:
            sys.stdout.write(f"  {label:<9}  {clean(line)}\n")
        if guess is not None:
            sys.stdout.write(
                f"\nWith this in uneri.yaml it reads {guess.proof}; correct what is guessed wrong. "
                f"`uneri init --from {clean(str(file))}` writes the file.\n\n{guess.text}"
            )


def _refusal(refused: Refused) -> Iterator[tuple[str, str]]:
    yield "refused", f"{refused.reason.value}: {refused.detail}"
    if ";" not in refused.detail:  # it has no remedy of its own
        yield "remedy", REMEDIES[refused.reason]
    if refused.sample:
        yield "in", refused.sample[:_EXCERPT].decode(errors="replace")


def _say(line: str, label: str = "") -> None:
    indent = f"  {label:<8} " if label else ""
    sys.stdout.write(f"{indent}{clean(line)}\n")


def line_of(record: Record) -> str:
    """Return a record in one short line, for people.

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
