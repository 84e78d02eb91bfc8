"""The format of a mapping: custom JSON becomes records as ``sources.mappings`` defines.

A mapping is compiled once: its paths are read, its units looked up, and its values converted.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import msgspec

from config.json_path import ABSENT, JsonPath, json_path
from config.native_fields import (
    CALL_FIELDS,
    REQUEST_LINE,
    UNITS,
    FieldType,
    Ratio,
    converted,
    field_type,
    text_of,
)
from config.sections.sources import CallsSettings, ConditionSettings, FieldSettings, MappingSettings
from streams.engine.decode.event import ChangeRecord, Event, SampleRecord
from streams.engine.decode.parse import problem_of_value
from streams.engine.decode.rejected import SAMPLE_BYTES, RejectReason
from streams.ingest.formats.access_logs.log_lines import clf_time
from streams.ingest.formats.access_logs.routes import (
    PathTemplates,
    method_of,
    named_route,
    path_templates,
    request_line,
)
from streams.ingest.formats.access_logs.user_agents import client_of
from streams.ingest.formats.format import (
    MOST_RECORDS,
    Format,
    Reading,
    Record,
    RefusalError,
    Surroundings,
    validated,
    with_defaults,
)
from streams.ingest.formats.json_payload import Document, documents
from streams.ingest.formats.text_lines import COMMENT, line_reader

_HEAD: Final = 64 * 1024
_TYPES: Final = {"request": Event, "call": Event, "sample": SampleRecord, "change": ChangeRecord}
_PATHS: Final = ("/", "http://", "https://")
_NOTHING: Final = (None, "", "-")
"""Absent values, as many logs write them."""
_WRITTEN: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(?:(Z|UTC)|([+-]\d\d):?(\d\d))?", re.ASCII
)
_OF_REQUEST_LINE: Final = " HTTP/"


class _Around(NamedTuple):
    """Where paths begin."""

    inner: Any  # $
    outer: Any  # $$

    def find(self, path: JsonPath) -> Any:
        return path.find(self.outer if path.outer else self.inner)


class _Field:
    """One field and the way to its value."""

    def __init__(self, name: str, settings: FieldSettings, to: FieldType) -> None:
        self._name: Final = name
        self._to: Final = to
        self._path: Final = None if settings.path is None else json_path(settings.path)
        self._time_of_day: Final = None if settings.time is None else json_path(settings.time)
        self._utc: Final = settings.unit == "utc"
        self._unit: Final[Ratio | None] = UNITS.get(to, {}).get(settings.unit or "")
        self._const: Final = None if settings.const is None else converted(settings.const, to)
        self._map: Final = {key: _given(value, to) for key, value in settings.map.items()}
        has_default = "default" in settings.model_fields_set
        self._default: Final = _given(settings.default, to) if has_default else ABSENT
        group, _, key = name.partition(".")
        self._into: Final = (group, key) if key else (None, name)

    def put(self, around: _Around, into: dict[str, Any]) -> None:
        """Put the value into a record, if there is one."""
        value = self._const if self._path is None else self._found(self._written(around, self._path))
        if value is ABSENT or (value is None and self._name != "error"):  # where null means no error
            return
        group, key = self._into
        if group is not None:
            into = into.setdefault(group, {})
        into[key] = value

    def _written(self, around: _Around, path: JsonPath) -> Any:
        value = around.find(path)
        if self._to is not FieldType.TIME or not isinstance(value, str):
            return value
        if self._time_of_day is not None:
            value = f"{value}T{around.find(self._time_of_day)}"
        return logged_time(value, utc=self._utc)

    def _found(self, value: Any) -> Any:
        if self._map:
            key = text_of(value)
            if key in self._map:
                return self._map[key]
        if value is ABSENT or value in _NOTHING:
            return self._default
        if self._map:
            if self._default is ABSENT:
                shown = text_of(value)
                what = "a list or an object" if shown is None else repr(shown[:40])
                raise RefusalError(
                    RejectReason.BAD_TYPE, f"{self._name}: {what} is not in its map; add it, or a default"
                )
            return self._default
        try:
            return converted(value, self._to, self._unit)
        except OverflowError as error:
            raise RefusalError(RejectReason.NOT_FINITE, f"{self._name}: {error}") from None
        except ValueError as error:
            raise RefusalError(RejectReason.BAD_TYPE, f"{self._name}: {error}") from None


def logged_time(text: str, *, utc: bool = False) -> str | float:
    """Return a time as logs write it in the form of docs/event.md; any other text as it is.

    Examples
    --------
    >>> logged_time("2026-01-31 08:00:00,250", utc=True), logged_time("2026-01-31T08:00:00+0000")
    ('2026-01-31T08:00:00.250Z', '2026-01-31T08:00:00+00:00')
    >>> logged_time("10/Oct/2025:13:55:36 -0700"), logged_time("2026-01-31 08:00:00")
    (1760129736.0, '2026-01-31 08:00:00')
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        epoch = clf_time(text)
        return text if epoch is None else epoch
    day, time, fraction, of_utc, hours, minutes = found.groups()
    if not (of_utc or hours or utc):
        return text
    return f"{day}T{time}{f'.{fraction}' if fraction else ''}{f'{hours}:{minutes}' if hours else 'Z'}"


