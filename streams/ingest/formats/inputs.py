"""The inputs of a configuration: payloads as they arrive become native records and refusals."""

from collections.abc import Mapping
from io import BufferedReader, BytesIO
from typing import Final, NamedTuple

from config.sections.sources import InputSettings, SourcesSettings
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.confluent import Schemas, read_with
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
from streams.ingest.formats.payloads import divided

AUTO: Final = "auto"
OTLP_PROTO: Final = "otlp_proto"


class Input(NamedTuple):
    """A source of payloads."""

    name: str
    format: Format | None  # None recognises it
    around: Surroundings
    formats: Formats
    schemas: Schemas | None = None  # of a registry, if there is one

    def read(self, payload: bytes) -> Reading:
        """Return what a payload becomes; what is refused as a whole is one refusal.

        Raises
        ------
        Exception
            What ``schemas.fetch`` does: nothing else.
        """
        return read_with(self.schemas, lambda: self._read(payload))

    def _read(self, payload: bytes) -> Reading:
        """Read a payload as a whole; if that leaves something out, piece by piece, if that brings more.

        So neighbours in a log may be of other formats, or damaged, and cost each other nothing; what is
        clean is read at once.
        """
        whole = self._read_whole(payload)
        if not (whole.refused or whole.skipped) or not _may_be_several(payload):
            return whole
        apart = self._read_apart(payload)
        better = (len(apart.records), len(apart.refused)) > (len(whole.records), len(whole.refused))
        return apart if apart.records and better else whole

    def _read_apart(self, payload: bytes) -> Reading:
        """Read the lines, documents or items that a payload has, each by itself."""
        result = Reading()
        left = MOST_UNPACKED
        try:
            for piece in divided(BufferedReader(BytesIO(payload)), self._claims, text=True).payloads:
                left -= len(piece.content)
                if left < 0 or piece.content == payload:  # there is one: it was read
                    return Reading()
                if piece.refusal is not None:
                    result.refused.append(piece.refusal.of(piece.content))
                else:
                    result.add(self._read_whole(piece.content))
        except RefusalError:  # more than is read at once
            return Reading()
        return result

    def _format_of(self, payload: bytes) -> Format | None:
        return self.format or recognised(payload, self.formats)

    def _claims(self, payload: bytes) -> bool:
        found = self._format_of(payload)
        return found is not None and found.looks_like(payload)

    def _read_whole(self, payload: bytes) -> Reading:
        found = self._format_of(payload)
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
                result.refused.append(error.of(payload))
        return result

    def lines(self, payload: bytes) -> Lines:
        """Return what ``read`` would, the records as lines: the fast way where a format is compiled."""
        scans = self.format or self.formats.get(OTLP_PROTO)  # of those that recognise, the first
        if isinstance(scans, OtlpProto) and (found := scans.lines(payload, self.around)) is not None:
            return found
        reading = self.read(payload)
        return Lines(list(map(to_json_line, reading.records)), reading.refused, reading.skipped)


def _may_be_several(payload: bytes) -> bool:
    """Return whether a payload is packed, a list, or lines, and not too many of them."""
    text = payload.strip()
    return text.startswith((MAGIC, b"[")) or 0 < text.count(b"\n") < MOST_RECORDS


class UnknownInputError(ValueError):
    """No input or format has this name."""


class Inputs:
    """The inputs of a configuration by name, and one for each format.

    Parameters
    ----------
    settings
        Mappings and inputs.
    schemas
        Those of a registry, if there is one.
    """

    def __init__(self, settings: SourcesSettings, schemas: Schemas | None = None) -> None:
        self._schemas = schemas
        self._formats = with_mappings(settings.mappings, schemas)
        self._inputs = {one.name: self._input(one) for one in settings.inputs}
        self.topics: Mapping[str, Input] = {
            one.topic: self._inputs[one.name] for one in settings.inputs if one.topic
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
            The name of a format; it wins over that of the source. None: as the source says, or recognised.

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
