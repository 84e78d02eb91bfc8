"""Raw records as received: one piece of memory, and where each record lies in it."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final, overload

import numpy as np

from detectors.model.array_types import Bytes, Ints

_LINE_END: Final = ord("\n")
_RETURN: Final = ord("\r")
_OPEN: Final = ord("{")
_CLOSE: Final = ord("}")


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
        sizes = np.fromiter(map(len, values), np.int64, len(values))
        ends = np.cumsum(sizes + 1) - 1  # a newline behind each, as in lines
        return cls(b"\n".join(values), ends - sizes, ends)

    @classmethod
    def of_lines(cls, data: bytes) -> "Records":
        r"""Return the lines of a text without blank ones and the ``\r`` of line ends.

        Examples
        --------
        >>> list(Records.of_lines(b'{"ts":1}\r\n\n{"ts":2}'))
        [b'{"ts":1}', b'{"ts":2}']
        """
        lines = cls.of_stored(data)
        ends = _stripped(np.frombuffer(data, np.uint8), lines.starts, lines.ends)
        kept = ends > lines.starts
        return cls(data, lines.starts[kept], ends[kept])

    @classmethod
    def of_stored(cls, data: bytes) -> "Records":
        r"""Return what ``as_lines`` has written: every line, whatever is in it.

        Examples
        --------
        >>> list(Records.of_stored(b"a\r\n\nb"))
        [b'a\r', b'', b'b']
        """
        breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_END)
        return cls(data, np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(data)]]))

    def as_lines(self) -> bytes:
        """Return the records, which have no newline inside, a line each: as they came, if they were that."""
        if len(self) and np.array_equal(self.starts[1:], self.ends[:-1] + 1):
            return self.buffer[self.starts[0] : self.ends[-1]]
        return b"\n".join(self)

    def are_braced(self) -> bool:
        """Return whether every record begins and ends as a JSON object does."""
        held = np.frombuffer(self.buffer, np.uint8)
        return bool(
            (self.ends > self.starts).all()
            and (held[self.starts] == _OPEN).all()
            and (held[self.ends - 1] == _CLOSE).all()
        )

    def end_of_piece(self, start: int, most: int, most_bytes: int) -> int:
        """Return where a piece of so many records or bytes, or one record, ends that begins at ``start``."""
        ends = self.ends[start : start + most]
        if not len(ends):
            return start + 1
        return start + max(1, int(np.searchsorted(ends, self.starts[start] + most_bytes)))

    def without(self, places: Collection[int]) -> "Records":
        """Return the records but for those at these places."""
        kept = np.ones(len(self), np.bool_)
        kept[list(places)] = False
        return Records(self.buffer, self.starts[kept], self.ends[kept])

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
    if len(several) == 1:
        return several[0]
    if not several:
        return Records.of([])
    firsts = np.cumsum([0, *(len(records.buffer) for records in several)])
    return Records(
        b"".join(records.buffer for records in several),
        np.concatenate([records.starts + at for records, at in zip(several, firsts, strict=False)]),
        np.concatenate([records.ends + at for records, at in zip(several, firsts, strict=False)]),
    )


def _stripped(held: Bytes, starts: Ints, ends: Ints) -> Ints:
    """Return the ends moved before trailing carriage returns."""
    while True:
        returned = ends > starts
        returned[returned] = held[ends[returned] - 1] == _RETURN
        if not returned.any():
            return ends
        ends = ends - returned
