"""Encodes a block: versioned and checksummed; equal blocks give equal bytes."""

from operator import attrgetter
from typing import Final

import msgspec
import numpy as np

from detectors.model.measures import SUMMED
from detectors.model.request_example import RequestExample
from detectors.model.stated import LevelName, StatedChange, StatedLevel
from detectors.state.state import pack, unpack
from streams.decode.paths import Call, Path
from streams.decode.values import COLUMNS, Value
from streams.rollup.block import Block
from streams.rollup.narrow import columns_of, narrowed, narrowed_columns

KIND = "block"
VERSION = 6


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


_FIELDS: Final = attrgetter(*_Meta.__struct_fields__)


def encode_block(block: Block) -> bytes:
    """Return the block as bytes."""
    meta = _Meta(*_FIELDS(block))
    arrays = {
        **narrowed_columns("sums", block.sums),
        **({"gb_seconds": block.gb_seconds} if block.gb_seconds.any() else {}),
        "amounts": block.amounts,
        "cells": narrowed(block.cells),
        "counts": narrowed(block.counts),
    }
    return pack(KIND, VERSION, meta, arrays)


def decode_block(body: bytes) -> Block:
    """Return the block that ``encode_block`` wrote.

    Raises
    ------
    detectors.state.state.StateError
        When the bytes are damaged or of another version.
    """
    meta, arrays = unpack(body, KIND, VERSION, _Meta)
    return Block(
        **msgspec.structs.asdict(meta),
        sums=columns_of("sums", arrays, len(meta.paths) + len(meta.calls), len(SUMMED)),
        gb_seconds=arrays.get("gb_seconds", np.zeros((len(meta.paths) + len(meta.calls), COLUMNS))),
        amounts=arrays["amounts"],
        cells=arrays["cells"].astype(np.int64),
        counts=arrays["counts"].astype(np.float64),
    )
