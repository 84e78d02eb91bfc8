"""The input that reads a file, with a mapping where no format does: guessed, and proven on the payloads."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final, NamedTuple

from config.json_path import ABSENT, json_path
from config.load import ConfigError, load_settings
from config.native_fields import text_of
from config.presets import PRESETS
from config.sections.sources import FORMAT_NAMES, InputSettings
from streams.cli.guess_fields import MARKS, GuessedField, guessed, leaves_of, path_text
from streams.cli.json_leaves import is_duration, leaves, object_of
from streams.engine.decode.event import Event
from streams.ingest.formats.format import Reading, RefusalError, Surroundings
from streams.ingest.formats.inputs import Inputs
from streams.ingest.formats.json_payload import documents
from streams.ingest.formats.text_lines import FIELDS as COLUMNS
from streams.ingest.formats.text_lines import logfmt, values_of_columns

FACT_KEYS: Final = ("cloud", "account", "region", "service", "function", "counts")
"""Facts that can hold for all records of a source."""

_MOST_HELD: Final = 1000  # payloads
_MOST_BYTES: Final = 4 << 20  # of all of them
_SHOWN: Final = 40  # characters of an example
_COLUMN: Final = 46  # of comments
_PAIRS: Final = 3  # of a line that is logfmt
_TOLD: Final = {
    ("route", "path"): "what was asked for, or method and path",
    ("status",): "how it ended; without it, none counts as failed",
    ("ms.total",): "how long it took; {path: $.…, unit: s} of seconds",
    ("function",): "which function served it",
    ("id",): "its id: what comes twice counts once",
    ("client.name", "user_agent"): "which application asked; or user_agent",
    ("client.tenant",): "for which customer",
}
"""Fields that are named even where nothing looks like them, and what they are for."""

_Line = tuple[str, str]  # and its comment


class Guess(NamedTuple):
    """The section ``sources`` of a configuration, its input, and what that makes of the payloads."""

    text: str
    name: str
    records: int
    skipped: int
    refused: int

    @property
    def proof(self) -> str:
        """How many records it reads, in words."""
        total = self.records + self.skipped + self.refused
        left = [f"{self.skipped:,} skipped"] if self.skipped else []
        left += [f"{self.refused:,} refused"] if self.refused else []
        return f"{self.records:,} of {total:,} records" + (f" ({', '.join(left)})" if left else "")


class Guesser:
    """Holds the first payloads of a file and what a daemon without a configuration makes of them."""

    def __init__(self, file: str, around: Surroundings, topic: str = "") -> None:
        stem = re.sub("[^a-z0-9]+", "-", file.rpartition("/")[2].partition(".")[0].lower()).strip("-")
        self._name: Final = (f"my-{stem}" if stem in {*FORMAT_NAMES, *PRESETS} else stem or "records")[:50]
        self._file: Final = file
        self._around: Final = around
        self._topic: Final = topic
        self._payloads: Final = list[bytes]()
        self._wanting: Final = list[bytes]()
        self._bytes = 0
        self._untimed = False
        self._formats: Final = Counter[str]()

    @property
    def is_full(self) -> bool:
        """Whether it looks at no more payloads."""
        return len(self._payloads) >= _MOST_HELD or self._bytes > _MOST_BYTES

    def add(self, payload: bytes, form: str | None, reading: Reading) -> None:
        """Add a payload and its reading."""
        if self.is_full:
            return
        self._bytes += len(payload)
        self._payloads.append(payload)
        self._formats[form or "auto"] += len(reading.records)
        events = (record for record in reading.records if isinstance(record, Event))
        untimed = any(not (event.ms or event.tables or event.kind) for event in events)
        untimed = untimed and any(is_duration(*leaf) for leaf in leaves(object_of(payload)))
        self._untimed |= untimed
        if untimed or not reading.records:
            self._wanting.append(payload)

    def mapping(self) -> Guess | None:
        """Return an input with a mapping if that reads more than a daemon does without, else None."""
        form, records = _records(self._wanting)
        fields, condition = guessed(leaves_of(records)), ""
        if mark := next((path_text(fields[name].leaf.path) for name in MARKS if name in fields), ""):
            marked = [record for record in records if json_path(mark).find(record) is not ABSENT]
            if len(marked) < len(records):
                fields, condition = guessed(leaves_of(marked)), f"[{{path: {_yaml(mark)}, exists: true}}]"
        if not fields:
            return None
        lines = self._input(self._name, service="service" in fields)
        found = self._proven([*lines, *self._mapping(form, condition, fields)])
        least = self._formats.total() + (not self._untimed)
        return found if found is not None and found.records >= least else None

    def entry(self) -> Guess | None:
        """Return the input that reads these payloads, or any if there are none; None if nothing does."""
        found, formats = self.mapping(), [form for form, count in self._formats.items() if count]
        if found is None and (formats or not self._payloads):
            found = self._proven([*self._input(formats[0] if len(formats) == 1 else "auto", service=True)])
        return found

    def _input(self, form: str, *, service: bool) -> Iterator[_Line]:
        yield "sources:", ""
        yield "  inputs:", ""
        yield f"    - name: {self._name}", f"--source {self._name}, POST /events?source={self._name}"
        yield f"      format: {form}", "the mapping below" if form == self._name else ""
        if self._topic:
            yield f"      topic: {self._topic}", ""
        for key in FACT_KEYS:
            if given := getattr(self._around, key):
                yield f"      {key}: {json.dumps(given)}", ""
            elif key == "service" and not service:
                yield f"      service: {self._name}", "no record names its service: correct this"
            elif key in ("cloud", "account"):
                yield f'      # {key}: "…"', InputSettings.model_fields[key].description or ""

    def _mapping(self, form: str, condition: str, fields: Mapping[str, GuessedField]) -> Iterator[_Line]:
        yield "  mappings:", ""
        yield f"    - name: {self._name}", ""
        if form:
            yield f"      {form}", ""
        if condition:
            yield f"      when: {condition}", "others are no requests"
        yield "      fields:", ""
        for name, (leaf, settings, assumed) in fields.items():
            value = path = _yaml(path_text(leaf.path))
            if settings:
                others = "".join(f", {key}: {_yaml(given)}" for key, given in settings.items())
                value = f"{{path: {path}{others}}}"
            shown = _printable(text_of(leaf.values[0]) or "")[:_SHOWN]
            yield f"        {name}: {value}", f"{shown}{assumed and f', {assumed}'}"
        for alike, purpose in _TOLD.items():
            if not fields.keys() & alike:
                yield f"        # {alike[0]}: $.…", purpose
        sample = "…" if self._file == "-" else _printable(self._file)
        yield f"      # sample: {sample}", "`uneri check` reads it with this mapping"

    def _proven(self, lines: Sequence[_Line]) -> Guess | None:
        text = "".join(f"{f'{code:<{_COLUMN}}  # {said}' if said else code}\n" for code, said in lines)
        try:
            source = Inputs(load_settings(None, text).sources).of(self._name)
        except ConfigError:  # a key that no path can name
            return None
        readings = [source.read(payload) for payload in self._payloads]
        return Guess(
            text,
            self._name,
            sum(len(reading.records) for reading in readings),
            sum(reading.skipped.total() for reading in readings),
            sum(len(reading.refused) for reading in readings),
        )


def _records(payloads: Sequence[bytes]) -> tuple[str, list[dict[str, Any]]]:
    """Return the setting by which a mapping finds the records in payloads, and some of them."""
    if objects := [content for content in islice(_contents(payloads), _MOST_HELD) if _is_object(content)]:
        first = objects[0].items()
        lists = [key for key, value in first if isinstance(value, list) and any(map(_is_object, value))]
        if len(lists) != 1 or guessed(leaves_of(objects)):
            return "", objects
        given = (content.get(lists[0]) for content in objects)
        items = (item for each in given if isinstance(each, list) for item in each if _is_object(item))
        return f"each: {_yaml(path_text((lists[0],)) + '[*]')}", [*islice(items, _MOST_HELD)]
    text = "\n".join(payload[:_MOST_BYTES].decode(errors="replace") for payload in payloads)
    lines = text.splitlines()[:_MOST_HELD]
    named = next((line for line in lines if line.startswith(COLUMNS.decode())), None)
    if named is None:
        return "lines: logfmt", [found for line in lines if len(found := logfmt(line)) >= _PAIRS]
    columns = values_of_columns(named.removeprefix(COLUMNS.decode()).strip())
    rows = [values_of_columns(line) for line in lines if not line.startswith("#")]
    return f"columns: {json.dumps(columns)}", [dict(zip(columns, row, strict=False)) for row in rows]


def _contents(payloads: Sequence[bytes]) -> Iterator[Any]:
    for payload in payloads:
        with suppress(RefusalError):  # nothing in it, or too much
            yield from (document.content for document in documents(payload))


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "·" for character in text)


def _yaml(text: str) -> str:
    plain = re.fullmatch(r"[$\w.]+", text, re.ASCII)
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())
