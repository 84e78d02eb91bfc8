"""Pieces of JSON for the names of spans and resources, made by the plain reader once for each.

The scanner (``scan_message.py``) knows names as bytes; it copies the piece that was made of them.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from streams.engine.decode.event import Event, TableCall
from streams.engine.decode.operations import READS, WRITES, kind_of
from streams.ingest.formats.access_logs.routes import path_templates
from streams.ingest.formats.format import (
    SHARED_NAMES,
    RefusalError,
    Surroundings,
    to_json_line,
    with_defaults,
)
from streams.ingest.formats.otlp.attributes import LONGEST, RESOURCE, Attributes, Value
from streams.ingest.formats.otlp.database import is_database, table_calls
from streams.ingest.formats.otlp.origin import Origin, origin_of, origin_with_defaults
from streams.ingest.formats.otlp.proto_message import attributes_of
from streams.ingest.formats.otlp.request import request_of
from streams.ingest.formats.otlp.scan import span_memory as memory
from streams.ingest.formats.otlp.scan.scan_keys import (
    COLD,
    FAILED,
    IDENTIFIED_FROM,
    IS_COLD,
    MESSAGE,
    NAME,
    NAMES,
    NUMBER_MASK,
    RAISED,
    RAISED_MESSAGE,
    RAISED_TYPE,
    TABLE_NAMES,
)
from streams.ingest.formats.otlp.scan.scan_message import COMPLETE, IDENTIFIED_BITS, INCOMPLETE
from streams.ingest.formats.otlp.scan.scan_span import CALL_MEANS_NO_TABLE, CALL_MEANS_NOTHING, CALL_MEANS_ONE
from streams.ingest.formats.otlp.span import CLIENT, EARLIEST_NS, SERVER, OtlpSpan, Raised

_WORD: Final = 8
_CAPACITY: Final = "aws.dynamodb.consumed_capacity"


class NamePiece(NamedTuple):
    """A piece of JSON and its meaning, as in ``span_memory.py``."""

    text: bytes = b""
    means: int = memory.UNUSUAL
    says: int = 0
    says_more: int = 0
    named: int = 0
    short: int = 0  # bytes of the text that calls have too


UNUSUAL: Final = NamePiece()


class SpanNames:
    """Makes pieces of names under the configuration of a source."""

    def __init__(self, around: Surroundings) -> None:
        self._around: Final = around
        self._paths: Final = path_templates(around.templates)
        self._origins: Final[dict[Origin, int]] = {}
        self._resources: Final[dict[int, Attributes]] = {}  # by the number of their piece
        self._pieces: Final[dict[int, Callable[[int, int, bytes], NamePiece]]] = {
            memory.OF_RESOURCE: self._resource,
            memory.OF_SCOPE: self._scope,
            memory.OF_ORIGIN: self._origin,
            memory.OF_CALL: self._call,
            memory.OF_REQUEST: self._request,
            memory.OF_CLIENT: self._client,
        }

    def piece(self, kind: int, number: int, owner: int, name: bytes) -> NamePiece:
        """Return the piece of a name that the scanner noted; it gets this number."""
        try:
            return self._pieces[kind](number, owner, name)
        except (RefusalError, DecodeError, UnicodeDecodeError):
            return UNUSUAL

    def _resource(self, number: int, _: int, name: bytes) -> NamePiece:
        attributes = attributes_of(Resource.FromString(name).attributes, RESOURCE)
        self._resources[number] = attributes
        origin = origin_of(attributes)
        complete = origin.function is not None and origin.account is not None
        return self._piece_of(origin, COMPLETE if complete else INCOMPLETE)

    def _origin(self, _: int, owner: int, name: bytes) -> NamePiece:
        mask = (owner & ((1 << IDENTIFIED_BITS) - 1)) << IDENTIFIED_FROM
        attributes = _attributes(mask, name)
        if attributes is None:
            return UNUSUAL
        return self._piece_of(origin_of(self._resources[owner >> IDENTIFIED_BITS], attributes), COMPLETE)

    def _piece_of(self, found: Origin, means: int) -> NamePiece:
        origin = origin_with_defaults(found, self._around)
        names = {name: getattr(origin, name) for name in SHARED_NAMES}
        short = _members(to_json_line(with_defaults(Event(**names), self._around)))
        whole = short + _members(to_json_line(Event(memory_mb=origin.memory_mb)))
        number = self._origins.setdefault(origin, len(self._origins))
        named = origin.function is not None or origin.service is not None
        return NamePiece(whole, means, number, origin.function is not None, named, len(short))

    @staticmethod
    def _scope(_: int, __: int, name: bytes) -> NamePiece:
        InstrumentationScope.FromString(name)
        return NamePiece(means=COMPLETE)

    @staticmethod
    def _call(_: int, owner: int, name: bytes) -> NamePiece:
        span = _span(CLIENT, owner, name)
        if span is None:
            return UNUSUAL
        if not is_database(span):
            return NamePiece(means=CALL_MEANS_NOTHING)
        found = table_calls(span)
        if not found:
            return NamePiece(means=CALL_MEANS_NO_TABLE)
        if len(found) != 1 or found[0].rcu is not None or found[0].wcu is not None:
            return UNUSUAL
        call = found[0]
        kind = kind_of(call.op)
        return NamePiece(
            _without_brace(call), CALL_MEANS_ONE, kind, _has_capacity(span, call, kind),
        )  # fmt: skip

    def _request(self, _: int, owner: int, name: bytes) -> NamePiece:
        span = _span(SERVER, owner, name)
        if span is None:
            return UNUSUAL
        found = request_of(span, Origin(), None, self._paths)
        found.ts = found.id = found.joins = found.trace = None
        return NamePiece(_members(to_json_line(found)), COMPLETE, found.route is not None)

    def _client(self, _: int, owner: int, name: bytes) -> NamePiece:
        span = _span(SERVER, owner, name)
        if span is None:
            return UNUSUAL
        client = request_of(span, Origin(), None, self._paths).client
        return NamePiece(_members(to_json_line(Event(client=client))), COMPLETE)


def _members(record: bytes) -> bytes:
    """Return the members of an object, to stand behind others.

    Examples
    --------
    >>> _members(b'{"route":"GET /"}'), _members(b"{}")
    (b',"route":"GET /"', b'')
    """
    return b"," + record[1:-1] if len(record) > len("{}") else b""


def _without_brace(call: TableCall) -> bytes:
    known = TableCall(name=call.name, op=call.op, throttled=call.throttled)
    return _members(to_json_line(Event(tables=(known,))))[len(',"tables":[') : -len("}]")]


def _has_capacity(span: OtlpSpan, call: TableCall, kind: int) -> bool:
    """Return whether the capacity of a call is read, as the scanner would read it."""
    names = span.attributes.get(NAMES[TABLE_NAMES])
    if not isinstance(names, list) or len(names) != 1:
        return False
    for member, read, written in (
        ("CapacityUnits", kind == READS, kind == WRITES),
        ("ReadCapacityUnits", True, False),
        ("WriteCapacityUnits", False, True),
    ):
        item = f'{{"TableName": {_quoted(names[0])}, "{member}": 2.5}}'
        span.attributes = {**span.attributes, _CAPACITY: [item]}
        expected = TableCall(
            call.name, call.op, None, 2.5 if read else None, 2.5 if written else None, call.throttled
        )
        if table_calls(span) != [expected]:
            return False
    return True


def _quoted(text: str) -> str:
    return '"' + text + '"'  # a text that needs an escape makes it unreadable, so it has no capacity


def _span(kind: int, owner: int, name: bytes) -> OtlpSpan | None:
    """Return a span of these names, and nothing else; None if one of them is blank."""
    attributes = _attributes(owner & ~int(FAILED | RAISED | IS_COLD), name)
    if attributes is None:
        return None
    found = dict(attributes)
    message, called = str(found.pop(_MESSAGE, "")), str(found.pop(_NAME, ""))
    raised = Raised(str(found.pop(NAMES[RAISED_TYPE], "")), str(found.pop(NAMES[RAISED_MESSAGE], "")))
    if (owner >> COLD) & 1:
        found[NAMES[COLD]] = bool(owner & IS_COLD)
    return OtlpSpan(
        "1" * 32, "1" * 16, "", "", called, kind, EARLIEST_NS, 0, bool(owner & FAILED), message, found,
        raised if owner & RAISED else None,
    )  # fmt: skip


_MESSAGE, _NAME = "the status's message", "the span's name"
_ALL_NAMES: Final = {**dict(enumerate(NAMES)), MESSAGE: _MESSAGE, NAME: _NAME}


def _attributes(mask: int, name: bytes) -> Attributes | None:
    """Return the values that ``scan_span.py`` wrote one after the other; None if a text of them is blank."""
    found: dict[str, Value] = {}
    at = 0
    for bit, key in _ALL_NAMES.items():
        if not (int(mask) >> bit) & 1 or bit == COLD:
            continue
        number = int.from_bytes(name[at : at + _WORD], "little", signed=True)
        at += _WORD
        if (NUMBER_MASK >> bit) & 1:
            found[key] = number
            continue
        text = name[at : at + number].decode()
        at += number
        if not text[:LONGEST].strip():
            return None
        found[key] = [text] if bit == TABLE_NAMES else text
    return found
