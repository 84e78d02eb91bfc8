"""State as bytes: versioned, checksummed, no pickle.

Whatever owns state has ``snapshot() -> dict[str, bytes]`` and ``restore(parts)``. ``StatePart`` declares a
part of one value, ``RowState`` one of arrays, and ``pack`` makes any other. Only parts whose bytes changed
are written again, so finished data belongs in parts of its own.

To change the layout of a part, raise its version and give ``unpack`` a migration from the version before:
state is brought up as it is read, part by part, in memory. Nothing on disk changes until the next checkpoint,
which is written whole or not at all. So a part may keep an old version for weeks, and every migration stays.

``FORMAT`` is the number of all state together. It guards what has no version of its own, such as a row of the
outbox or a table, and makes a downgrade end before it reads anything.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version as installed_version
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

MAGIC = b"UNE1"
T = TypeVar("T")

Arrays = dict[str, np.ndarray[Any, Any]]
Migration = Callable[[Any, Arrays], tuple[Any, Arrays]]
"""From the plain meta value (lists, dicts, numbers, text) and arrays of a version to those of the next."""

Older = Mapping[int, Migration]
"""Migrations by the version that they start from."""

_NONE: Final[Older] = MappingProxyType({})


class StateError(ValueError):
    """A part is damaged or was written by another version."""


class _Array(msgspec.Struct, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: memoryview


class _Part(msgspec.Struct, array_like=True):
    kind: str
    version: int
    meta: bytes
    arrays: dict[str, _Array]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Part)


def pack(kind: str, version: int, meta: object, arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Encode one part.

    ``unpack`` refuses any other kind and version. ``meta`` is anything that msgspec encodes.

    Examples
    --------
    >>> part = pack("demo", 1, {"n": 2}, {"x": np.arange(2)})
    >>> unpack(part, "demo", 1, dict[str, int])[0]
    {'n': 2}
    """
    held = {name: _Array(array.dtype.str, array.shape, _bytes_of(array)) for name, array in arrays.items()}
    part = bytearray(8)
    _ENCODER.encode_into(_Part(kind, version, msgspec.msgpack.encode(meta), held), part, 8)
    part[:8] = MAGIC + zlib.crc32(memoryview(part)[8:]).to_bytes(4, "big")
    return bytes(part)


def _bytes_of(array: np.ndarray[Any, Any]) -> memoryview:
    """Return the bytes of an array without a copy: state may be large."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def tail(part: bytes, kind: str, version: int, meta: type[T], older: Older = _NONE) -> tuple[T, memoryview]:
    """Decode a part of a single array of bytes as ``unpack`` does; return these bytes without a copy."""
    read = _read(part, kind, version, older)
    if read.version < version:
        plain, arrays = _brought_up(read, version, older)
        (array,) = arrays.values()
        return _typed(msgspec.msgpack.encode(plain), read, meta), _bytes_of(array)
    (held,) = read.arrays.values()
    return _typed(read.meta, read, meta), held.data


def unpack(part: bytes, kind: str, version: int, meta: type[T], older: Older = _NONE) -> tuple[T, Arrays]:
    """Decode one part into its meta value and its (writable) arrays.

    ``older`` brings a part of an earlier version up, one version at a time.

    Raises
    ------
    StateError
        When the checksum does not match, the kind differs, or the version is a later one, or an earlier one
        without a migration.

    Examples
    --------
    >>> part = pack("demo", 1, 7, {"x": np.arange(2)})
    >>> older = {1: lambda meta, arrays: ({"n": meta}, arrays)}
    >>> unpack(part, "demo", 2, dict[str, int], older)[0]
    {'n': 7}
    """
    read = _read(part, kind, version, older)
    if read.version < version:
        plain, arrays = _brought_up(read, version, older)
        return _typed(msgspec.msgpack.encode(plain), read, meta), arrays
    return _typed(read.meta, read, meta), _arrays_of(read)


def _arrays_of(read: _Part) -> Arrays:
    return {
        name: np.frombuffer(bytearray(held.data), np.dtype(held.dtype)).reshape(held.shape)
        for name, held in read.arrays.items()
    }


def _brought_up(read: _Part, version: int, older: Older) -> tuple[Any, Arrays]:
    plain, arrays = msgspec.msgpack.decode(read.meta), _arrays_of(read)
    for number in range(read.version, version):
        plain, arrays = older[number](plain, arrays)
    return plain, arrays


def _typed(body: bytes, read: _Part, meta: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(body, type=meta)
    except msgspec.MsgspecError as error:
        raise StateError(
            f"the state part {read.kind!r} version {read.version} is not readable ({error})"
        ) from error


def why(error: Exception) -> str:
    """Return the short reason why a snapshot could not be restored.

    Examples
    --------
    >>> why(KeyError("rollup"))
    "the part 'rollup' is missing"
    """
    return f"the part {error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)


def _read(part: bytes, kind: str, version: int, older: Older) -> _Part:
    body = memoryview(part)[8:]
    if part[:4] != MAGIC or zlib.crc32(body) != int.from_bytes(part[4:8], "big"):
        raise StateError(f"the state part {kind!r} is damaged: its checksum does not match")
    try:
        read = _DECODER.decode(body)
    except msgspec.MsgspecError as error:
        raise StateError(f"the state part {kind!r} was written by another version ({error})") from error
    known = read.version <= version and all(number in older for number in range(read.version, version))
    if read.kind != kind or not known:
        raise StateError(
            f"the state part is {read.kind!r} version {read.version}, "
            f"this version of uneri reads {kind!r} version {version}"
        )
    return read


class StatePart(Generic[T]):
    """A declared part of state without arrays: its name, the type of its value, its version.

    Examples
    --------
    >>> counts = StatePart("counts", dict[str, int])
    >>> counts.unpack(counts.pack({"a": 2})), counts.unpack({}, {})
    ({'a': 2}, {})
    """

    def __init__(self, name: str, of: type[T], version: int = 1, older: Older = _NONE) -> None:
        self.name, self.version = name, version
        self._of, self._older = of, older

    def pack(self, value: T) -> dict[str, bytes]:
        """Return the part under its name."""
        return {self.name: pack(self.name, self.version, value, {})}

    def unpack(self, parts: Mapping[str, bytes], otherwise: T | None = None) -> T:
        """Return the value of the part; ``otherwise`` if it is missing, without which it must be there."""
        if otherwise is not None and self.name not in parts:
            return otherwise
        return unpack(parts[self.name], self.name, self.version, self._of, self._older)[0]


class Stateful(Protocol):
    """Whatever owns state."""

    def snapshot(self) -> dict[str, bytes]:
        """Return the state in parts."""

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot, or from one of an earlier version, which may lack parts."""


