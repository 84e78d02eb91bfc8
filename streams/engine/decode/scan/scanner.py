"""The Python side of the compiled scanner: the arrays that it writes, and the names that it knows."""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from config.settings import RollupSettings
from detectors.model.array_types import Bools, Floats
from streams.engine.decode.cells import LAYERS
from streams.engine.decode.columns import (
    ERROR_TYPE,
    FAILURE,
    THROTTLE,
    UNNAMED,
    Columns,
    Tag,
    failure_text,
)
from streams.engine.decode.event import Event
from streams.engine.decode.hashing import JOINS
from streams.engine.decode.operations import MOST_NAMES
from streams.engine.decode.paths import cut
from streams.engine.decode.records import Records
from streams.engine.decode.scan.machine_words import BEHIND
from streams.engine.decode.scan.name_table import NO_TABLE, NameTable
from streams.engine.decode.scan.scan import scan
from streams.engine.decode.scan.scan_memory import (
    INPUTS,
    OF_CALL,
    OF_ERROR,
    OF_FAILURE,
    OUTPUTS,
    PATH_TEXTS,
    STATUS_UNIT,
    WORK_BYTES,
)

ROWS: Final = 4096
"""Records scanned at once, few enough for their columns to stay in the processor's cache."""

_ROOM: Final = 8 * ROWS  # table calls, and values, of these; a record beyond it is left to the plain decoder
_TEXT_ROOM: Final = 4 * ROWS

_EVENT: Final = {
    "ts": np.float64, "weight": np.float64, "key": np.uint64, "path": np.int64, "error": np.int8,
    "cold": np.bool_, "throttled": np.bool_, "busy": np.float64,
}  # fmt: skip
_OF_CALL: Final = {
    "call_event": np.int64, "call": np.int64, "call_weight": np.float64, "call_kind": np.int8,
    "call_bin": np.int16, "call_rcu": np.float64, "call_wcu": np.float64, "call_throttled": np.bool_,
}  # fmt: skip
_OF_VALUE: Final = {"value_event": np.int64, "value_key": np.int64, "value": np.float64}
_OF_TEXT: Final = {"text_row": np.int64, "text_of": np.int64, "text_at": np.int64, "text_length": np.int64}


class Scanner:
    """Scans the records of one source partition; without ``bounds``, those of any, and knows no names."""

    def __init__(self, bounds: RollupSettings | None = None) -> None:
        self._bounds = bounds
        self._arrays: dict[str, NDArray[Any]] = {
            "read": np.zeros(ROWS, np.bool_),
            **{name: np.zeros(ROWS, kind) for name, kind in _EVENT.items()},
            "bins": np.zeros((ROWS, LAYERS), np.int16),
            "joins": np.zeros((ROWS, JOINS), np.uint64),
            **{name: np.zeros(_ROOM, kind) for name, kind in {**_OF_CALL, **_OF_VALUE}.items()},
            **{name: np.zeros(_TEXT_ROOM, kind) for name, kind in _OF_TEXT.items()},
            "counts": np.array([0, 0, 0, _ROOM, _TEXT_ROOM]),
            "work": np.zeros(WORK_BYTES // 8, np.int64),
        }
        self._io = np.zeros(len(INPUTS) + len(OUTPUTS), np.int64)
        self._io[len(INPUTS) :] = [self._arrays[name].ctypes.data for name in OUTPUTS]
        self.forget()

    def forget(self) -> None:
        """Forget all names."""
        if self._bounds is None:
            self._io[2 : len(INPUTS)] = NO_TABLE
            return
        self._paths = NameTable(PATH_TEXTS, 2 * self._bounds.max_paths)
        self._calls = NameTable(1, 2 * self._bounds.max_calls)
        self._ops = NameTable(1, MOST_NAMES)
        self._keys = NameTable(1, 2 * self._bounds.max_values)
        self._io[2 : len(INPUTS)] = [
            known.address for known in (self._paths, self._calls, self._ops, self._keys)
        ]

    def scan(self, records: Records) -> tuple[Bools, Floats]:
        """Scan 1 to ``ROWS`` records.

        Returns
        -------
        (n,) which were read, the others being for the plain decoder, and (n,) the time stamps of these.
        """
        n = len(records)
        if not records.buffer:
            return np.zeros(n, np.bool_), np.zeros(n)
        buffer = np.frombuffer(records.buffer, np.uint8)
        starts, ends = records.starts + buffer.ctypes.data, records.ends + buffer.ctypes.data
        beyond = np.flatnonzero(records.ends + BEHIND > len(buffer))
        if len(beyond):  # the scanner would read behind the end of the memory: copy what lies there
            first = int(records.starts[beyond].min())
            tail = np.zeros(len(buffer) - first + BEHIND, np.uint8)
            tail[: len(buffer) - first] = buffer[first:]
            starts[beyond] = records.starts[beyond] - first + tail.ctypes.data
            ends[beyond] = records.ends[beyond] - first + tail.ctypes.data
        self._io[0], self._io[1] = starts.ctypes.data, ends.ctypes.data
        scan(self._io.ctypes.data, n)
        return self._arrays["read"][:n].copy(), self._arrays["ts"][:n].copy()

    def columns(self, records: Records, newest: Floats) -> Columns:
        """Return the columns of the records scanned last; rows that were not read are undefined."""
        n = len(records)
        calls, values, texts = self._arrays["counts"][:3].tolist()
        arrays: dict[str, Any] = {
            **{name: self._arrays[name][:n].copy() for name in ("bins", "joins", *_EVENT)},
            **{name: self._arrays[name][:calls].copy() for name in _OF_CALL},
            **{name: self._arrays[name][:values].copy() for name in _OF_VALUE},
        }
        columns = Columns(
            newest=newest,
            gb_seconds=np.zeros(n),  # the decoder knows which value that is
            again=np.zeros(n, np.bool_),
            record=np.arange(n),
            raw=[records],
            **arrays,
        )
        if texts:
            self._tag(columns, records, texts)
        return columns

    def _tag(self, columns: Columns, records: Records, texts: int) -> None:
        listed = zip(*(self._arrays[name][:texts].tolist() for name in _OF_TEXT), strict=True)
        for row, what, at, length in listed:
            event = int(columns.call_event[row]) if what == OF_CALL else row
            begin = int(records.starts[event]) + at
            key, text = _tag_of(what, records.buffer[begin : begin + length])
            (columns.call_tags if what == OF_CALL else columns.tags).append(Tag(row, key, text))

    def learn_path(self, event: Event, number: int) -> None:
        """Learn the number of an event's path."""
        client = event.client
        texts = (event.cloud, event.account, event.region, event.service, event.route, event.function)
        of_client = (client.name, client.version, client.tenant) if client else (None, None, None)
        self._paths.add([*texts, *of_client, event.kind, event.counts], number)

    def learn_call(self, path: int, table: str, number: int) -> None:
        """Learn the number of a table called on a path."""
        self._calls.add([table], number, path)

    def learn_op(self, op: str, kind: int) -> None:
        """Learn the kind of an operation."""
        self._ops.add([op], kind)

    def learn_key(self, key: str, number: int) -> None:
        """Learn the number of a key of business values."""
        self._keys.add([key], number)


@lru_cache(4096)
def _tag_of(what: int, written: bytes) -> tuple[str, str]:
    """Return the key and the text of a tag: in an outage, many requests have the same."""
    text = cut(written.decode())
    if what % STATUS_UNIT == OF_FAILURE:
        return FAILURE, failure_text(what // STATUS_UNIT, text)
    return (ERROR_TYPE, text or UNNAMED) if what == OF_ERROR else (THROTTLE, text)
