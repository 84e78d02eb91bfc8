"""The memory of the forms that the records of a source partition have."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.decode.form_tree import (
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
)

_FIRST: Final = 2048  # nodes
MOST: Final = 32_768
"""Nodes: 1 MB, and as much for their texts."""

_TEXT: Final = 32  # bytes of a node's edge
_BEHIND: Final = 8  # bytes that are read behind a text
PATIENCE: Final = 1_000_000
"""Records after which full memory is judged by how many of them had a form that it knows."""


class Forms:
    """Grows with the forms that are learnt; without more room, it forgets forms that no longer come.

    Parameters
    ----------
    most
        Nodes of the tree of forms (``decode/form_tree.py``), a power of two.
    patience
        Records after which full memory forgets all, if it did not know the form of half of them.
    """

    def __init__(self, most: int = MOST, patience: int = PATIENCE) -> None:
        self._most = most
        self._patience = patience
        self._header = np.zeros(HEADER, np.int64)
        self.address = int(self._header.ctypes.data)
        """Where compiled code reads and learns."""
        self.forget()

    def forget(self) -> None:
        """Forget all forms."""
        self._seen = 0  # records since
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
    def size(self) -> int:
        """Bytes of memory."""
        return int(self._nodes.nbytes + self._texts.nbytes)

    def tend(self, records: int) -> None:
        """Make room after so many records were scanned, if it was missing."""
        self._seen += records
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
            self._seen = self._header[READ // 8] = 0

    def _tell(self) -> None:
        self._header[NODES // 8] = self._nodes.ctypes.data
        self._header[TEXTS // 8] = self._texts.ctypes.data
        self._header[ROOM // 8] = len(self._nodes)
        self._header[MOST_WRITTEN // 8] = len(self._texts) - _BEHIND
