"""Avro: the bytes of one record become JSON by the schema that its writer used."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from io import BytesIO
from typing import Any, Final, NamedTuple

import msgspec

from streams.engine.decode.event import MAX_BYTES
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import RefusalError
from streams.process.extras import need

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
_NESTED: Final = ("array", "map")
_MOST_PER_BYTE: Final = 8
_MOST_FREE: Final = 10_000
_DEEPEST: Final = 100  # the reader is compiled: far deeper, it would overflow the stack
_LONGEST_DECIMAL: Final = 1024  # bytes: the time that Python takes grows with their square
_WHOLE: Final = "UneriWhole"


class UnreadableSchemaError(ValueError):
    """A schema is damaged, or records of it could take unbounded work."""


class AvroSchema:
    """A schema of Avro.

    Parameters
    ----------
    text
        The schema as JSON, as a registry has it.
    references
        The schemas that it refers to, each after those that it refers to itself.

    Raises
    ------
    MissingExtraError
        When fastavro is not installed.
    UnreadableSchemaError
        When it is no schema, names itself (a record could be nested without end), nests too deeply, or lets a
        few bytes hold very many values: lists of what takes no bytes, or records of many such fields.
    """

    def __init__(self, text: str, references: Sequence[str] = ()) -> None:
        need("fastavro", "reading Avro")
        import fastavro
        from fastavro.schema import SchemaParseException

        named: dict[str, Any] = {}
        checked = _Checked()
        try:
            for reference in references:
                plain = msgspec.json.decode(reference)
                checked.cost(plain)
                fastavro.parse_schema(plain, named_schemas=named)
            plain = msgspec.json.decode(text)
            # a record of one field is as long as that field, and keeps the references of a union
            whole = {"type": "record", "name": _WHOLE, "fields": [{"name": _WHOLE, "type": plain}]}
            checked.cost(whole)
            self._schema: Final = fastavro.parse_schema(whole, named_schemas=named)
        except UnreadableSchemaError:
            raise
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            SchemaParseException,
        ) as error:
            raise UnreadableSchemaError(f"no schema of Avro: {error!r:.200}") from None
        _bound_decimals()
        self._read: Final = fastavro.schemaless_reader

    def as_json(self, body: bytes) -> bytes:
        """Return a record as JSON: times as RFC 3339, decimals as numbers, bytes as base64.

        Raises
        ------
        RefusalError
            When it is no record of this schema.
        """
        if len(body) > MAX_BYTES:
            raise RefusalError(RejectReason.TOO_LARGE, f"{len(body)} bytes; at most {MAX_BYTES} are accepted")
        stream = BytesIO(body)
        try:
            record: Any = self._read(stream, self._schema, None)
            found = _ENCODER.encode(record[_WHOLE])
        except Exception as error:  # noqa: BLE001 - the reader has no errors of its own: damaged bytes raise any
            raise RefusalError(RejectReason.DAMAGED, f"not a record of its schema: {error!r:.200}") from None
        if stream.tell() != len(body):
            raise RefusalError(RejectReason.DAMAGED, "more bytes than a record of its schema has")
        return found


@cache
def _bound_decimals() -> None:
    from fastavro.read import LOGICAL_READERS

    def bounded(read: Callable[..., Any]) -> Callable[..., Any]:
        def read_bounded(data: bytes, *schemas: Any) -> Any:
            if len(data) > _LONGEST_DECIMAL:
                raise ValueError(f"a decimal of more than {_LONGEST_DECIMAL} bytes")
            return read(data, *schemas)

        return read_bounded

    for name in ("bytes-decimal", "fixed-decimal"):
        LOGICAL_READERS[name] = bounded(LOGICAL_READERS[name])


class _Cost(NamedTuple):
    """The work to read a value of a type, at worst."""

    values: int  # that are read, less ``_MOST_PER_BYTE`` for each byte that they take
    depth: int = 1

    def inside(self, values: int) -> "_Cost":
        """Return the cost of a value that is around this one and costs ``values``."""
        if self.depth >= _DEEPEST:
            raise UnreadableSchemaError(f"its types are more than {_DEEPEST} deep")
        if values > _MOST_FREE:
            raise UnreadableSchemaError("a value without bytes would hold far too many others")
        return _Cost(values, self.depth + 1)


_NOTHING: Final = _Cost(1)  # null
_BYTE: Final = _Cost(1 - _MOST_PER_BYTE)  # a byte, or more


def _worst(costs: Iterable[_Cost]) -> _Cost:
    values, depths = zip(_BYTE, *costs, strict=True)
    return _Cost(max(values), max(depths))


class _Checked:
    """A walk through a schema that finds what could take unbounded work."""

    def __init__(self) -> None:
        self._open: set[str] = set()  # names of the types around the present one
        self._known = {"null": _NOTHING}  # by name of those seen

    def cost(self, schema: object) -> _Cost:
        """Return the cost of a schema."""
        if isinstance(schema, str):
            return self._of_name(schema)
        if isinstance(schema, Sequence):  # a union begins with the number of its branch
            branch = _worst(self.cost(branch) for branch in schema)
            return branch.inside(_BYTE.values + branch.values)
        if not isinstance(schema, Mapping):
            raise UnreadableSchemaError("a type that is neither a name, an object nor a list")
        kind = schema.get("type")
        if kind in _NESTED:
            item = self.cost(schema.get("items" if kind == "array" else "values"))
            if item.values > (0 if kind == "array" else -_BYTE.values):  # a key of a map takes a byte
                raise UnreadableSchemaError("a list of what takes next to no bytes")
            return item.inside(_BYTE.values)
        if kind in ("record", "error"):
            return self._of_record(schema)
        if kind in ("fixed", "enum"):
            size = 1 if kind == "enum" else schema["size"]
            return self._named(schema, _Cost(1 - _MOST_PER_BYTE * size))
        return self.cost(kind)

    def _of_name(self, name: str) -> _Cost:
        short = name.rpartition(".")[2]
        if short in self._open:
            raise UnreadableSchemaError(f"the type {short} names itself")
        return self._known.get(short, _BYTE)

    def _of_record(self, schema: Mapping[str, Any]) -> _Cost:
        name = _name(schema)
        if name in self._open:
            raise UnreadableSchemaError(f"two types around each other are named {name}")
        self._open.add(name)
        fields = [self.cost(field["type"]) for field in schema["fields"]]
        self._open.discard(name)
        return self._named(schema, _worst(fields).inside(1 + sum(field.values for field in fields)))

    def _named(self, schema: Mapping[str, Any], cost: _Cost) -> _Cost:
        self._known[_name(schema)] = _worst([self._of_name(_name(schema)), cost])
        return cost


def _name(schema: Mapping[str, Any]) -> str:
    """Return the name of a type without its namespace: of two alike, either is checked as both."""
    return str(schema.get("name")).rpartition(".")[2]
