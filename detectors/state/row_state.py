"""State with one column per series, stored as named arrays."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detectors.state.state import Older, StateError, pack, unpack


class Field(NamedTuple):
    """One array of shape ``(*lead, rows)``; new columns start with ``fill``."""

    fill: float = 0.0
    lead: tuple[int, ...] = ()
    dtype: DTypeLike = np.float64
    later: bool = False


def field(
    fill: float = 0.0, dtype: DTypeLike = np.float64, lead: tuple[int, ...] = (), *, later: bool = False
) -> Any:
    """Declare an array of a ``RowState``; the annotation beside it is its type.

    An array that came ``later`` is absent in older snapshots of the same version, and starts with ``fill``.
    """
    return Field(fill, lead, dtype, later)


class RowState:
    """Arrays whose last axis runs over the series.

    A subclass declares its arrays with ``field``, and passes those whose shape depends on settings to
    ``__init__``. All its state is in these arrays and in ``meta``, so that a snapshot is complete by
    construction.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1
    OLDER: ClassVar[Older] = {}

    def __init__(self, fields: Mapping[str, Field] | None = None) -> None:
        self.rows = 0
        declared = {name: each for name, each in vars(type(self)).items() if isinstance(each, Field)}
        self._fields = {**declared, **(fields or {})}
        for name, field in self._fields.items():
            setattr(self, name, np.full((*field.lead, 0), field.fill, field.dtype))

    def add(self, count: int) -> Self:
        """Append ``count`` empty columns."""
        self.rows += count
        for name, field in self._fields.items():
            new = np.full((*field.lead, count), field.fill, field.dtype)
            setattr(self, name, np.concatenate([getattr(self, name), new], axis=-1))
        return self

    def meta(self) -> dict[str, int]:
        """Return state that is not per series."""
        return {}

    def load_meta(self, meta: Mapping[str, int]) -> None:
        """Restore what ``meta`` returned."""

    def snapshot(self) -> bytes:
        """Return the whole state as one part."""
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in self._fields}
        return pack(self.KIND, self.VERSION, self.meta(), arrays)

    def restore(self, part: bytes, rows: int) -> None:
        """Restore a part with ``rows`` series.

        Raises
        ------
        StateError
            When the part is damaged, of another version, or of another shape than the settings require.
        """
        meta, arrays = unpack(part, self.KIND, self.VERSION, dict[str, int], self.OLDER)
        for name, field in self._fields.items():
            array = arrays.get(name)
            if array is None and field.later:
                array = np.full((*field.lead, rows), field.fill, field.dtype)
            if array is None or array.shape != (*field.lead, rows):
                raise StateError(
                    f"the state part {self.KIND!r} was written with other settings or series: "
                    "start with a new state, or go back to the old settings"
                )
            setattr(self, name, array.astype(field.dtype, copy=False))  # earlier versions took more bytes
        self.rows = rows
        self.load_meta(meta)
