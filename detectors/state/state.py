"""State as bytes: versioned, checksummed, no pickle.

Whatever owns state has ``snapshot() -> dict[str, bytes]`` and ``restore(parts)``; ``pack`` makes a part. Only
parts whose bytes changed are written again, so finished data belongs in parts of its own.
"""

import zlib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

MAGIC = b"UNE1"
T = TypeVar("T")


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

    Parameters
    ----------
    kind, version
        Kind of part and version of its layout; ``unpack`` refuses any other.
    meta
        Anything that msgspec encodes.
    arrays
        Numeric numpy arrays by name.

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


def tail(part: bytes, kind: str, version: int, meta: type[T]) -> tuple[T, memoryview]:
    """Decode a part of a single array of bytes; return its meta value and these bytes, not copied.

    Raises
    ------
    StateError
        As ``unpack`` does.
    """
    read = _read(part, kind, version)
    (held,) = read.arrays.values()
    return msgspec.msgpack.decode(read.meta, type=meta), held.data


def unpack(part: bytes, kind: str, version: int, meta: type[T]) -> tuple[T, dict[str, np.ndarray[Any, Any]]]:
    """Decode one part into its meta value and its (writable) arrays.

    Raises
    ------
    StateError
        When the checksum does not match, or kind or version differ.
    """
    read = _read(part, kind, version)
    arrays = {
        name: np.frombuffer(bytearray(held.data), np.dtype(held.dtype)).reshape(held.shape)
        for name, held in read.arrays.items()
    }
    try:
        return msgspec.msgpack.decode(read.meta, type=meta), arrays
    except msgspec.MsgspecError as error:
        raise StateError(f"the state part {kind!r} version {version} is not readable ({error})") from error


def why(error: Exception) -> str:
    """Return in a few words why a snapshot could not be restored.

    Examples
    --------
    >>> why(KeyError("rollup"))
    "the part 'rollup' is missing"
    """
    return f"the part {error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)


def _read(part: bytes, kind: str, version: int) -> _Part:
    body = memoryview(part)[8:]
    if part[:4] != MAGIC or zlib.crc32(body) != int.from_bytes(part[4:8], "big"):
        raise StateError(f"the state part {kind!r} is damaged: its checksum does not match")
    try:
        read = _DECODER.decode(body)
    except msgspec.MsgspecError as error:
        raise StateError(f"the state part {kind!r} was written by another version ({error})") from error
    if (read.kind, read.version) != (kind, version):
        raise StateError(
            f"the state part is {read.kind!r} version {read.version}, "
            f"this version of uneri reads {kind!r} version {version}"
        )
    return read
