"""Columns: the events of a run as numpy arrays. No object per event outlives decoding."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Floats, Ints, Words
from detectors.model.request_example import RequestExample
from streams.engine.decode.event import ChangeRecord, SampleRecord

NO_ERROR: Final = 0
USER: Final = 1
BACKEND: Final = 2
FATAL: Final = 3

THROTTLE: Final = "throttle"
ERROR_TYPE: Final = "error_type"
FAILURE: Final = "failure"
UNNAMED: Final = "unnamed error"  # the type of an error without one

QUANTUM: Final = 2.0**-20
"""Amounts (seconds, capacity units) are whole multiples of this.

Sums of such numbers are exact in a float64 up to 2**33, so the order of their terms does not matter: every
chunking, permutation and merge gives the same bits.
"""


class Tag(NamedTuple):
    """A text that counts about one row: a throttle reason, a fatal error's type, or how a backend failed."""

    row: int
    key: str  # THROTTLE, ERROR_TYPE or FAILURE
    text: str


def failure_text(status: int | None, error_type: str | None) -> str:
    """Return how a backend failed, as far as its record says.

    Examples
    --------
    >>> failure_text(502, "PaymentGatewayTimeout"), failure_text(None, "Timeout"), failure_text(503, None)
    ('502 PaymentGatewayTimeout', 'Timeout', '503')
    """
    return " ".join(part for part in (str(status) if status else "", error_type or "") if part) or UNNAMED


class StatedRow(NamedTuple):
    """A sample or a change, which is the record of a row."""

    row: int
    record: SampleRecord | ChangeRecord


class ExampleRow(NamedTuple):
    """The request of a row as a person may see it."""

    row: int
    example: RequestExample


ROW_OF_TAG: Final = attrgetter("row")
_TEXTS: Final = ("tags", "call_tags", "stated", "examples", "raw")