def _given(value: Any, to: FieldType) -> Any:
    return None if value is None else converted(value, to)


class _Condition:
    """One condition, and the reason that it gives for the records that it skips."""

    def __init__(self, settings: ConditionSettings) -> None:
        self._path: Final = json_path(settings.path)
        self._keeps: Final = settings.then == "keep"
        self._exists: Final = settings.exists
        values = [settings.equals] if settings.equals is not None else settings.one_of or []
        self._values: Final = frozenset(text_of(value) for value in values)
        if settings.exists is not None:
            state = "is there" if settings.exists else "is not there"
        else:
            state = f"is {' or '.join(sorted(map(str, self._values))) or 'one of none'}"
        self.why: Final = f"{'not ' if self._keeps else ''}{settings.path} {state[:80]}"

    def skips(self, around: _Around) -> bool:
        value = around.find(self._path)
        if self._exists is not None:
            holds = (value is not ABSENT and value is not None) == self._exists
        else:
            holds = text_of(value) in self._values
        return holds is not self._keeps


class _Calls:
    """Table calls of a record."""

    def __init__(self, settings: CallsSettings) -> None:
        self._each: Final = None if settings.each is None else json_path(settings.each, every=True)
        self._written: Final = settings.each
        self._when: Final = [_Condition(condition) for condition in settings.when]
        self._fields: Final = [
            _Field(name, field, CALL_FIELDS[name]) for name, field in settings.fields.items()
        ]

    def of(self, around: _Around) -> Iterator[dict[str, Any]]:
        for found in self._calls(around):
            if any(condition.skips(found) for condition in self._when):
                continue
            call: dict[str, Any] = {}
            for field in self._fields:
                field.put(found, call)
            if call.get("name") is not None:
                yield call
            elif self._each is not None:  # one alone is there only if its table is
                raise RefusalError(RejectReason.BAD_TYPE, f"tables: a call of {self._written} has no name")

    def _calls(self, around: _Around) -> Iterator[_Around]:
        if self._each is None:
            yield around
            return
        try:
            found = self._each.items(around.inner)
        except KeyError:
            return  # a request without table calls
        except LookupError:
            raise RefusalError(
                RejectReason.BAD_TYPE, f"tables: each {self._written} finds no list; correct it"
            ) from None
        yield from (_Around(item, around.inner) for item in found)


