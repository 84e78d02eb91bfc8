"""The memory of the forms that the records of a source partition have."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.engine.decode.scan.form_tree import (
    FULL,
    HEADER,
    MOST_WRITTEN,
    NODE,
    NODES,
    OF_CALLS,
    OF_NAMES,
    OF_RECORDS,
    READ,
    ROOM,
    TEXTS,
    USED,
)

_FIRST: Final = 2048  # nodes
MOST: Final = 32_768
"""Nodes: 1 MB, and as much for their texts."""

_TEXT: Final = 32  # bytes of a node's edge
_BEHIND: Final = 8  # bytes that are read behind a text
PATIENCE: Final = 1_000_000
"""Records after which full memory is judged by how many of them had a form that it knows."""

WINDOW: Final = 8192
"""Records after which it is judged whether looking for forms pays: if half have one that is known."""
_WINDOWS: Final = 16
"""Of so many records they are not looked for then: to look in vain takes half as long again as to scan."""

_PLACES: Final = [OF_RECORDS // 4, FULL // 4]  # of the header, in words of four bytes


class Forms:
    """Grows with the forms that are learnt; without more room, it forgets forms that no longer come.

    While most records have forms that never come again, it rests.

    Parameters
    ----------
    most
        Nodes of the tree of forms (``decode/form_tree.py``), a power of two.
    patience
        Records after which full memory forgets all, if it did not know the form of half of them.
    window
        Records after which it rests, if it did not know the form of half of them.
    """

    def __init__(self, most: int = MOST, patience: int = PATIENCE, window: int = WINDOW) -> None:
        self._most = most
        self._window = window
        self._patience = patience
        self._header = np.zeros(HEADER, np.int64)
        self.address = int(self._header.ctypes.data)
        """Where compiled code reads and learns."""
        self.forget()

    def forget(self) -> None:
        """Forget all forms."""
        self._seen = 0  # records since
        self._tried = self._known = 0  # of the window: records, and what ``read`` was before
        self._paused = 0  # records that are still to be scanned without forms
        self._nodes: NDArray[Any] = np.zeros((_FIRST, NODE), np.uint8)
        self._texts: NDArray[Any] = np.zeros(_FIRST * _TEXT, np.uint8)
        self._header[:] = 0
        self._header.view(np.int32)[[OF_RECORDS // 4, OF_NAMES // 4, OF_CALLS // 4]] = -1
        self._tell()

    @property
    def read(self) -> int:
        """Records that had a form that was known, since memory was last judged."""
        return int(self._header[READ // 8])

    @property
    def used(self) -> int:
        """Nodes in use."""
        return int(self._header[USED // 8])

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return int(self._nodes.nbytes + self._texts.nbytes)

    def tend(self, records: int) -> None:
        """Make room after so many records were scanned, if it was missing."""
        self._seen += records
        if self._paused:
            self._paused = max(0, self._paused - records)
            if self._paused:
                return
            self._header.view(np.int32)[_PLACES] = self._resting
            self._tried, self._known = 0, self.read
        elif self._rests(records):
            return
        if not self._header[FULL // 8]:
            return
        if len(self._nodes) < self._most:
            self._nodes = np.concatenate((self._nodes, np.zeros_like(self._nodes)))
            self._texts = np.concatenate((self._texts, np.zeros_like(self._texts)))
            self._header[FULL // 8] = 0
            self._tell()
        elif self._seen > self._patience:
            if self.read < self._seen // 2:
                self.forget()
            self._seen = self._header[READ // 8] = self._tried = self._known = 0

    def _rests(self, records: int) -> bool:
        """Stop looking for forms, and learning them, if that did not pay of late."""
        self._tried += records
        if self._tried < self._window:
            return False
        pays = 2 * (self.read - self._known) >= self._tried
        self._tried, self._known = 0, self.read
        if not pays:
            self._paused = _WINDOWS * self._window
            words = self._header.view(np.int32)
            self._resting = words[_PLACES].copy()
            words[_PLACES] = -1, 1
        return not pays

    def _tell(self) -> None:
        self._header[NODES // 8] = self._nodes.ctypes.data
        self._header[TEXTS // 8] = self._texts.ctypes.data
        self._header[ROOM // 8] = len(self._nodes)
        self._header[MOST_WRITTEN // 8] = len(self._texts) - _BEHIND
