"""The names of a block, each written once: a list of texts for every field, and which of them a row has.

A block has a row for every path and call that had a request: a thousand rows name a few hundred texts.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Int32s, Ints
from detectors.state.compiled import unlocked
from streams.engine.decode.paths import Call, Path

Name = TypeVar("Name")

FIELDS: Final = len(Path._fields)

_NEW: Final[Any] = tuple.__new__
"""Makes a name at a third of the cost of calling ``Call``."""


class DictionaryColumn(NamedTuple):
    """One field of n rows: its texts in the order in which they first appear, and the text of each row."""

    texts: list[str]
    codes: NDArray[Any]  # (n,) places in ``texts``


def encode_dictionary(field: Iterable[str]) -> DictionaryColumn:
    """Return a field of rows as texts and codes.

    Examples
    --------
    >>> texts, codes = encode_dictionary(["a", "b", "a"])
    >>> texts, codes.tolist()
    (['a', 'b'], [0, 1, 0])
    """
    places: dict[str, int] = {}
    codes = [places.setdefault(text, len(places)) for text in field]
    return DictionaryColumn(list(places), np.array(codes, np.int32))


def texts_of(field: DictionaryColumn) -> Iterable[str]:
    """Return the text of each row."""
    if len(field.texts) == 1:
        return repeat(field.texts[0], len(field.codes))
    texts: list[str] = np.array(field.texts, object)[field.codes].tolist()
    return texts


class NameBook:
    """Every text of the names of a rollup, by field, numbered as they appear.

    The names that it is given only grow; those behind the ids in use may still change.
    """

    def __init__(self) -> None:
        self._paths = _Field(FIELDS)
        self._tables = _Field(1)

    def path_columns(self, names: Sequence[Path], ids: Ints) -> list[DictionaryColumn]:
        """Return every field of some paths; ``names`` are the paths by id."""
        self._paths.learn(names[self._paths.known : end_of(ids)])
        return self._paths.columns(ids)

    def table_column(self, names: Sequence[Call], ids: Ints) -> DictionaryColumn:
        """Return the tables of some calls; ``names`` are the calls by id."""
        fresh = names[self._tables.known : end_of(ids)]
        self._tables.learn([(table,) for _, table in fresh])
        return self._tables.columns(ids)[0]


def end_of(ids: Ints) -> int:
    """Return where ascending ids end: the names behind them may still change."""
    return int(ids[-1]) + 1 if len(ids) else 0


class _Field:
    """Texts of the same fields of many names."""

    def __init__(self, fields: int) -> None:
        self.known = 0
        self._places: list[dict[str, int]] = [{} for _ in range(fields)]
        self._texts: list[list[str]] = [[] for _ in range(fields)]
        self._codes = np.zeros((64, fields), np.int32)  # of the names that are known, and room for more
        self._local = np.full(64, -1, np.int32)  # the place in a block of each text of a field

    def learn(self, names: Sequence[tuple[str, ...]]) -> None:
        """Add names, which numbers their texts."""
        if not names:
            return
        for places, texts, field in zip(self._places, self._texts, zip(*names, strict=True), strict=True):
            for text in field:
                if text not in places:
                    places[text] = len(texts)
                    texts.append(text)
        codes = [[places[text] for places, text in zip(self._places, name, strict=True)] for name in names]
        after = self.known + len(names)
        if after > len(self._codes):
            room = np.zeros((after + after // 2, len(self._texts)), np.int32)
            room[: self.known] = self._codes[: self.known]
            self._codes = room
        self._codes[self.known : after] = codes
        self.known = after
        most = max(map(len, self._texts))
        if most > len(self._local):
            self._local = np.full(most + most // 2, -1, np.int32)

    def columns(self, ids: Ints) -> list[DictionaryColumn]:
        fields = len(self._texts)
        codes = np.empty((fields, len(ids)), np.int32)
        order = np.empty((fields, len(ids)), np.int32)
        sizes = np.empty(fields, np.int64)
        _renumber(self._codes, ids, self._local, codes, order, sizes)
        return [
            DictionaryColumn([texts[at] for at in order[field, :size].tolist()], codes[field])
            for field, (texts, size) in enumerate(zip(self._texts, sizes.tolist(), strict=True))
        ]


@unlocked
def _renumber(known: Int32s, ids: Ints, local: Int32s, codes: Int32s, order: Int32s, sizes: Ints) -> None:
    """Give the texts that some names have numbers, in their order; ``local`` is -1 before and after."""
    for field in range(len(codes)):
        size = 0
        for row in range(len(ids)):
            text = known[ids[row], field]
            if local[text] < 0:
                local[text] = size
                order[field, size] = text
                size += 1
            codes[field, row] = local[text]
        for at in range(size):
            local[order[field, at]] = -1
        sizes[field] = size


class _Rows(Sequence[Name]):
    """Names that are made on access."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def tuples(self) -> Iterator[tuple[Any, ...]]:
        """Yield a plain tuple equal to each name: cheaper to make."""
        raise NotImplementedError

    @overload
    def __getitem__(self, at: int) -> Name: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Name]: ...
    def __getitem__(self, at: int | slice) -> Name | Sequence[Name]:
        return list(self)[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)


