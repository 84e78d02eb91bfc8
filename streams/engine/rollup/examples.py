"""Examples of requests: few are chosen, whatever arrives; they are redacted and bounded in size.

A request is an example if it failed, if it was slower than others on its path lately, or if its calls of a
table consumed more than those of others lately. "Lately" is a peak for each path and call, which every
record lowers a little, so that even of equal requests one in two thousand is an example. Each of the three
reasons may spend its savings: a turn for every ``RECORDS`` records and for every bucket, at most ``SAVED``.
So a flood of errors gets a few dozen examples and then one in four thousand. The choice is a function of the
records in their order, however they are chunked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Floats, Ints
from detectors.model.request_example import (
    MOST_CALLS,
    ExampleCall,
    ExampleClient,
    ExampleLayers,
    RequestExample,
)
from detectors.state.compiled import inlined, unlocked
from detectors.state.state import pack, unpack
from streams.engine.decode.columns import BACKEND, FATAL, NO_ERROR, USER, Columns, ExampleRow
from streams.engine.decode.event import Event, TableCall
from streams.engine.decode.parse import decoded
from streams.engine.decode.paths import cut
from streams.engine.rollup.redaction import Redaction

RECORDS: Final = 4096
"""Records for one example of each reason."""

SAVED: Final = 32
"""Examples of each reason that may come at once."""

PER_BIN: Final = 2048  # records that lower the peak of a path by one bin of latency
ABOVE: Final = 1.05  # a call is above a peak that is lowered by as much in ``PER_BIN`` calls
_FALL: Final = 1.0 - (1.0 - 1.0 / ABOVE) / PER_BIN

_FAILED, _SLOW, _COSTLY, _NEWEST, _EARNED = range(5)  # places in ``_turns``: spent by the first three
_MOST_TURNS: Final = SAVED * RECORDS
_PART: Final = "examples"
_VERSION: Final = 1


class ExampleChoice:
    """Chooses the examples of one source partition."""

    def __init__(self) -> None:
        self._turns = np.array([-_MOST_TURNS, -_MOST_TURNS, -_MOST_TURNS, 0, 0], np.int64)
        self._slowest = np.zeros(0, np.int64)  # by the decoder's path: a bin in steps of 1 / PER_BIN
        self._costliest = np.zeros(0)  # by the decoder's call

    def choose(self, columns: Columns, counted: Bools, bucket: Ints) -> list[int]:
        """Return the rows of ``counted`` (n,) that are examples.

        The columns have the decoder's ids; ``bucket`` (n,) is that of each record.
        """
        self._slowest = _room(self._slowest, int(columns.path.max(initial=-1)) + 1)
        self._costliest = _room(self._costliest, int(columns.call.max(initial=-1)) + 1)
        chosen = np.empty(len(columns), np.int64)
        events = _Events(columns.path, columns.bins, columns.error, columns.throttled, counted, bucket)
        calls = _Calls(
            columns.call_event, columns.call, columns.call_rcu, columns.call_wcu, columns.call_throttled
        )
        found = _choose(events, calls, (self._slowest, self._costliest), self._turns, chosen)
        rows: list[int] = chosen[:found].tolist()
        return rows

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as one part."""
        arrays = {"turns": self._turns, "slowest": _used(self._slowest), "costliest": _used(self._costliest)}
        return {_PART: pack(_PART, _VERSION, (), arrays)}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot; before version 0.3 there was none."""
        self.__init__()  # type: ignore[misc]
        if _PART in parts:
            _, arrays = unpack(parts[_PART], _PART, _VERSION, tuple[()])
            self._turns, self._slowest = arrays["turns"].copy(), arrays["slowest"].copy()
            self._costliest = arrays["costliest"].copy()


def _room(known: NDArray, most: int) -> NDArray:  # type: ignore[type-arg]
    if most <= len(known):
        return known
    more = np.zeros(most + most // 4, known.dtype)
    more[: len(known)] = known
    return more


def _used(known: NDArray) -> NDArray:  # type: ignore[type-arg]
    """Return the part before the zeros at the end, which depends on no chunk."""
    used = np.flatnonzero(known)
    return known[: int(used[-1]) + 1] if len(used) else known[:0]


@inlined
def _spend(turns: Ints, reason: int, earned: int) -> bool:
    """Spend a turn of a reason if it has one; savings beyond ``SAVED`` are lost."""
    spent = max(turns[reason], earned - _MOST_TURNS)
    if earned - spent < RECORDS:
        return False
    turns[reason] = spent + RECORDS
    return True


class _Events(NamedTuple):
    path: Ints
    bins: NDArray[np.int16]
    error: NDArray[np.int8]
    throttled: Bools
    counted: Bools
    bucket: Ints


class _Calls(NamedTuple):
    event: Ints
    call: Ints
    rcu: Floats
    wcu: Floats
    throttled: Bools


@unlocked
def _choose(events: _Events, calls: _Calls, peaks: tuple[Ints, Floats], turns: Ints, chosen: Ints) -> int:
    """Put the rows that are examples into ``chosen``; return how many there are.

    ``peaks`` are those of paths and of calls.
    """
    path, bins, error, throttled, counted, bucket = events
    call_event, call, rcu, wcu, call_throttled = calls
    slowest, costliest = peaks
    found = 0
    at = 0  # among the calls, which are in the order of their events
    newest, earned = turns[_NEWEST], turns[_EARNED]
    for row in range(len(path)):
        begin = at
        while at < len(call_event) and call_event[at] == row:
            at += 1
        if not counted[row]:
            continue
        earned += 1
        if bucket[row] > newest:
            newest = bucket[row]
            earned += RECORDS
        is_failed = error[row] != NO_ERROR or throttled[row]
        is_slow = False
        is_costly = False
        level = np.int64(bins[row, 0]) * PER_BIN
        if level >= 0:
            if level > slowest[path[row]]:
                slowest[path[row]] = level + PER_BIN - 1
                is_slow = True
            else:
                slowest[path[row]] -= 1
        units = 0.0
        for place in range(begin, at):
            is_failed = is_failed or call_throttled[place]
            units += rcu[place] + wcu[place]
            if place + 1 < at and call[place + 1] == call[place]:
                continue  # a loop: what it consumes together
            if units > costliest[call[place]]:
                costliest[call[place]] = units * ABOVE
                is_costly = True
            else:
                costliest[call[place]] *= _FALL
            units = 0.0
        is_example = False
        if is_failed:
            is_example = _spend(turns, _FAILED, earned)
        if is_slow:
            is_example = _spend(turns, _SLOW, earned) or is_example
        if is_costly:
            is_example = _spend(turns, _COSTLY, earned) or is_example
        if is_example:
            chosen[found] = row
            found += 1
    turns[_NEWEST], turns[_EARNED] = newest, earned
    return found


_ERRORS: Final = {NO_ERROR: None, USER: "user", BACKEND: "backend", FATAL: "fatal"}
_SHORT: Final = 256  # bytes of an id
_DECODE: Final = msgspec.json.Decoder(Event).decode


def examples_of(columns: Columns, rows: Iterable[int], redaction: Redaction) -> list[ExampleRow]:
    """Return the examples that these rows of a run are."""
    return [ExampleRow(row, _example(columns, row, redaction)) for row in rows]


def _example(columns: Columns, row: int, redaction: Redaction) -> RequestExample:
    read = decoded(_DECODE, columns.body(row))
    client, layers = read.client, read.ms
    return RequestExample(
        ts=float(columns.ts[row]),
        id=redaction.shown(read.id, _SHORT),
        trace=redaction.shown(read.trace, _SHORT),
        cloud=_name(read.cloud),
        account=_name(read.account),
        region=_name(read.region),
        service=_name(read.service),
        route=_name(read.route),
        function=_name(read.function),
        client=None
        if client is None
        else ExampleClient(_name(client.name), _name(client.version), _name(client.tenant)),
        status=read.status,
        error=_ERRORS[int(columns.error[row])],
        error_type=redaction.shown(read.error_type, _SHORT),
        throttled=redaction.shown(read.throttled, _SHORT),
        ms=None if layers is None else ExampleLayers(layers.total, layers.function, layers.code, layers.auth),
        tables=_calls(read.tables or (), redaction),
        sample=redaction.shown(read.sample),
    )


def _calls(calls: Sequence[TableCall], redaction: Redaction) -> tuple[ExampleCall, ...] | None:
    alike: dict[tuple[str, str | None, str | None], list[TableCall]] = {}
    for call in calls:
        alike.setdefault((call.name, call.op, call.throttled), []).append(call)
    made = [
        ExampleCall(
            cut(name),
            _name(op),
            _of_known(max, [call.ms for call in same]),
            _of_known(sum, [call.rcu for call in same]),
            _of_known(sum, [call.wcu for call in same]),
            redaction.shown(throttled, _SHORT),
            len(same),
        )
        for (name, op, throttled), same in alike.items()
    ]
    return tuple(nlargest(MOST_CALLS, made, key=lambda call: (call.units, call.calls))) or None


def _of_known(what: Callable[[list[float]], float], values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return what(known) if known else None


def _name(text: str | None) -> str | None:
    return cut(text) or None