class _Mapped:
    def __init__(self, settings: MappingSettings, *, strict: bool) -> None:
        self.name: Final = settings.name
        self._kind: Final = settings.kind
        self._each: Final = None if settings.each is None else json_path(settings.each, every=True)
        self._written: Final = settings.each
        self._when: Final = [_Condition(condition) for condition in settings.when]
        time = settings.fields["ts"].path
        self._is_object: Final = time is not None and isinstance(next(iter(json_path(time).steps), None), str)
        self._fields: Final = [
            _Field(name, field, to)
            for name, field in settings.fields.items()
            if (to := field_type(settings.kind, name)) is not None
        ]
        self._tables: Final = [_Calls(table) for table in settings.tables]
        self._marks: Final = [*_marks(settings), *(_marks_of_conditions(settings) if strict else ())]
        is_json = settings.lines == "json" and not settings.columns
        self._line: Final = None if is_json else line_reader(settings.columns)
        self._skips_comments: Final = bool(settings.columns)

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD].lstrip()
        if self._line is None:
            return head.startswith((b"{", b"[")) and all(mark in head for mark in self._marks)
        if self._skips_comments or not self._marks or head.startswith((b"{", b"[")):
            return False  # nothing in a line names its columns
        return all(mark.strip(b'"') + b"=" in head for mark in self._marks)

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        return Reading.of(
            self._document(document, around)
            if document.refusal is None
            else Reading(refused=[document.refusal.of(document.sent)])
            for document in documents(payload, self._line)
        )

    def _document(self, document: Document, around: Surroundings) -> Reading:
        reading, (sent, content, _) = Reading(), document
        if self._skips_comments and sent.startswith(COMMENT):
            reading.skipped["comment"] += 1
            return reading
        try:
            for count, item in enumerate(self._items(content)):
                if count == MOST_RECORDS:
                    raise RefusalError(
                        RejectReason.TOO_LARGE,
                        f"the payload has more than {MOST_RECORDS:,} records; send less at once",
                    )
                self._read(_Around(item, item if self._each is None else content), around, reading)
        except LookupError:
            refusal = RefusalError(RejectReason.BAD_TYPE, f"each {self._written} finds no list; correct it")
            reading.refused.append(refusal.of(sent))
        if not (reading.records or reading.refused or reading.skipped):
            reading.skipped["no records"] += 1
        return reading

    def _items(self, content: Any) -> Iterable[Any]:
        """Return the records of a document: it alone, or its items if it is a list that cannot be one."""
        if self._each is not None:
            return self._each.items(content)
        return content if isinstance(content, list) and self._is_object else [content]

    def _read(self, found: _Around, around: Surroundings, reading: Reading) -> None:
        try:
            why = self._why_skipped(found)
            if why is None:
                record = self._record(found, path_templates(around.templates))
                reading.records.append(validated(with_defaults(record, around)))
            else:
                reading.skipped[why] += 1
        except RefusalError as error:
            reading.refused.append(error.of(_sample(found.inner)))

    def _why_skipped(self, found: _Around) -> str | None:
        if not isinstance(found.inner, dict | list):
            raise RefusalError(RejectReason.NOT_OBJECT, "a record is neither an object nor a list")
        return next((condition.why for condition in self._when if condition.skips(found)), None)

    def _record(self, found: _Around, paths: PathTemplates) -> Record:
        built: dict[str, Any] = {} if self._kind == "request" else {"kind": self._kind}
        for field in self._fields:
            field.put(found, built)
        method, path, agent = (built.pop(name, None) for name in REQUEST_LINE)
        if agent is not None and " " not in agent:
            agent = unquote(agent)  # of columns that blanks divide
        client = None if "client" in built else client_of(agent)
        if path is not None and _OF_REQUEST_LINE in path and (line := request_line(path)) is not None:
            method, path = line
        route = built.get("route") or path
        if route is not None:
            named = method and route.startswith(_PATHS)
            built["route"] = f"{method_of(method)} {route}" if named else route
        if self._tables:
            calls = [call for table in self._tables for call in table.of(found)]
            if calls:
                built["tables"] = calls
        try:
            record: Record = msgspec.convert(built, _TYPES[self._kind])
        except msgspec.ValidationError as error:
            raise RefusalError(*problem_of_value(str(error), b"{}")) from None
        if isinstance(record, Event) and client is not None:
            record.client = client
        if isinstance(record, Event) and record.route is not None:
            record.route = named_route(record.route, paths, record.status)
        return record


def _sample(content: Any) -> bytes:
    return msgspec.json.encode(content)[:SAMPLE_BYTES]


def _marks(settings: MappingSettings) -> list[bytes]:
    """Return the quoted names in every payload of a mapping: those on the way to its times."""
    paths = [json_path(settings.each, every=True)] if settings.each is not None else []
    time = settings.fields["ts"]
    if time.path is not None:
        paths.append(json_path(time.path))
    return [msgspec.json.encode(step) for path in paths for step in path.steps if isinstance(step, str)]


def _marks_of_conditions(settings: MappingSettings) -> Iterator[bytes]:
    """Yield the quoted names on the way to what the records that are kept must have, and its value."""
    for condition in settings.when:
        for step in json_path(condition.path).steps:
            if isinstance(step, str):
                yield msgspec.json.encode(step)
        if condition.equals is not None:
            yield msgspec.json.encode(condition.equals)


def mapped(settings: MappingSettings, *, strict: bool = False) -> Format:
    """Return the format of a mapping; ``strict`` recognises only payloads with all that it asks for."""
    return _Mapped(settings, strict=strict)
