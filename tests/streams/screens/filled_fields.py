"""The fields of described types that an answer fills: what no test has shown may be described wrongly."""

from collections.abc import Mapping
from typing import Any


def lacked(found: object, root: str, types: Mapping[str, Any]) -> set[str]:
    """Return the fields, ``Type.field``, that an answer has at no place where it has their type.

    ``types`` has the JSON schemas by name, ``root`` is that of the answer.
    """
    fields = _fields(found, {"$ref": root}, types)
    return {name for name, filled in fields if not filled} - {name for name, filled in fields if filled}


def _fields(found: object, schema: Mapping[str, Any], types: Mapping[str, Any]) -> set[tuple[str, bool]]:
    if "anyOf" in schema:
        return set().union(*(_fields(found, choice, types) for choice in schema["anyOf"]))
    if isinstance(found, list):
        return set().union(*(_fields(entry, schema.get("items", {}), types) for entry in found))
    name = schema.get("$ref", "").rpartition("/")[2]
    if not isinstance(found, dict) or not name:
        return set()
    described = types[name].get("properties", {})
    own = {(f"{name}.{field}", found.get(field) not in (None, [], {}, "")) for field in described}
    return own.union(*(_fields(found.get(field), inner, types) for field, inner in described.items()))
