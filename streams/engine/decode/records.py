"""Raw records as received: one piece of memory, and where each record lies in it."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from detectors.model.array_types import Ints


class Records(Sequence[bytes]):
    """A sequence of records that creates a record's ``bytes`` only on access.

    Parameters
    ----------
    starts, ends
        (n,) int64: where each record begins and ends.

    Examples
    --------
    >>> records = Records(b"onetwo", np.array([0, 3]), np.array([3, 6]))
    >>> records[1], list(records[:1]), len(records)
    (b'two', [b'one'], 2)
    """

    __slots__ = ("buffer", "ends", "starts")

    def __init__(self, buffer: bytes, starts: Ints, ends: Ints) -> None:
        self.buffer = buffer
        self.starts = starts
        self.ends = ends

    @classmethod
    def of(cls, values: Sequence[bytes]) -> "Records":
        """Return a plain sequence as records.

        Examples
        --------
        >>> list(Records.of([b"a", b"", b"bc"]))
        [b'a', b'', b'bc']
        """
        if isinstance(values, Records):
            return values
        ends = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
        starts = np.zeros_like(ends)
        starts[1:] = ends[:-1]
        return cls(b"".join(values), starts, ends)

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "Records": ...
    def __getitem__(self, index: int | slice) -> "bytes | Records":
        if isinstance(index, slice):
            return Records(self.buffer, self.starts[index], self.ends[index])
        return self.buffer[self.starts[index] : self.ends[index]]

    def __iter__(self) -> Iterator[bytes]:
        buffer = self.buffer
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            yield buffer[start:end]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # a sequence that compares by content


def joined(several: Sequence[Records]) -> Records:
    """Return the records of several, in order.

    Examples
    --------
    >>> list(joined([Records.of([b"a"]), Records.of([b"b", b"c"])]))
    [b'a', b'b', b'c']
    """
    firsts = np.cumsum([0, *(len(records.buffer) for records in several)])
    return Records(
        b"".join(records.buffer for records in several),
        np.concatenate([records.starts + at for records, at in zip(several, firsts, strict=False)]),
        np.concatenate([records.ends + at for records, at in zip(several, firsts, strict=False)]),
    )
