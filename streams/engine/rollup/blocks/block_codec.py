"""Encodes a block: versioned and checksummed; equal blocks give equal bytes."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.measures import SUMMED
from detectors.model.request_example import RequestExample
from detectors.model.stated import LevelName, StatedChange, StatedLevel
from detectors.state.state import pack, unpack
from streams.engine.decode.paths import Call, Path
from streams.engine.decode.values import COLUMNS, Value
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_names import (
    CallColumn,
    DictionaryColumn,
    PathColumn,
    call_columns,
    path_columns,
)
from streams.engine.rollup.blocks.packing import (
    columns_of,
    narrowed,
    packed_cells,
    packed_table,
    unpacked_cells,
    unpacked_table,
)

KIND = "block"
VERSION = 7

FEW: Final = 16
"""Up to so many rows are written name by name: what names share costs more to find than it saves."""

Arrays = dict[str, NDArray[Any]]

_OLDER: Final = {6: lambda meta, arrays: (meta, arrays)}  # has all names in full, and wide arrays


class _Meta(msgspec.Struct, array_like=True):
    source: str
    shard: int
    shards: int
    sequence: int
    bucket: int
    width: int
    watermark: int
    records: int
    idle: bool
    late: int
    paths: list[Path]
    calls: list[Call]
    tags: list[tuple[int, str, str, float]]
    values: list[Value]
    by_clock: bool = False
    levels: list[tuple[LevelName, StatedLevel]] = []
    changes: list[StatedChange] = []
    examples: list[RequestExample] = []
    early: bool = False
    # of blocks with many rows, in place of ``paths`` and ``calls``: the texts of each field, the last that of
    # tables, which the arrays under ``names`` number; the array ``callers`` has the path of each call
    texts: list[list[str]] = []
    sizes: tuple[int, int] = (0, 0)  # paths and calls
    corrects: bool = False
    read: int | None = None
    ends: dict[str, int] = {}


_FIELDS: Final = attrgetter(*_Meta.__struct_fields__[: _Meta.__struct_fields__.index("texts")])
_PATHS: Final = _Meta.__struct_fields__.index("paths")


def encode_block(block: Block) -> bytes:
    """Return the block as bytes."""
    fields = list(_FIELDS(block))
    paths, calls = len(block.paths), len(block.calls)
    arrays: Arrays = {}
    texts: list[list[str]] = []
    if paths + calls > FEW:
        fields[_PATHS : _PATHS + 2] = [], []
        callers, tables = call_columns(block.calls)
        for number, field in enumerate((*path_columns(block.paths), tables)):
            texts.append(field.texts)
            if len(field.texts) > 1:
                arrays[f"names/{number}"] = _below(field.codes, len(field.texts))
        arrays["callers"] = _below(callers, paths)
    else:
        fields[_PATHS : _PATHS + 2] = list(block.paths), list(block.calls)
    if len(block.sums):
        arrays["table"] = packed_table(block.sums)
    if block.gb_seconds.any():
        arrays["billed"] = packed_table(block.gb_seconds)
    if len(block.values):
        arrays["amounts"] = block.amounts
    packed = packed_cells(block.cells, block.counts)
    if packed is None:
        arrays["cells"], arrays["counts"] = narrowed(block.cells), narrowed(block.counts)
    elif len(packed):
        arrays["times"] = packed
    fields += [texts, (paths, calls), block.corrects, block.read, block.ends]
    meta = _Meta(*fields)
    return pack(KIND, VERSION, meta, arrays)


def _below(codes: NDArray[Any], bound: int) -> NDArray[Any]:
    """Return numbers below a bound in the narrowest type for that bound."""
    return codes.astype(np.uint8 if bound <= 1 << 8 else np.uint16 if bound <= 1 << 16 else np.uint32)


def decode_block(body: bytes) -> Block:
    """Return the block that ``encode_block`` wrote, in this version or the one before.

    Raises
    ------
    detectors.state.state.StateError
        When the bytes are damaged or of another version.
    """
    meta, arrays = unpack(body, KIND, VERSION, _Meta, _OLDER)
    fields = msgspec.structs.asdict(meta)
    texts, sizes = fields.pop("texts"), fields.pop("sizes")
    if texts:
        fields["paths"], fields["calls"] = _names(texts, sizes, arrays)
    rows = len(fields["paths"]) + len(fields["calls"])
    if "table" in arrays:
        sums = unpacked_table(arrays["table"], rows, len(SUMMED))
    else:
        sums = columns_of("sums", arrays, rows, len(SUMMED))
    if "billed" in arrays:
        gb_seconds = unpacked_table(arrays["billed"], rows, COLUMNS)
    else:
        gb_seconds = arrays.get("gb_seconds", np.zeros((rows, COLUMNS)))
    if "cells" in arrays:
        cells, counts = arrays["cells"].astype(np.int64), arrays["counts"].astype(np.float64)
    else:
        cells, counts = unpacked_cells(arrays.get("times", np.zeros(0, np.uint8)))
    return Block(
        **fields,
        sums=sums,
        gb_seconds=gb_seconds,
        amounts=arrays.get("amounts", np.zeros((0, COLUMNS))),
        cells=cells,
        counts=counts,
    )


def _names(
    texts: list[list[str]], sizes: tuple[int, int], arrays: Arrays
) -> tuple[Sequence[Path], Sequence[Call]]:
    """Return the paths and calls of a block with many rows."""
    lengths = [sizes[0]] * (len(texts) - 1) + [sizes[1]]
    fields = [
        DictionaryColumn(listed, arrays[f"names/{number}"] if len(listed) > 1 else np.broadcast_to(0, length))
        for number, (listed, length) in enumerate(zip(texts, lengths, strict=True))
    ]
    return PathColumn(fields[:-1]), CallColumn(arrays["callers"], fields[-1])
