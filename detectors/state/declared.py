"""State that its owner declares: which attributes have it, and under which names of parts.

Whatever owns state is ``Stateful``: it lists in ``STATE`` what it holds (``Held``) and which of its
attributes own state themselves (``Owned``). ``RowState`` declares arrays over series. An owner whose parts
have another form than its attributes writes ``snapshot`` and ``restore`` by hand.
"""

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from detectors.state.state import NONE_OLDER, Arrays, Older, StateError, pack, unpack

NO_ARRAYS: Final[Mapping[str, Any]] = MappingProxyType({})
T = TypeVar("T")


def other_settings(kind: str, what: str = "settings") -> StateError:
    """Return the error of a part that does not fit."""
    return StateError(
        f"the state part {kind!r} was written with other {what}: "
        "start with a new state, or go back to the old settings"
    )


class StatePart(Generic[T]):
    """A declared part of state: its name, the type of its value, its version.

    Examples
    --------
    >>> counts = StatePart("counts", dict[str, int])
    >>> counts.unpack(counts.pack({"a": 2})), counts.unpack({}, {})
    ({'a': 2}, {})
    """

    def __init__(
        self, name: str, of: type[T], version: int = 1, older: Older = NONE_OLDER, *, kind: str = ""
    ) -> None:
        self.name, self.kind, self.version = name, kind or name, version
        self.of, self._older = of, older

    def pack(self, value: T, arrays: Mapping[str, NDArray[Any]] = NO_ARRAYS) -> dict[str, bytes]:
        """Return the part under its name."""
        return {self.name: pack(self.kind, self.version, value, arrays)}

    def unpack(self, parts: Mapping[str, bytes], otherwise: T | None = None) -> T:
        """Return the value of the part; ``otherwise`` if it is missing, without which it must be there."""
        if otherwise is not None and self.name not in parts:
            return otherwise
        return self.read(parts)[0]

    def read(self, parts: Mapping[str, bytes]) -> tuple[T, Arrays]:
        """Return the value of the part, which must be there, and its arrays."""
        return unpack(parts[self.name], self.kind, self.version, self.of, self._older)


class Owner(Protocol):
    """Whatever owns state, declared or written by hand."""

    def snapshot(self) -> dict[str, bytes]:
        """Return the state in parts; an unchanged one may be the same object as before."""

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot, or from one of an earlier version, which may lack parts."""


class Held:
    """Attributes that are a part: one is its value, several are the fields of a struct or tuple, in order.

    Parameters
    ----------
    arrays
        Attributes that are arrays of the part.
    later
        Snapshots of earlier versions have no such part; the attributes stay as they began.
    if_any
        Only something is written: none of it is no part.
    """

    def __init__(
        self,
        part: StatePart[Any],
        *attributes: str,
        arrays: Sequence[str] = (),
        later: bool = False,
        if_any: bool = False,
    ) -> None:
        self._part = part
        self._attributes, self._arrays = attributes, arrays
        self._may_lack, self._if_any = later or if_any, if_any
        self._is_struct = isinstance(part.of, type) and issubclass(part.of, msgspec.Struct)

    def snapshot(self, owner: object) -> dict[str, bytes]:
        """Return the part of an owner."""
        values = [getattr(owner, name) for name in self._attributes]
        if self._if_any and not any(values):
            return {}
        value = values[0] if len(values) == 1 else tuple(values)
        if self._is_struct and len(values) > 1:
            value = self._part.of(*values)
        return self._part.pack(value, {_kept_as(name): getattr(owner, name) for name in self._arrays})

    def restore(self, owner: object, parts: Mapping[str, bytes]) -> None:
        """Set the attributes of an owner."""
        if self._may_lack and self._part.name not in parts:
            return
        value, arrays = self._part.read(parts)
        if len(self._attributes) == 1:
            value = (value,)
        elif self._is_struct:
            value = msgspec.structs.astuple(value)
        for name, of in zip(self._attributes, value, strict=True):
            setattr(owner, name, of)
        for name in self._arrays:
            setattr(owner, name, arrays[_kept_as(name)])


def _kept_as(attribute: str) -> str:
    """Return the name that an attribute has within a part."""
    return attribute.lstrip("_")


class Owned:
    """An attribute that owns state, if it is not None; the names of its parts begin with ``prefix``.

    With ``{}`` in the prefix, the attribute is a mapping or sequence of owners: their keys or places are put
    there.
    """

    def __init__(self, attribute: str, prefix: str = "") -> None:
        self._get = attrgetter(attribute)
        self._prefix = prefix

    def snapshot(self, owner: object) -> dict[str, bytes]:
        """Return the parts of the attribute of an owner."""
        return {
            f"{prefix}{name}": part
            for prefix, owned in self._owners(owner)
            for name, part in owned.snapshot().items()
        }

    def restore(self, owner: object, parts: Mapping[str, bytes]) -> None:
        """Restore the attribute of an owner."""
        for prefix, owned in self._owners(owner):
            owned.restore(under(prefix, parts) if prefix else parts)

    def _owners(self, owner: object) -> Iterator[tuple[str, Owner]]:
        found = self._get(owner)
        if "{}" not in self._prefix:
            if found is not None:
                yield self._prefix, found
            return
        for key, owned in found.items() if isinstance(found, Mapping) else enumerate(found):
            yield self._prefix.format(key), owned


class Stateful:
    """An owner of declared state."""

    STATE: ClassVar[Sequence[Held | Owned]] = ()
    """Its parts, in the order in which they are restored."""

    def snapshot(self) -> dict[str, bytes]:
        """Return the state in parts; an unchanged one may be the same object as before."""
        return {name: part for declared in self.STATE for name, part in declared.snapshot(self).items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot, or from one of an earlier version, which may lack parts.

        Raises
        ------
        StateError, KeyError
            When a part is damaged, of another version, or missing.
        """
        for declared in self.STATE:
            declared.restore(self, parts)
        self.derive()

    def derive(self) -> None:
        """Set what follows from a state that was restored; by default, nothing does."""


