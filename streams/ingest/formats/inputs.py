"""The inputs of a configuration: payloads as they arrive become native records and refusals.

The same payloads become the same bytes, however they are divided into runs: a source that is read again after
a crash counts as it did before.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from operator import attrgetter
from typing import Final, NamedTuple

from config.sections.sources import InputSettings, SourcesSettings
from detectors.model.array_types import Floats
from streams.engine.decode.records import Records, joined
from streams.engine.decode.rejected import Rejected, RejectReason
from streams.ingest.formats.envelopes.confluent import Schemas, SchemasNeededError, read_with
from streams.ingest.formats.envelopes.gzipped import MAGIC
from streams.ingest.formats.format import (
    MOST_RECORDS,
    MOST_UNPACKED,
    Format,
    Formats,
    Lines,
    Reading,
    RefusalError,
    Surroundings,
    to_json_line,
    validated,
)
from streams.ingest.formats.formats import recognised, with_mappings
from streams.ingest.formats.otlp.otlp_proto import OtlpProto
from streams.ingest.formats.payloads import UTF_16, divided

AUTO: Final = "auto"

PARTS: Final = 4_000
"""Parts that are converted at once, and more only if one payload has them: packed, it may hold many."""

_UTF_16: Final = "the text is UTF-16; send UTF-8, as `iconv -f UTF-16 -t UTF-8` writes it"


class Input(NamedTuple):
    """A source of payloads."""

    name: str
    format: Format | None  # None recognises it
    around: Surroundings
    formats: Formats
    schemas: Schemas | None = None  # of a registry, if there is one

    def read(self, payload: bytes) -> Reading:
        """Return the reading of a payload; one that is refused as a whole is one refusal.

        Raises
        ------
        Exception
            Any that ``schemas.fetch`` raises, and no other.
        """
        return read_with(self.schemas, lambda: self._read(payload))

    def _read(self, payload: bytes) -> Reading:
        """Read a payload as a whole; if that leaves something out, piece by piece, if that yields more.

        So neighbours in a log may be of other formats, or damaged, and cost each other nothing; a clean
        payload is read once.
        """
        whole = self._read_whole(payload)
        if not (whole.refused or whole.skipped) or not _may_be_several(payload):
            return whole
        apart = self._read_apart(payload)
        better = (len(apart.records), len(apart.refused)) > (len(whole.records), len(whole.refused))
        return apart if apart.records and better else whole

    def _read_apart(self, payload: bytes) -> Reading:
        """Read the lines, documents or items of a payload by themselves."""
        result = Reading()
        left = MOST_UNPACKED
        try:
            for piece in divided(BufferedReader(BytesIO(payload)), self.claims, text=True).payloads:
                left -= len(piece.content)
                if left < 0 or piece.content == payload:  # the only piece: it was read
                    return Reading()
                if piece.refusal is not None:
                    result.refused.append(piece.refusal.of(piece.content))
                else:
                    result.add(self._read_whole(piece.content))
        except RefusalError:  # more than is read at once
            return Reading()
        return result

    def format_of(self, payload: bytes) -> Format | None:
        """Return the format that reads a payload, None if it looks like none."""
        return self.format or recognised(payload, self.formats)

    def claims(self, payload: bytes) -> bool:
        """Return whether a payload looks like a format as it is: packed, or a JSON array as a whole."""
        found = self.format_of(payload)
        return found is not None and found.looks_like(payload)

    def _read_whole(self, payload: bytes) -> Reading:
        if payload.startswith(UTF_16):
            return Reading(refused=[RefusalError(RejectReason.UNKNOWN_FORMAT, _UTF_16).of(payload)])
        found = self.format_of(payload)
        if found is None:
            error = RefusalError(RejectReason.UNKNOWN_FORMAT, "the payload looks like none of the formats")
            return Reading(refused=[error.of(payload)])
        try:
            reading = found.read(payload, self.around)
        except RefusalError as error:
            return Reading(refused=[error.of(payload)])
        result = Reading(refused=reading.refused, skipped=reading.skipped)
        for record in reading.records:
            try:
                result.records.append(validated(record))
            except RefusalError as error:
                result.refused.append(error.of(to_json_line(record)))
        return result

    def lines(self, payload: bytes) -> Lines:
        """Return the reading with its records as lines, fast where a format is compiled."""
        scans = self.format or self.formats.get(OtlpProto.name)  # the first that ``auto`` tries
        if isinstance(scans, OtlpProto) and (found := scans.lines(payload, self.around)) is not None:
            return found
        reading = self.read(payload)
        return Lines(Records.of([*map(to_json_line, reading.records)]), reading.refused, reading.skipped)


def _may_be_several(payload: bytes) -> bool:
    """Return whether a payload is packed, a list, or lines, and not too many of them."""
    text = payload.strip()
    return text.startswith((MAGIC, b"[")) or 0 < text.count(b"\n") < MOST_RECORDS


class UnknownInputError(ValueError):
    """No input or format has this name."""


class Inputs:
    """The inputs of a configuration by name, and one for each format."""

    def __init__(self, settings: SourcesSettings, schemas: Schemas | None = None) -> None:
        self._schemas = schemas
        self._formats = with_mappings(settings.mappings, schemas)
        self._inputs = {given.name: self._input(given) for given in settings.inputs}
        self.topics: Mapping[str, Input] = {
            given.topic: self._inputs[given.name] for given in settings.inputs if given.topic
        }

    def _input(self, given: InputSettings) -> Input:
        around = Surroundings(
            cloud=given.cloud,
            account=given.account,
            region=given.region,
            service=given.service,
            function=given.function,
            counts=given.counts,
            templates=tuple(given.templates),
            mapping=dict(given.keys) or None,
            sampled=given.sampled,
        )
        return Input(given.name, self._format(given.format), around, self._formats, self._schemas)

    def _format(self, name: str) -> Format | None:
        return None if name == AUTO else self._formats[name]

    def of(self, source: str | None, form: str | None = None) -> Input:
        """Return the input that a sender names.

        Parameters
        ----------
        source
            The name of a configured input; None for one that only has a format.
        form
            The name of a format, which wins over that of the source; None for that one, or ``auto``.

        Raises
        ------
        UnknownInputError
            When there is none.
        """
        if form is not None and form != AUTO and form not in self._formats:
            raise UnknownInputError(f"no format {form!r}; formats: {', '.join([AUTO, *self._formats])}")
        if source is None:
            named = form or AUTO
            return Input(named, self._format(named), Surroundings(), self._formats, self._schemas)
        if source not in self._inputs:
            known = ", ".join(self._inputs) or "none is configured"
            raise UnknownInputError(f"no source {source!r} in sources.inputs: {known}")
        found = self._inputs[source]
        return found if form is None else found._replace(format=self._format(form))


@dataclass(slots=True)
class Converted:
    """Consecutive payloads as parts, numbered in a row: the records of a payload, then its refusals."""

    payloads: int = 0  # how many of those given are converted by now
    records: Records = field(default_factory=lambda: joined([]))  # native: one JSON object each
    rows: list[int] = field(default_factory=list)  # the part that each record is
    of: list[int] = field(default_factory=list)  # by part: the index of its payload among those given
    numbers: list[int | None] = field(default_factory=list)  # by part: its own in its payload, None if alone
    refused: list[Rejected] = field(default_factory=list)  # their index is that of their part
    skipped: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.of)

    def arrived(self, arrived: Floats | None) -> Floats | None:
        """Return when each record arrived, given when each payload did."""
        return None if arrived is None else arrived[[self.of[row] for row in self.rows]]

    def placed(self, rejected: Sequence[Rejected]) -> list[Rejected]:
        """Return all refusals in the order of the parts, given those of the decoder.

        Those of records that it had held back from earlier payloads keep their negative index.
        """
        if not rejected:
            return self.refused
        moved = [
            bad if bad.index < 0 else Rejected(bad.reason, self.rows[bad.index], bad.detail, bad.sample)
            for bad in rejected
        ]
        return sorted([*moved, *self.refused], key=attrgetter("index"))


def converted(
    source: Input,
    payloads: Sequence[bytes],
    wanted: Callable[[bytes], bool] | None = None,
) -> Iterator[Converted]:
    """Convert payloads, about ``PARTS`` parts at a time; at least one run, even of no payloads.

    Records that are not ``wanted`` are left out.

    Raises
    ------
    SchemasNeededError
        When the next payload cannot be read yet; those before it have been yielded.
    """
    run, found = Converted(), list[Records]()
    for index, payload in enumerate(payloads):
        try:
            reading = source.lines(payload)
        except SchemasNeededError:
            if run.payloads:
                run.records = joined(found)
                yield run
            raise
        found.append(reading.records if wanted is None else Records.of([*filter(wanted, reading.records)]))
        _add(run, index, len(found[-1]), reading)
        run.payloads = index + 1
        if len(run) >= PARTS and run.payloads < len(payloads):
            run.records = joined(found)
            yield run
            run, found = Converted(), []
    run.records = joined(found)
    yield run


def _add(run: Converted, index: int, records: int, reading: Lines) -> None:
    """Give the parts of a payload their numbers; the first ones are its records."""
    begin = len(run)
    parts = records + len(reading.refused)
    run.rows += range(begin, begin + records)
    run.refused += [
        Rejected(refused.reason, begin + records + number, refused.detail, refused.sample)
        for number, refused in enumerate(reading.refused)
    ]
    run.of += [index] * parts
    run.numbers += [None] if parts == 1 else range(parts)
    run.skipped += reading.skipped
