"""State as bytes: versioned, checksummed, no pickle.

A stage that owns state offers ``snapshot() -> dict[str, bytes]`` and ``restore(parts)``. A part is what
``pack`` returns. Parts whose bytes did not change are not written again, so a stage cuts its state such
that what is finished stays in parts that stay as they are.
"""

import zlib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

MAGIC = b"UNE1"
T = TypeVar("T")


class StateError(ValueError):
    """A part is damaged, or was written by another version of the code."""


class _Array(msgspec.Struct, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Part(msgspec.Struct, array_like=True):
    kind: str
    version: int
    meta: bytes
    arrays: dict[str, _Array]


def pack(kind: str, version: int, meta: object, arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Encode one part.

    Parameters
    ----------
    kind, version
        What the part is and the version of its layout; ``unpack`` refuses any other.
    meta
        Anything msgspec encodes.
    arrays
        Numeric numpy arrays by name.

    Examples
    --------
    >>> part = pack("demo", 1, {"n": 2}, {"x": np.arange(2)})
    >>> unpack(part, "demo", 1, dict[str, int])[0]
    {'n': 2}
    """
    held = {
        name: _Array(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())
        for name, array in arrays.items()
    }
    body = msgspec.msgpack.encode(_Part(kind, version, msgspec.msgpack.encode(meta), held))
    return MAGIC + zlib.crc32(body).to_bytes(4, "big") + body


def unpack(part: bytes, kind: str, version: int, meta: type[T]) -> tuple[T, dict[str, np.ndarray[Any, Any]]]:
    """Decode one part into its meta value and its (writable) arrays.

    Raises
    ------
    StateError
        When the checksum does not fit, or kind or version are not those asked for.
    """
    if part[:4] != MAGIC or zlib.crc32(part[8:]) != int.from_bytes(part[4:8], "big"):
        raise StateError(f"the state part {kind!r} is damaged: its checksum does not fit")
    try:
        read = msgspec.msgpack.decode(part[8:], type=_Part)
    except msgspec.MsgspecError as error:
        raise StateError(f"the state part {kind!r} is of another version ({error})") from error
    if (read.kind, read.version) != (kind, version):
        raise StateError(
            f"the state part is {read.kind!r} version {read.version}, "
            f"this version of uneri reads {kind!r} version {version}"
        )
    arrays = {
        name: np.frombuffer(bytearray(held.data), np.dtype(held.dtype)).reshape(held.shape)
        for name, held in read.arrays.items()
    }
    try:
        return msgspec.msgpack.decode(read.meta, type=meta), arrays
    except msgspec.MsgspecError as error:
        raise StateError(f"the state part {kind!r} version {version} does not read ({error})") from error


def said(error: Exception) -> str:
    """Say in a few words why a snapshot could not be restored.

    Examples
    --------
    >>> said(KeyError("rollup"))
    "it has no part 'rollup'"
    """
    return f"it has no part {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
