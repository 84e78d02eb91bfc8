"""``uneri try``: the records that each payload yields, or why it is refused."""

import base64
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from alerting.words.mrkdwn import clean
from streams.cli.record_line import kind_of, line_of
from streams.engine.decode.event import COUNTS
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.schemas import Schemas, read_with
from streams.ingest.formats.format import (
    Format,
    Formats,
    Reading,
    RefusalError,
    Refused,
    Surroundings,
    native,
)
from streams.ingest.formats.formats import recognised
from streams.ingest.formats.payloads import Payload, divided
from streams.ingest.formats.remedies import REMEDIES
from streams.ingest.formats.validated import judged

AUTO: Final = "auto"
STDIN: Final = "-"
SAID_OF_ALL: Final = ("cloud", "account", "region", "service", "function", "counts")
"""What can be said of all records of a source."""

_EXCERPT: Final = 100
_COUNTS: Final = re.compile(COUNTS)


class Tried(NamedTuple):
    """A payload, the name of the format that read it (None: nothing was recognised), and what it became."""

    payload: Payload
    format: str | None
    reading: Reading


def tried(
    payload: Payload,
    formats: Formats,
    named: Format | None,
    around: Surroundings,
    schemas: Schemas | None = None,
) -> Tried:
    """Read one payload as a daemon would: what has no time or no name is refused too."""
    if payload.refusal is not None:
        return Tried(payload, None, Reading(refused=[payload.refusal.of(payload.content)]))
    found = named or recognised(payload.content, formats)
    if found is None:
        refusal = RefusalError(RejectReason.UNKNOWN_FORMAT, "looks like none of the formats")
        return Tried(payload, None, Reading(refused=[refusal.of(payload.content)]))

    def read() -> Reading:
        try:
            return found.read(payload.content, around)
        except RefusalError as error:
            return Reading(refused=[error.of(payload.content)])

    return Tried(payload, found.name, _counted(read_with(schemas, read)))


def _counted(reading: Reading) -> Reading:
    result = Reading(refused=reading.refused, skipped=reading.skipped)
    for record in reading.records:
        try:
            result.records.append(judged(record))
        except RefusalError as error:
            result.refused.append(error.of(native(record)))
    return result


def said_of_all(given: Sequence[str]) -> Surroundings:
    """Return what ``KEY=VALUE`` texts say of all records.

    Raises
    ------
    ValueError
        When one is no such text.

    Examples
    --------
    >>> said_of_all(["function=orders-put", "region=eu-west-1"]).function
    'orders-put'
    """
    found: dict[str, str] = {}
    for one in given:
        key, _, value = one.partition("=")
        if key not in SAID_OF_ALL or not value:
            raise ValueError(f"{one}: write one of {', '.join(SAID_OF_ALL)}, then = and a value")
        if key == "counts" and not _COUNTS.fullmatch(value):
            raise ValueError(f"{one}: write kinds of scope, such as counts=function,client")
        found[key] = value
    return msgspec.convert(found, Surroundings)


def try_files(
    files: Sequence[Path],
    formats: Formats,
    name: str,
    around: Surroundings,
    schemas: Schemas | None = None,
    *,
    as_json: bool,
) -> int:
    """Show what becomes of the payloads of some files; return 1 when some were refused, else 0."""
    named = None if name == AUTO else formats[name]

    def read(payload: Payload) -> Tried:
        return tried(payload, formats, named, around, schemas)

    def claimed(content: bytes) -> bool:
        return named.looks_like(content) if named else recognised(content, formats) is not None

    shown = _AsJson() if as_json else _AsText()
    for path in files:
        for one in _of_file(path, claimed, read, shown):
            shown.payload(str(path), one)
    shown.end()
    sys.stdout.flush()
    return int(shown.refused > 0)


def _of_file(
    path: Path,
    claimed: Callable[[bytes], bool],
    read: Callable[[Payload], Tried],
    shown: "_AsText | _AsJson",
) -> Iterator[Tried]:
    with _opened(path) as file:
        how, payloads = divided(file, claimed)
        shown.file(str(path), how)
        nothing = True
        for payload in payloads:
            nothing = False
            yield read(payload)
        if nothing:
            refusal = RefusalError(RejectReason.EMPTY, "there is nothing in it")
            yield read(Payload("the whole", b"", refusal))


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    if str(path) == STDIN:
        yield sys.stdin.buffer  # type: ignore[misc]  # a BufferedReader, though typed as BinaryIO
        return
    with path.open("rb") as file:
        yield file


@dataclass
class _AsJson:
    """Records as NDJSON on standard output, refusals as JSON lines on standard error."""

    refused: int = 0

    def file(self, path: str, how: str) -> None:
        pass

    def payload(self, path: str, one: Tried) -> None:
        for record in one.reading.records:
            sys.stdout.write(native(record).decode() + "\n")
        for refused in one.reading.refused:
            self.refused += 1
            said = {
                "file": path,
                "payload": one.payload.place,
                "format": one.format,
                "reason": refused.reason.value,
                "detail": refused.detail,
                "remedy": REMEDIES[refused.reason],
                "record": base64.b64encode(refused.sample).decode(),
            }
            sys.stderr.write(msgspec.json.encode(said).decode() + "\n")

    def end(self) -> None:
        pass


@dataclass
class _AsText:
    """A few lines for each payload, then a summary."""

    refused: int = 0
    payloads: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)

    def file(self, path: str, how: str) -> None:
        _say(f"{'standard input' if path == STDIN else path}: {how}")

    def payload(self, path: str, one: Tried) -> None:  # noqa: ARG002 - as _AsJson
        self.payloads += 1
        self.formats[one.format or "no format"] += 1
        _say(f"{one.payload.place}: {one.format or 'no format'}")
        for record in one.reading.records:
            kind = kind_of(record)
            self.kinds[kind] += 1
            _say(line_of(record), kind)
        for refused in one.reading.refused:
            self.refused += 1
            self.reasons[refused.reason.value] += 1
            for label, line in _refusal(refused):
                _say(line, label)
        for why, count in sorted(one.reading.skipped.items()):
            self.skipped[why] += count
            _say(f"{count:,} × {why}", "skipped")

    def end(self) -> None:
        kinds = _listed(self.kinds, "record" if self.kinds.total() == 1 else "records")
        _say(
            f"{self.payloads:,} payload{'s' if self.payloads != 1 else ''}: {kinds}, "
            f"{_listed(self.reasons, 'refused')}, {_listed(self.skipped, 'skipped')}"
        )
        _say(f"read as: {', '.join(f'{name} {count:,}' for name, count in self.formats.most_common())}")


def _listed(counts: Counter[str], what: str) -> str:
    named = ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
    return f"{counts.total():,} {what}" + (f" ({named})" if named else "")


def _refusal(refused: Refused) -> Iterator[tuple[str, str]]:
    yield "refused", f"{refused.reason.value}: {refused.detail}"
    if ";" not in refused.detail:  # it has no remedy of its own
        yield "remedy", REMEDIES[refused.reason]
    if refused.sample:
        yield "in", refused.sample[:_EXCERPT].decode(errors="replace")


def _say(line: str, label: str = "") -> None:
    indent = f"  {label:<8} " if label else ""
    sys.stdout.write(f"{indent}{clean(line)}\n")
