"""The Python side of the scanner of spans: its memory, and the names that it has learnt."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bytes
from streams.engine.decode.records import Records
from streams.engine.decode.scan.machine_words import BEHIND
from streams.engine.decode.scan.name_table import NameTable
from streams.ingest.formats.format import MOST_RECORDS, Surroundings
from streams.ingest.formats.otlp.scan import span_memory as memory
from streams.ingest.formats.otlp.scan.scan_keys import key_table
from streams.ingest.formats.otlp.scan.scan_message import RESOURCE_TEXTS, scan
from streams.ingest.formats.otlp.scan.span_names import SpanNames
from streams.ingest.formats.otlp.spans import INSIDE, NO_DATABASE, NO_TABLE, PRODUCED

_TEXTS: Final = {memory.OF_RESOURCE: RESOURCE_TEXTS}  # others have one
_TABLES: Final = {
    memory.RESOURCE_NAMES: memory.OF_RESOURCE, memory.SCOPE_NAMES: memory.OF_SCOPE,
    memory.ORIGIN_NAMES: memory.OF_ORIGIN, memory.CALL_NAMES: memory.OF_CALL,
    memory.REQUEST_NAMES: memory.OF_REQUEST, memory.CLIENT_NAMES: memory.OF_CLIENT,
}  # fmt: skip
_SKIPPED: Final = {
    NO_TABLE: memory.NO_TABLE, PRODUCED: memory.PRODUCED,
    INSIDE: memory.INSIDE, NO_DATABASE: memory.NO_DATABASE,
}  # fmt: skip

MOST_PIECES: Final = 16_384
"""Names that are remembered; beyond it, all are forgotten."""

_ROWS: Final = 512  # spans for which there is room at first
_OUT: Final = 1 << 18
_MISSES: Final = 1 << 17
_PAGE: Final = 4096
_SCANS: Final = 8  # of one message, until all its names are known


class LeftSpans(NamedTuple):
    """Spans of one resource that are left to the plain reader."""

    resource: bytes
    rows: Sequence[int]  # of each span, its number in the message
    spans: Sequence[bytes]
    identified: bytes | None  # the first span that names the function, wherever it was


class Scanned(NamedTuple):
    """The lines of a message, and the spans that were left."""

    lines: Records
    skipped: Counter[str]
    left: list[LeftSpans]
    rows: list[int]  # of each line, its span in the message; empty if nothing is left


class SpanScanner:
    """Scans messages of one source."""

    def __init__(self, around: Surroundings) -> None:
        self._around: Final = around
        self._io: Final = np.zeros(memory.IO_WORDS, np.int64)
        self._io_at: Final = self._io.ctypes.data
        self._arrays: Final[dict[int, NDArray[Any]]] = {}
        table, factor = key_table()
        self._hold(memory.KEYS, table)
        self._io.view(np.uint64)[memory.KEYS_FACTOR // 8] = factor
        self._set(memory.SEED, int.from_bytes(os.urandom(7), "little"))
        self._set(memory.TEMPLATED, int(bool(around.templates)))
        digits = [int.from_bytes(f"{byte:02x}".encode(), "little") for byte in range(256)]
        self._hold(memory.HEX, np.array(digits, np.int64))
        self._hold(memory.WORK, np.zeros(memory.WORK_BYTES, np.uint8))
        self._hold(memory.MISSES, np.zeros(_MISSES, np.uint8))
        self._set(memory.MISSES_ROOM, _MISSES - 64)
        self._make_rows(_ROWS)
        self._make_out(_OUT)
        self._forget()

    def _set(self, place: int, value: int) -> None:
        self._io[place // 8] = value

    def _get(self, place: int) -> int:
        return int(self._io[place // 8])

    def _hold(self, place: int, array: NDArray[Any]) -> None:
        self._arrays[place] = array
        self._set(place, array.ctypes.data)

    def _make_rows(self, rows: int) -> None:
        self._hold(memory.ROWS, np.zeros((rows, memory.ROW_BYTES // 8), np.int64))
        self._set(memory.ROWS_ROOM, rows)
        self._hold(memory.RESOURCES, np.zeros((rows, memory.RESOURCE_BYTES // 8), np.int64))
        self._set(memory.RESOURCES_ROOM, rows)
        self._hold(memory.TRACES, np.zeros((rows, memory.TRACE_BYTES // 8), np.int64))
        self._hold(memory.LINE_ROWS, np.zeros(rows, np.int64))
        for slots in (memory.SPAN_SLOTS, memory.TRACE_SLOTS):
            self._hold(slots, np.zeros(4 * rows, np.int32))

    def _make_out(self, size: int) -> None:
        self._hold(memory.OUT, np.zeros(size, np.uint8))
        self._set(memory.OUT_ROOM, size - 64)

    def _forget(self) -> None:
        self._names = SpanNames(self._around)
        self._tables = {kind: NameTable(_TEXTS.get(kind, 1), MOST_PIECES) for kind in _TABLES.values()}
        for place, kind in _TABLES.items():
            self._set(place, self._tables[kind].address)
        self._count = 0
        self._texts: list[Bytes] = []
        self._hold(memory.PIECES, np.zeros((64, memory.PIECE_WORDS), np.int64))

    def scan(self, payload: bytes) -> Scanned | None:
        """Return a scanned message, None if it is left to the plain reader."""
        array = np.frombuffer(payload, np.uint8)
        at = array.ctypes.data
        if (at + len(payload) - 1) // _PAGE != (at + len(payload) + BEHIND) // _PAGE:
            array = np.zeros(len(payload) + BEHIND, np.uint8)  # the next page may not exist
            array[: len(payload)] = np.frombuffer(payload, np.uint8)
            at = array.ctypes.data
        self._set(memory.PAYLOAD, at)
        self._set(memory.PAYLOAD_END, at + len(payload))
        tries = 1
        while (ended := scan(self._io_at, tries < _SCANS)) != memory.DONE:
            if ended == memory.DECLINED:
                return None
            if ended == memory.LEARN and self._count >= MOST_PIECES:
                self._forget()
                tries = 1
            elif ended == memory.LEARN:
                self._learn()
                tries += 1
            elif ended == memory.MORE_OUT:
                self._make_out(2 * len(self._arrays[memory.OUT]))
            elif self._get(memory.ROWS_ROOM) > MOST_RECORDS:
                return None
            else:
                self._make_rows(4 * self._get(memory.ROWS_ROOM))
        return self._scanned(payload, at)

    def _scanned(self, payload: bytes, at: int) -> Scanned:
        length = self._get(memory.OUT_LENGTH)
        out = self._arrays[memory.OUT][: length - 1].tobytes() if length else b""
        lines = Records.of_stored(out) if length else Records.of([])
        skipped = Counter({why: found for why, place in _SKIPPED.items() if (found := self._get(place))})
        left = self._left(payload, at) if self._get(memory.LEFT_COUNT) else []
        rows = self._arrays[memory.LINE_ROWS][: len(lines)].tolist() if left else []
        return Scanned(lines, skipped, left, rows)

    def _left(self, payload: bytes, at: int) -> list[LeftSpans]:
        rows = self._arrays[memory.ROWS]
        left = np.flatnonzero(rows[: self._get(memory.ROW_COUNT), memory.LEFT // 8])
        found = []
        for resource in self._arrays[memory.RESOURCES][: self._get(memory.RESOURCE_COUNT)].tolist():
            first, last = resource[memory.FIRST_ROW // 8], resource[memory.LAST_ROW // 8]
            begin, end = np.searchsorted(left, [first, last]).tolist()
            if begin == end:
                continue
            text = resource[memory.TEXT // 8] - at
            identified = resource[memory.IDENTIFIED_ROW // 8]

            def bytes_of(row: int) -> bytes:
                return payload[rows[row, memory.BEGIN // 8] - at : rows[row, memory.END // 8] - at]

            found.append(
                LeftSpans(
                    payload[text : text + resource[memory.TEXT_LENGTH // 8]],
                    left[begin:end].tolist(),
                    [bytes_of(row) for row in left[begin:end].tolist()],
                    None if identified < 0 else bytes_of(identified),
                )
            )
        return found

    def _learn(self) -> None:
        noted = self._arrays[memory.MISSES]
        used, place = self._get(memory.MISSES_LENGTH), 0
        seen = set()
        while place < used:
            kind, owner, length = noted[place : place + memory.MISS_HEAD].view(np.int64).tolist()
            place += memory.MISS_HEAD
            name = noted[place : place + length].tobytes()
            place += length
            if (kind, owner, name) not in seen:
                seen.add((kind, owner, name))
                self._add(kind, owner, name)

    def _add(self, kind: int, owner: int, name: bytes) -> None:
        if self._count >= MOST_PIECES:
            return
        number = self._count
        self._count += 1
        piece = self._names.piece(kind, number, owner, name)
        pieces = self._arrays[memory.PIECES]
        if number >= len(pieces):
            pieces = np.concatenate([pieces, np.zeros_like(pieces)])
            self._hold(memory.PIECES, pieces)
        text = np.frombuffer(piece.text + bytes(BEHIND), np.uint8)
        self._texts.append(text)
        pieces[number] = (text.ctypes.data, len(piece.text), *piece[1:])
        divided = [name[part * memory.MOST_NAME :][: memory.MOST_NAME] for part in range(_TEXTS.get(kind, 1))]
        self._tables[kind].add(divided, number, owner)
