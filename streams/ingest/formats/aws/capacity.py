"""Capacity that a call of DynamoDB consumed: ``ConsumedCapacity``, as an SDK or a span has it."""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from streams.engine.decode.event import LARGEST
from streams.engine.decode.operations import READS, WRITES, kind_of

_SHORT: Final = 256
"""Characters of an item that is remembered: most calls of a table consume as much as others."""
_MOST_REMEMBERED: Final = 4096


class ConsumedPart(msgspec.Struct, gc=False, rename="pascal"):
    """Units that the table itself, or one of its indexes, consumed."""

    capacity_units: float | str | None = None
    read_capacity_units: float | str | None = None
    write_capacity_units: float | str | None = None


class ConsumedCapacity(msgspec.Struct, gc=False, rename="pascal"):
    """Units that one table consumed with its indexes: the top figure is the whole and includes the parts."""

    table_name: str | None = None
    capacity_units: float | str | None = None
    read_capacity_units: float | str | None = None
    write_capacity_units: float | str | None = None
    table: ConsumedPart | None = None
    global_secondary_indexes: dict[str, ConsumedPart | None] | None = None
    local_secondary_indexes: dict[str, ConsumedPart | None] | None = None


class Consumed(NamedTuple):
    """Units that a call consumed of one table; None where they are not known."""

    rcu: float | None = None
    wcu: float | None = None

    def plus(self, other: "Consumed") -> "Consumed":
        """Return the sum with another call's."""
        return Consumed(_sum((self.rcu, other.rcu)), _sum((self.wcu, other.wcu)))


NOTHING: Final = Consumed()


_ITEM: Final = msgspec.json.Decoder(ConsumedCapacity | list[ConsumedCapacity] | None)


def consumed_by(items: Iterable[bytes | str], op: str | None) -> dict[str | None, Consumed]:
    """Return the units consumed by table name; under None those that name no table.

    ``items`` are JSON texts of ConsumedCapacity, or of a list of it; those that cannot be read are ignored.
    The operation decides whether plain ``CapacityUnits`` were read or written; if it may do either, they
    stay unknown.

    Examples
    --------
    >>> consumed_by(['{"TableName": "items", "CapacityUnits": 2.5, "Table": {}}'], "PutItem")
    {'items': Consumed(rcu=None, wcu=2.5)}
    >>> consumed_by(['{"TableName": "items", "ReadCapacityUnits": 3}'], "ExecuteTransaction")
    {'items': Consumed(rcu=3.0, wcu=None)}
    """
    found: dict[str | None, Consumed] = {}
    for item in items:
        for name, units in _remembered(item, op) if len(item) <= _SHORT else _decoded(item, op):
            found[name] = found[name].plus(units) if name in found else units
    return found


def _decoded(item: bytes | str, op: str | None) -> tuple[tuple[str | None, Consumed], ...]:
    try:
        read = _ITEM.decode(item)
    except (ValueError, RecursionError):
        return ()
    return tuple(
        (table_name(table.table_name) if table.table_name else None, consumed(table, op))
        for table in (read if isinstance(read, list) else [read] if read else ())
    )


_remembered: Final = lru_cache(_MOST_REMEMBERED)(_decoded)


def consumed(capacity: ConsumedCapacity, op: str | None) -> Consumed:
    """Return the units of one ConsumedCapacity.

    Examples
    --------
    >>> index = {"by-guild": ConsumedPart(2.0)}
    >>> consumed(ConsumedCapacity(table=ConsumedPart(0.5), global_secondary_indexes=index), "Query")
    Consumed(rcu=2.5, wcu=None)
    """
    read, written = _units(capacity.read_capacity_units), _units(capacity.write_capacity_units)
    if read is not None or written is not None:
        return Consumed(read, written)
    whole = _units(capacity.capacity_units)
    if whole is None:
        parts = [
            part
            for part in (
                capacity.table,
                *(capacity.global_secondary_indexes or {}).values(),
                *(capacity.local_secondary_indexes or {}).values(),
            )
            if part
        ]
        read = _sum(_units(part.read_capacity_units) for part in parts)
        written = _sum(_units(part.write_capacity_units) for part in parts)
        if read is not None or written is not None:
            return Consumed(read, written)
        whole = _sum(_units(part.capacity_units) for part in parts)
    kind = kind_of(op)
    return Consumed(whole if kind == READS else None, whole if kind == WRITES else None)


def _units(value: float | str | None) -> float | None:
    if value is None:
        return None
    try:
        units = float(value)
    except ValueError:
        return None
    return units if math.isfinite(units) and 0 <= units <= LARGEST else None


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return min(sum(known), LARGEST) if known else None


def table_name(text: str) -> str:
    """Return the name of a table from its name or its ARN; an index belongs to its table.

    Examples
    --------
    >>> table_name("items"), table_name("arn:aws:dynamodb:eu-west-1:123456789012:table/items/index/by-guild")
    ('items', 'items')
    """
    name = text.strip()
    if name.startswith("arn:"):
        return name.partition(":table/")[2].partition("/")[0] or name
    return name