class KnownPaths(_Rows[Path]):
    """Paths of a rollup by their ids."""

    __slots__ = ("_book", "ids", "names")

    def __init__(self, names: Sequence[Path], ids: Ints, book: NameBook) -> None:
        self.names = names
        self.ids = ids
        self._book = book

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Path]:
        return map(self.names.__getitem__, self.ids.tolist())

    tuples = __iter__

    def columns(self) -> list[DictionaryColumn]:
        """Return every field."""
        return self._book.path_columns(self.names, self.ids)

    def between(self, first: int, end: int) -> Sequence[Path]:
        """Return the names of some ids."""
        return self.names[first:end]


class KnownCalls(_Rows[Call]):
    """Calls of a rollup by the rows of their paths and their ids."""

    __slots__ = ("_book", "ids", "names", "rows")

    def __init__(self, names: Sequence[Call], rows: Ints, ids: Ints, book: NameBook) -> None:
        self.names = names
        self.ids = ids
        self._book = book
        self.rows = rows

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Call]:
        return map(_NEW, repeat(Call), self.tuples())

    def tuples(self) -> Iterator[tuple[int, str]]:
        """Yield the row of each path, and the table."""
        names = self.names
        tables = [names[at].table for at in self.ids.tolist()]
        return zip(self.rows.tolist(), tables, strict=True)

    def columns(self) -> tuple[Ints, DictionaryColumn]:
        """Return the row of each path, and the tables."""
        return self.rows, self._book.table_column(self.names, self.ids)

    def between(self, first: int, end: int) -> Sequence[Call]:
        """Return the names of some ids."""
        return self.names[first:end]


class PathColumn(_Rows[Path]):
    """Paths whose fields are known."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Sequence[DictionaryColumn]) -> None:
        self._fields = fields

    def __len__(self) -> int:
        return len(self._fields[0].codes)

    def __iter__(self) -> Iterator[Path]:
        return map(_NEW, repeat(Path), self.tuples())

    def tuples(self) -> Iterator[tuple[str, ...]]:
        """Yield the fields of each path."""
        return zip(*map(texts_of, self._fields), strict=True)

    def columns(self) -> list[DictionaryColumn]:
        """Return every field."""
        return list(self._fields)


class CallColumn(_Rows[Call]):
    """Calls by the rows of their paths, and their tables."""

    __slots__ = ("_rows", "_tables")

    def __init__(self, rows: NDArray[Any], tables: DictionaryColumn) -> None:
        self._rows = rows
        self._tables = tables

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Call]:
        return map(_NEW, repeat(Call), self.tuples())

    def tuples(self) -> Iterator[tuple[int, str]]:
        """Yield the row of each path, and the table."""
        return zip(self._rows.tolist(), texts_of(self._tables), strict=True)

    def columns(self) -> tuple[NDArray[Any], DictionaryColumn]:
        """Return the row of each path, and the tables."""
        return self._rows, self._tables


def tuples_of(names: Sequence[Name]) -> Iterable[tuple[Any, ...]]:
    """Return plain tuples equal to the names, or the names themselves."""
    return names.tuples() if isinstance(names, _Rows) else names  # type: ignore[return-value]


def path_columns(paths: Sequence[Path]) -> list[DictionaryColumn]:
    """Return every field of some paths, of at least one."""
    if isinstance(paths, KnownPaths | PathColumn):
        return paths.columns()
    return [encode_dictionary(field) for field in zip(*paths, strict=True)]


def call_columns(calls: Sequence[Call]) -> tuple[NDArray[Any], DictionaryColumn]:
    """Return the row of the path of each call, and their tables."""
    if isinstance(calls, KnownCalls | CallColumn):
        return calls.columns()
    return np.array([call.path for call in calls], np.int64), encode_dictionary(call.table for call in calls)