def under(prefix: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the parts whose names begin so, under the rest of their names.

    Examples
    --------
    >>> under("a|", {"a|b": b"1", "ab|c": b"2"})
    {'b': b'1'}
    """
    return {name.removeprefix(prefix): body for name, body in parts.items() if name.startswith(prefix)}


class Field(NamedTuple):
    """One array of shape ``(*lead, rows)``; new columns start with ``fill``."""

    fill: float = 0.0
    lead: tuple[int, ...] = ()
    dtype: DTypeLike = np.float64
    later: bool = False


def field(
    fill: float = 0.0, dtype: DTypeLike = np.float64, lead: tuple[int, ...] = (), *, later: bool = False
) -> Any:
    """Declare an array of a ``RowState``; the annotation beside it is its type.

    An array that came ``later`` is absent in older snapshots of the same version, and starts with ``fill``.
    """
    return Field(fill, lead, dtype, later)


class RowState(Stateful):
    """Arrays whose last axis runs over the series.

    A subclass declares its arrays with ``field``, and passes those whose shape depends on settings to
    ``__init__``. ``NUMBERS`` are the attributes that are not per series, and ``SETTINGS`` those that must be
    as they were when the state was written. They are one part with the arrays, so that a snapshot is complete
    by construction.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1
    OLDER: ClassVar[Older] = {}
    NUMBERS: ClassVar[Sequence[str]] = ()
    SETTINGS: ClassVar[Sequence[str]] = ()

    def __init__(self, fields: Mapping[str, Field] | None = None) -> None:
        self.rows = 0
        members = vars(type(self)).items()
        declared = {name: member for name, member in members if isinstance(member, Field)}
        self._fields = {**declared, **(fields or {})}
        for name, field in self._fields.items():
            setattr(self, name, np.full((*field.lead, 0), field.fill, field.dtype))

    def add(self, count: int) -> Self:
        """Append ``count`` empty columns."""
        self.rows += count
        for name, field in self._fields.items():
            new = np.full((*field.lead, count), field.fill, field.dtype)
            setattr(self, name, np.concatenate([getattr(self, name), new], axis=-1))
        return self

    def snapshot(self) -> dict[str, bytes]:
        """Return the arrays and numbers as one part, and what else is declared."""
        numbers = {_kept_as(name): getattr(self, name) for name in (*self.NUMBERS, *self.SETTINGS)}
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in self._fields}
        return {self.KIND: pack(self.KIND, self.VERSION, numbers, arrays), **super().snapshot()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot after ``add`` of as many series.

        ``StateError`` if it is damaged, of another version, or of another shape than the settings require.
        """
        numbers, arrays = unpack(parts[self.KIND], self.KIND, self.VERSION, dict[str, int], self.OLDER)
        for name, field in self._fields.items():
            array, shape = arrays.get(name), (*field.lead, self.rows)
            if array is None and field.later:
                array = np.full(shape, field.fill, field.dtype)
            if array is None or array.shape != shape:
                raise other_settings(self.KIND, "settings or series")
            setattr(self, name, array.astype(field.dtype, copy=False))  # earlier versions took more bytes
        if any(numbers[_kept_as(name)] != getattr(self, name) for name in self.SETTINGS):
            raise other_settings(self.KIND)
        for name in self.NUMBERS:
            setattr(self, name, numbers[_kept_as(name)])
        super().restore(parts)