def snapshot_all(owners: Iterable[Stateful]) -> dict[str, bytes]:
    """Return the parts of all owners, whose names differ."""
    return {name: part for owner in owners for name, part in owner.snapshot().items()}


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


class RowState:
    """Arrays whose last axis runs over the series.

    A subclass declares its arrays with ``field``, and passes those whose shape depends on settings to
    ``__init__``. All its state is in these arrays and in ``meta``, so that a snapshot is complete by
    construction.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1
    OLDER: ClassVar[Older] = {}

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

    def meta(self) -> dict[str, int]:
        """Return state that is not per series."""
        return {}

    def load_meta(self, meta: Mapping[str, int]) -> None:
        """Restore the result of ``meta``."""

    def snapshot(self) -> bytes:
        """Return the whole state as one part."""
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in self._fields}
        return pack(self.KIND, self.VERSION, self.meta(), arrays)

    def restore(self, part: bytes, rows: int) -> None:
        """Restore a part with ``rows`` series.

        ``StateError`` if it is damaged, of another version, or of another shape than the settings require.
        """
        meta, arrays = unpack(part, self.KIND, self.VERSION, dict[str, int], self.OLDER)
        for name, field in self._fields.items():
            array = arrays.get(name)
            if array is None and field.later:
                array = np.full((*field.lead, rows), field.fill, field.dtype)
            if array is None or array.shape != (*field.lead, rows):
                raise StateError(
                    f"the state part {self.KIND!r} was written with other settings or series: "
                    "start with a new state, or go back to the old settings"
                )
            setattr(self, name, array.astype(field.dtype, copy=False))  # earlier versions took more bytes
        self.rows = rows
        self.load_meta(meta)


FORMAT: Final = 2
"""Raise it with every change of an encoding that an earlier version would not read, or would read wrongly."""


class Writer(msgspec.Struct, frozen=True, array_like=True):
    """The writer of a state."""

    format: int = FORMAT
    version: str = ""  # of uneri, empty if unknown


def this_writer() -> Writer:
    """Return the writer that this process puts into a state."""
    return Writer(FORMAT, installed_version("uneri"))


class NewerStateError(StateError):
    """The state was written by a later version; the message has the remedy."""


def refuse_newer(writer: Writer, what: str) -> None:
    """Refuse state of a later format.

    Raises
    ------
    NewerStateError
        When ``writer`` has one.

    Examples
    --------
    >>> refuse_newer(Writer(FORMAT, "0.2.0"), "the state")
    """
    if writer.format > FORMAT:
        wrote, own = writer.version or "a later version", this_writer().version
        raise NewerStateError(
            f"{what} was written by uneri {wrote} (format {writer.format}), and this is uneri {own} (format "
            f"{FORMAT}): start uneri {wrote}, or restore a backup from before the upgrade (docs/upgrades.md)"
        )
