"""Avro: the bytes of one record become JSON by the schema that its writer used."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import msgspec

from streams.engine.decode.event import MAX_BYTES
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import RefusalError
from streams.process.extras import need

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
_NESTED: Final = ("array", "map")
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
        When it is no schema, names itself (a record could be nested without end), or has lists of what takes
        no bytes (a record of ten bytes could hold any number of them).
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
                fastavro.parse_schema(plain, named_schemas=named)
                checked.takes_bytes(plain)
            plain = msgspec.json.decode(text)
            checked.takes_bytes(plain)
            # a record of one field is as long as that field, and keeps the references of a union
            whole = {"type": "record", "name": _WHOLE, "fields": [{"name": _WHOLE, "type": plain}]}
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
            raise UnreadableSchemaError(f"no schema of Avro: {error!r}") from None
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
            raise RefusalError(RejectReason.DAMAGED, f"not a record of its schema: {error!r}") from None
        if stream.tell() != len(body):
            raise RefusalError(RejectReason.DAMAGED, "more bytes than a record of its schema has")
        return found


class _Checked:
    """A walk through a schema that finds lists and types that could take unbounded work."""

    def __init__(self) -> None:
        self._open: set[str] = set()  # names of the types around the present one
        self._known: dict[str, bool] = {}  # by name of those seen: whether a value takes a byte

    def takes_bytes(self, schema: object) -> bool:
        """Return whether every value of a schema takes at least a byte."""
        if isinstance(schema, str):
            return self._of_name(schema)
        if isinstance(schema, Sequence):  # a union begins with the number of its branch
            for branch in schema:
                self.takes_bytes(branch)
            return True
        if not isinstance(schema, Mapping):
            raise UnreadableSchemaError("a type that is neither a name, an object nor a list")
        kind = schema.get("type")
        if kind in _NESTED:
            if not self.takes_bytes(schema.get("items" if kind == "array" else "values")) and kind == "array":
                raise UnreadableSchemaError("a list of what takes no bytes")
            return True
        if kind in {"record", "error"}:
            return self._of_record(schema)
        if kind in {"fixed", "enum"}:
            self._known[_name(schema)] = takes = kind == "enum" or schema.get("size") != 0
            return takes
        return self.takes_bytes(kind)

    def _of_name(self, name: str) -> bool:
        short = name.rpartition(".")[2]
        if short in self._open:
            raise UnreadableSchemaError(f"the type {short} names itself")
        return self._known.get(short, short != "null")

    def _of_record(self, schema: Mapping[str, Any]) -> bool:
        name = _name(schema)
        if name in self._open:
            raise UnreadableSchemaError(f"two types around each other are named {name}")
        self._open.add(name)
        takes = [self.takes_bytes(field["type"]) for field in schema["fields"]]
        self._open.discard(name)
        self._known[name] = any(takes)
        return any(takes)


def _name(schema: Mapping[str, Any]) -> str:
    """Return the name of a type without its namespace: of two alike, either is checked as both."""
    return str(schema.get("name")).rpartition(".")[2]
