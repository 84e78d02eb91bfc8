"""The names of a rollup by id: those of its decoder, and those that joining put together.

While nothing was joined, ids are the decoder's. From then on they are numbers of our own, given in the order
of the records, so that they do not depend on how the records are chunked.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from detectors.state.state import pack, unpack
from streams.engine.decode.columns import Columns
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.paths import Call, CallIds, Path, PathIds
from streams.engine.decode.values import ValueIds

_VERSION: Final = 1
_OWN: Final = "own/"


class RollupNames:
    """The paths, calls and values that a rollup counts under."""

    def __init__(self, decoder: Decoder) -> None:
        self.minute = 0  # of the record whose names are put together, in event time
        self._decoder = decoder
        self._forget()

    def _forget(self) -> None:
        self._paths, self._calls = self._decoder.paths, self._decoder.calls
        self._own = False
        self._path_of = np.zeros(0, np.int64)  # by the decoder's id, once ids are our own
        self._call_of = np.zeros(0, np.int64)
        self._seen = 0, 0  # paths and calls of the decoder that records had so far
        self._reached = 0, 0  # records and calls of the present run that are among these
        self._last = 0, 0  # paths and calls of the decoder that the present run knows in the end
        self.value_ids = ValueIds(self._paths, self._decoder.values)

    @property
    def paths(self) -> list[Path]:
        """Paths by id."""
        return self._paths.names

    @property
    def calls(self) -> list[Call]:
        """Calls by id; the path of each is such an id."""
        return self._calls.names

    @property
    def decoded_paths(self) -> list[Path]:
        """Paths by the decoder's id."""
        return self._decoder.paths.names

    @property
    def decoded_calls(self) -> list[Call]:
        """Calls by the decoder's id."""
        return self._decoder.calls.names

    @property
    def folded(self) -> int:
        """How often names that were put together were folded into ``other``."""
        return self._paths.folded + self._calls.folded if self._own else 0

    def begin(self, columns: Columns) -> None:
        """Start a run of records."""
        self._last = int(columns.path.max(initial=-1)) + 1, int(columns.call.max(initial=-1)) + 1

    def path_of(self, columns: Columns, row: int) -> int:
        """Return the id of the path of a record; those before it have theirs already."""
        if self._last[0] > self._seen[0] or self._last[1] > self._seen[1]:
            self._reach(columns, row + 1, int(np.searchsorted(columns.call_event, row, side="right")))
        path = int(columns.path[row])
        return int(self._path_of[path]) if self._own else path

    def joined_path(self, path: Path) -> int:
        """Return the id of a path that was put together."""
        self._be_own()
        self._paths.minute = self.minute
        return self._paths.of(path)

    def joined_call(self, path: int, table: str) -> int:
        """Return the id of a call on a path that was put together."""
        self._calls.minute = self.minute
        return self._calls.of(Call(path, table))

    def number(self, columns: Columns) -> None:
        """Replace the decoder's ids in a run by ours."""
        self._reach(columns, len(columns), len(columns.call))
        self._reached = 0, 0
        if self._own:
            columns.path = self._path_of[columns.path]
            columns.call = self._call_of[columns.call]

    def _reach(self, columns: Columns, rows: int, calls: int) -> None:
        """Give ids to what the first records of a run named."""
        row, call = self._reached
        self._reached = rows, calls
        paths = max(self._seen[0], int(columns.path[row:rows].max(initial=-1)) + 1)
        called = max(self._seen[1], int(columns.call[call:calls].max(initial=-1)) + 1)
        before, self._seen = self._seen, (paths, called)
        if self._own and before != self._seen:
            self._learn()

    def _learn(self) -> None:
        names = self._decoder.paths.names[len(self._path_of) : self._seen[0]]
        self._path_of = np.append(self._path_of, [self._paths.add(name) for name in names]).astype(np.int64)
        called = self._decoder.calls.names[len(self._call_of) : self._seen[1]]
        ids = [self._calls.add(Call(int(self._path_of[path]), table)) for path, table in called]
        self._call_of = np.append(self._call_of, ids).astype(np.int64)

    def _be_own(self) -> None:
        if self._own:
            return
        paths, calls = self._decoder.paths, self._decoder.calls
        self._own = True
        self._paths, self._calls = PathIds(paths.most), CallIds(calls.most)
        self.value_ids = ValueIds(self._paths, self._decoder.values)
        self._learn()  # the same ids as before: open buckets keep theirs

    def snapshot(self) -> dict[str, bytes]:
        """Return the names and ids of our own, nothing without them."""
        if not self._own:
            return {}
        own = {_OWN + name: part for name, part in (self._paths.snapshot() | self._calls.snapshot()).items()}
        meta = self._paths.folded, self._calls.folded
        own["own"] = pack("own", _VERSION, meta, {"paths": self._path_of, "calls": self._call_of})
        return own

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot, after the decoder was restored."""
        self._forget()
        self._seen = len(self._decoder.paths.names), len(self._decoder.calls.names)
        if "own" not in parts:
            return
        folded, arrays = unpack(parts["own"], "own", _VERSION, tuple[int, int])
        self._be_own()
        own = {name.removeprefix(_OWN): part for name, part in parts.items() if name.startswith(_OWN)}
        self._paths.restore(own)
        self._calls.restore(own)
        self._paths.folded, self._calls.folded = folded
        self._path_of, self._call_of = arrays["paths"], arrays["calls"]
        self._seen = len(self._path_of), len(self._call_of)
        self.value_ids = ValueIds(self._paths, self._decoder.values)
