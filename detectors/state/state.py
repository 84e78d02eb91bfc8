"""State as bytes: versioned, checksummed, no pickle.

Whatever owns state declares it (``declared.py``), and ``pack`` makes each part. Only parts whose bytes
changed are written again, so finished data belongs in parts of its own.

To change the layout of a part, raise its version and give ``unpack`` a migration from the version before:
state is brought up as it is read, part by part, in memory. Nothing on disk changes until the next checkpoint,
which is written whole or not at all. So a part may keep an old version for weeks, and every migration stays.

``FORMAT`` is the number of all state together. It guards what has no version of its own, such as a row of the
outbox or a table, and makes a downgrade end before it reads anything.
"""

import zlib
from collections.abc import Callable, Mapping
from importlib.metadata import version as installed_version
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

MAGIC = b"UNE1"
T = TypeVar("T")

Arrays = dict[str, np.ndarray[Any, Any]]
Migration = Callable[[Any, Arrays], tuple[Any, Arrays]]
"""From the plain meta value (lists, dicts, numbers, text) and arrays of a version to those of the next."""

Older = Mapping[int, Migration]
"""Migrations by the version that they start from."""

NONE_OLDER: Final[Older] = MappingProxyType({})


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


def tail(
    part: bytes, kind: str, version: int, meta: type[T], older: Older = NONE_OLDER
) -> tuple[T, memoryview]:
    """Decode a part of a single array of bytes as ``unpack`` does; return these bytes without a copy."""
    read = _read(part, kind, version, older)
    if read.version < version:
        plain, arrays = _brought_up(read, version, older)
        (array,) = arrays.values()
        return _typed(msgspec.msgpack.encode(plain), read, meta), _bytes_of(array)
    (held,) = read.arrays.values()
    return _typed(read.meta, read, meta), held.data


def unpack(
    part: bytes, kind: str, version: int, meta: type[T], older: Older = NONE_OLDER
) -> tuple[T, Arrays]:
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


FORMAT: Final = 3
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
