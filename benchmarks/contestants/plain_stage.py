"""The driver of ours restricted to what all peers can do: count, sum and maximum by function and window."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from benchmarks.contestants.plain_scan import WORK_BYTES, add_up, scan_plain
from benchmarks.harness.totals import WINDOW
from detectors.state.state import pack
from streams.drivers.kafka.stage import Emission, Stage
from streams.engine.decode.records import Records
from streams.engine.decode.scan.machine_words import BEHIND
from streams.engine.decode.scan.name_table import NameTable
from streams.ingest.batch_consumer.chunk import Chunk

FUNCTIONS = 4096
ROWS = 4096  # records scanned at once


class Ms(msgspec.Struct, gc=False):
    total: float


class Request(msgspec.Struct, gc=False):
    """The fields that the aggregation needs."""

    ts: float
    service: str
    function: str
    ms: Ms


class PlainStage(Stage):
    """The totals of one partition. What the scanner does not know yet goes through a plain decoder."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], int] = {}
        self._table = NameTable(2, FUNCTIONS)
        self._numbers, self._work = np.zeros(ROWS, np.int64), np.zeros(WORK_BYTES // 8, np.int64)
        self._ts, self._totals = np.zeros(ROWS), np.zeros(ROWS)
        self._first = self._used = 0  # the first window, and how many there are
        self._cells = np.zeros((0, FUNCTIONS, 3))
        self._decode = msgspec.json.Decoder(Request).decode

    def feed(self, chunk: Chunk) -> list[Emission]:
        records = Records.of(chunk.values)
        for at in range(0, len(records), ROWS):
            self._take(records[at : at + ROWS])
        return []

    def _take(self, records: Records) -> None:
        n = len(records)
        padded = records.buffer
        if records.ends[-1] + BEHIND > len(padded):
            padded += bytes(BEHIND)
        buffer = np.frombuffer(padded, np.uint8)
        starts, ends = records.starts + buffer.ctypes.data, records.ends + buffer.ctypes.data
        places = starts, ends, None, self._numbers, self._ts, self._totals, self._work
        io = np.array([self._table.address if place is None else place.ctypes.data for place in places])
        scan_plain(io.ctypes.data, n)
        numbers, ts, totals = self._numbers[:n], self._ts[:n], self._totals[:n]
        for row in np.flatnonzero(numbers < 0).tolist():
            request = self._decode(records[row])
            name = request.service, request.function
            numbers[row] = self._names.setdefault(name, len(self._names))
            ts[row], totals[row] = request.ts, request.ms.total
            self._table.add(name, int(numbers[row]))
        windows = (ts // WINDOW).astype(np.int64)
        self._make_room(int(windows.min()), int(windows.max()))
        add_up(numbers, windows, totals, self._first, self._cells)

    def _make_room(self, low: int, high: int) -> None:
        """Have cells for these windows; there is room for more, so that not every new window copies all."""
        if not self._used:
            self._first = low
        before = max(0, self._first - low)
        used = max(before + self._used, high - min(low, self._first) + 1)
        if before or used > len(self._cells):
            known = len(self._names)
            cells = np.zeros((max(16, 2 * used), FUNCTIONS, 3))
            cells[before : before + self._used, :known] = self._cells[: self._used, :known]
            self._cells = cells
            self._first -= before
        self._used = used

    def rows(self) -> list[list[Any]]:
        """Return the rows of ``Totals.rows``."""
        return [
            [*name, (self._first + window) * WINDOW, *cell.tolist()]
            for name, number in self._names.items()
            for window, cell in enumerate(self._cells[:, number])
            if cell[0]
        ]

    def snapshot(self) -> dict[str, bytes]:
        cells = self._cells[: self._used, : len(self._names)]
        return {"cells": pack("plain", 1, [*self._names, self._first], {"cells": cells})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        raise NotImplementedError(f"a contest goes on from nothing, not from {sorted(parts)}")