@dataclass(slots=True)
class Columns:
    """n events in record order, their m table calls and their v amounts of business values.

    ``path`` and ``call`` are ids of ``streams.engine.decode.paths``; bins are those of
    ``detectors.latency.histogram``, -1 where nothing was measured.
    """

    ts: Floats  # (n,) epoch seconds
    newest: Floats  # (n,) the partition's running maximum of ts, this event included
    weight: Floats  # (n,) requests that it stands for, a multiple of QUANTUM; 0 if it is none
    key: Words  # (n,) 64 bit hash of the id, 0 without one
    joins: Words  # (n, JOINS) hashes of the keys that other sources of the request have, or 0
    path: Ints  # (n,)
    error: NDArray[np.int8]  # (n,) NO_ERROR, USER, BACKEND or FATAL
    cold: Bools  # (n,)
    throttled: Bools  # (n,)
    bins: NDArray[np.int16]  # (n, LAYERS) total and function stand in for each other
    busy: Floats  # (n,) weighted seconds inside the function, a multiple of QUANTUM
    gb_seconds: Floats  # (n,) weighted, billed for the function
    again: Bools  # (n,) an earlier record once more, for edges that another source revealed
    record: Ints  # (n,) its number among ``raw``; -1 without one
    call_event: Ints  # (m,) row of the event that made the call
    call: Ints  # (m,)
    call_weight: Floats  # (m,) calls that it stands for, a multiple of QUANTUM
    call_bin: NDArray[np.int16]  # (m,)
    call_rcu: Floats  # (m,) weighted, a multiple of QUANTUM
    call_wcu: Floats  # (m,) weighted, a multiple of QUANTUM
    call_kind: NDArray[np.int8]  # (m,) READS, WRITES or UNKNOWN (streams.engine.decode.operations)
    call_throttled: Bools  # (m,)
    value_event: Ints  # (v,) row of the event with the amount
    value_key: Ints  # (v,) number of its key (streams.engine.decode.values)
    value: Floats  # (v,) weighted
    tags: list[Tag] = field(default_factory=list)  # rows are events
    call_tags: list[Tag] = field(default_factory=list)  # rows are calls
    stated: list[StatedRow] = field(default_factory=list)  # samples and changes, ascending
    examples: list[ExampleRow] = field(default_factory=list)  # chosen by the rollup, ascending
    raw: list[Sequence[bytes]] = field(default_factory=list)  # the records, in parts

    def body(self, row: int) -> bytes:
        """Return the record of an event."""
        number = int(self.record[row])
        for part in self.raw:
            if number < len(part):
                return part[number]
            number -= len(part)
        raise IndexError(row)

    def __len__(self) -> int:
        return len(self.ts)


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the events of consecutive runs as those of one."""
    events = np.cumsum([0, *(len(part) for part in parts)])
    calls = np.cumsum([0, *(len(part.call) for part in parts)])
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Columns.__dataclass_fields__
        if name not in (*_TEXTS, "call_event", "value_event", "record")
    }
    records = np.cumsum([0, *(sum(map(len, part.raw)) for part in parts)])

    def moved(name: str, by: Ints) -> list[Any]:
        """Return rows of all parts, as those of one; ``by`` is where each part begins."""
        return [
            row._replace(row=row.row + int(at))
            for part, at in zip(parts, by, strict=False)
            for row in getattr(part, name)
        ]

    return Columns(
        **arrays,
        record=np.concatenate([part.record + at for part, at in zip(parts, records, strict=False)]),
        call_event=np.concatenate([part.call_event + at for part, at in zip(parts, events, strict=False)]),
        value_event=np.concatenate([part.value_event + at for part, at in zip(parts, events, strict=False)]),
        tags=moved("tags", events),
        call_tags=moved("call_tags", calls),
        stated=moved("stated", events),
        examples=moved("examples", events),
        raw=[records for part in parts for records in part.raw],
    )


def inserted(columns: Columns, more: Columns, behind: Ints) -> Columns:
    """Return events with k more, each behind the event at its row of ``behind`` (k,), ascending."""
    n = len(columns)
    place = np.concatenate((np.arange(n), behind))
    return _reordered(joined([columns, more]), np.argsort(place, kind="stable"))


def merged(scanned: Columns, plain: Columns, rows: Ints, kept: Bools) -> Columns:
    """Return the events of a run that two decoders read in parts.

    Parameters
    ----------
    scanned
        Columns of all n records; undefined at rows that it did not read.
    plain
        Columns of the k events at ``rows`` (k,), ascending; ``scanned`` has no calls or values of them.
    kept
        (n,) which records are events.
    """
    source = np.arange(len(kept))
    source[rows] = len(kept) + np.arange(len(rows))
    return _reordered(joined([scanned, plain]), source[kept])


def _reordered(columns: Columns, order: Ints) -> Columns:
    """Return the events at ``order``, in this order; all others have no calls, values or tags."""
    place = np.empty(len(columns), np.int64)
    place[order] = np.arange(len(order))
    call_event, value_event = place[columns.call_event], place[columns.value_event]
    by_call, by_value = np.argsort(call_event, kind="stable"), np.argsort(value_event, kind="stable")
    rows = {"call": by_call, "value": by_value}
    arrays: dict[str, NDArray[Any]] = {
        name: getattr(columns, name)[rows.get(name.partition("_")[0], order)]
        for name in Columns.__dataclass_fields__
        if name not in (*_TEXTS, "call_event", "value_event")
    }
    call_place = np.empty_like(by_call)
    call_place[by_call] = np.arange(len(by_call))
    return Columns(
        **arrays,
        call_event=call_event[by_call],
        value_event=value_event[by_value],
        tags=_moved(columns.tags, place),
        call_tags=_moved(columns.call_tags, call_place),
        stated=[row._replace(row=int(place[row.row])) for row in columns.stated],
        examples=[example._replace(row=int(place[example.row])) for example in columns.examples],
        raw=columns.raw,
    )


def _moved(tags: Sequence[Tag], place: Ints) -> list[Tag]:
    return sorted((tag._replace(row=int(place[tag.row])) for tag in tags), key=ROW_OF_TAG)
