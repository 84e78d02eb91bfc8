"""Decode: raw records of one source partition become columns; a bad record never affects its neighbours."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from config.settings import Settings
from detectors.latency.histogram import bins_of
from detectors.model.array_types import Bools, Floats, Ints
from detectors.state.compiled import COMPILES
from detectors.state.state import pack, unpack
from streams.engine.decode.cells import LAYERS
from streams.engine.decode.columns import (
    BACKEND,
    ERROR_TYPE,
    FAILURE,
    FATAL,
    NO_ERROR,
    QUANTUM,
    ROW_OF_TAG,
    THROTTLE,
    UNNAMED,
    USER,
    Columns,
    StatedRow,
    Tag,
    failure_text,
    joined,
    merged,
)
from streams.engine.decode.event import MOST_TABLES, Event, Layers, Stated, TableCall
from streams.engine.decode.event_reader import (
    PIECE_BYTES,
    AcceptedEvents,
    EventReader,
    HeldBack,
)
from streams.engine.decode.event_time import EventTime
from streams.engine.decode.hashing import hashes_of, joins_of
from streams.engine.decode.operations import Kinds
from streams.engine.decode.paths import CallIds, PathIds, cut
from streams.engine.decode.records import Records
from streams.engine.decode.rejected import Rejected
from streams.engine.decode.values import GB_SECONDS, LARGEST, ValueIds, ValueKeys

if COMPILES:
    from streams.engine.decode.scan.scanner import ROWS, Scanner

PIECE: Final = 500
"""Records decoded at once, few enough for their objects to stay in the processor's cache."""

FEW: Final = 256
"""Records scanned at once while their names are new."""

_REQUESTS: Final = (None, "request")
_ABSENT: Final = 4
_ERROR_CODES: Final[dict[object, int]] = {
    UNSET: _ABSENT,
    None: NO_ERROR,
    "user": USER,
    "backend": BACKEND,
    "fatal": FATAL,
}
_NO_LAYERS: Final = Layers()
_NO_VALUES: Final[dict[str, float]] = {}


class _Meta(msgspec.Struct, array_like=True):
    newest: float | None
    held: list[HeldBack]
    folded_paths: int
    folded_calls: int
    time: object = None  # versions before 0.2 kept the newest stamp alone


class Decoder:
    """Decodes one source partition and owns the interning of its names.

    Parameters
    ----------
    settings
        How far ahead a stamp may lie, and how many names are kept apart; by default those shipped.
    compiled
        Whether the compiled scanner reads what it can; without it the results are the same, several times
        slower.
    """

    VERSION = 2

    def __init__(self, settings: Settings | None = None, *, compiled: bool = True) -> None:
        settings = settings or Settings()
        self.paths = PathIds(settings.rollup.max_paths)
        self.calls = CallIds(settings.rollup.max_calls)
        self.values = ValueKeys(settings.rollup.max_values, self.paths)
        self.value_ids = ValueIds(self.paths, self.values)
        self._kinds = Kinds()
        self._scanner = Scanner(settings.rollup) if compiled and COMPILES else None
        self._reader = EventReader(settings.time.future, self._scanner)
        self._rows = FEW  # scanned at once
        self._left = 0  # of the records scanned last, those left to the plain decoder

    @property
    def folded(self) -> int:
        """Events and table calls whose names were folded into ``other`` because there were too many."""
        return self.paths.folded + self.calls.folded

    @property
    def held(self) -> list[int]:
        """Which records are held back: 1 is the last one decoded, 2 the one before."""
        return [back for back, _ in self._reader.held]

    @property
    def time(self) -> EventTime:
        """The event time that the records have reached."""
        return self._reader.time

    def decode(
        self, records: Sequence[bytes], arrived: Floats | None = None
    ) -> tuple[Columns, list[Rejected]]:
        """Decode consecutive records.

        A record that leaps ahead of all others is held back until later records confirm or refute it
        (``streams.engine.decode.event_time.EventTime``): it is in the columns, or rejected, in a later run.

        ``arrived`` (n,) are epoch seconds, None if unknown.

        Returns
        -------
        The events of good records in record order, and the bad records in order of their indices.
        """
        if self._scanner is None:
            return self._decode_plain(records, arrived)
        found = Records.of(records)
        parts: list[tuple[int, Columns, list[Rejected]]] = []
        at = 0
        while at < len(found) or not parts:
            rows = slice(at, found.end_of_piece(at, self._rows, PIECE_BYTES))
            parts.append((at, *self._scan(self._scanner, found[rows], _cut(arrived, rows))))
            at = rows.stop
            # While names are new, the plain decoder reads most records: learn from a few of them.
            self._rows = FEW if self._left > FEW // 2 else min(2 * self._rows, ROWS)
        return _in_one(parts)

    def _decode_plain(
        self, records: Sequence[bytes], arrived: Floats | None
    ) -> tuple[Columns, list[Rejected]]:
        pieces = [slice(at, at + PIECE) for at in range(0, max(len(records), 1), PIECE)]
        return _in_one(
            [
                (rows.start, *self._columns_of(*self._reader.read(records[rows], _cut(arrived, rows))))
                for rows in pieces
            ]
        )

    def _scan(
        self, scanner: "Scanner", records: Records, arrived: Floats | None
    ) -> tuple[Columns, list[Rejected]]:
        """Decode up to ROWS records: by the scanner, except those that it leaves to the plain decoder."""
        found = self._reader.scan(records, arrived)
        if found is None:
            return self._decode_plain(records, arrived)
        self._left = found.left
        if found.plain is None:
            return self._with_gb_seconds(scanner.columns(records, found.newest)), []
        scanned = scanner.columns(records, np.zeros(len(records)))
        columns = merged(scanned, self._columns(*found.plain), found.plain.numbers, found.read)
        columns.newest = found.newest
        self._teach(scanner, found.plain.events)
        return self._with_gb_seconds(columns), found.rejected

    def _teach(self, scanner: "Scanner", events: Sequence[Event]) -> None:
        """Teach the scanner the names of these events; folded names stay unknown to it."""
        taught: set[object] = set()
        for event in events:
            client = event.client
            raw = (
                event.cloud, event.account, event.region, event.service, event.route, event.function, client,
                event.kind, event.counts, False,
            )  # fmt: skip
            path = self.paths.get(raw)
            if path is None:
                continue
            if raw not in taught:
                taught.add(raw)
                scanner.learn_path(event, path)
            for call in (event.tables or ())[:MOST_TABLES]:  # the scanner leaves records with more
                if (path, call.name, call.op) in taught:
                    continue
                taught.add((path, call.name, call.op))
                number = self.calls.get((path, call.name))
                if number is not None:
                    scanner.learn_call(path, call.name, number)
                if call.op is not None and call.op in self._kinds:
                    scanner.learn_op(call.op, self._kinds[call.op])
            for key in event.values or ():
                if key in self.values and key not in taught:
                    taught.add(key)
                    scanner.learn_key(key, self.values[key])

    def finish(self) -> tuple[Columns, list[Rejected]]:
        """Accept or reject the records held back: nothing follows."""
        return self._columns_of(*self._reader.finish(last=True))

    def start(self) -> tuple[Columns, list[Rejected]]:
        """Accept records held back at the start of a partition: nothing follows for a while."""
        return self._columns_of(*self._reader.finish(last=False))

    def _columns_of(
        self, accepted: AcceptedEvents, rejected: list[Rejected]
    ) -> tuple[Columns, list[Rejected]]:
        return self._columns(*accepted), rejected

    def _columns(
        self, events: list[Event], ts: Floats, newest: Floats, records: Sequence[bytes], numbers: Ints
    ) -> Columns:
        """Return the columns of events, which are those of the records with these numbers."""
        n = len(events)
        weight = _whole(np.array([event.weight or 1.0 for event in events], np.float64))
        is_request = np.fromiter([event.kind in _REQUESTS for event in events], np.bool_, n)
        for row in np.flatnonzero(~is_request).tolist():
            _keep_calls_only(events[row])
        # A list per field: a tuple per event would trigger the garbage collector, which costs more.
        raw_paths = zip(
            [event.cloud for event in events],
            [event.account for event in events],
            [event.region for event in events],
            [event.service for event in events],
            [event.route for event in events],
            [event.function for event in events],
            [event.client for event in events],
            [event.kind for event in events],
            [event.counts for event in events],
            [_is_partial(event) and bool(_values_of(event)) for event in events],
            strict=True,
        )
        minutes = (ts // 60).astype(np.int64)
        path = np.array(self.paths.look_up(raw_paths, minutes.tolist()), np.int64)
        throttled = [event.throttled for event in events]
        is_throttled = _has_reason(throttled)
        classes = _classes(
            [event.error for event in events], [event.status for event in events], is_throttled
        )
        layers = [event.ms or _NO_LAYERS for event in events]
        total = np.array([layer.total for layer in layers], np.float64)
        in_function = np.array([layer.function for layer in layers], np.float64)
        busiest = np.where(np.isnan(in_function), total, in_function)
        calls, call_ms = self._calls(path, [event.tables or () for event in events], weight, minutes)
        ms = np.concatenate(
            [
                np.where(np.isnan(total), in_function, total),
                busiest,
                np.array([layer.code for layer in layers], np.float64),
                np.array([layer.auth for layer in layers], np.float64),
                call_ms,
            ]
        )
        bins = bins_of(ms)  # of all layers at once: the cost is in the call
        columns = Columns(
            ts=ts,
            newest=newest,
            weight=np.where(is_request, weight, 0.0),
            key=hashes_of([event.id for event in events]),
            joins=joins_of([event.joins for event in events]),
            path=path,
            error=classes,
            cold=np.array([event.cold_start for event in events], np.bool_),
            throttled=is_throttled,
            bins=np.ascontiguousarray(bins[: LAYERS * n].reshape(LAYERS, n).T),
            busy=_whole(_whole(busiest / 1000) * weight),
            gb_seconds=np.zeros(n),
            again=np.zeros(n, np.bool_),
            record=numbers,
            raw=[records],
            call_bin=bins[LAYERS * n :],
            **calls,
            **self._values([_values_of(event) for event in events], weight, path, minutes),
        )
        fatal = [
            Tag(row, ERROR_TYPE, cut(events[row].error_type) or UNNAMED)
            for row in np.flatnonzero(classes == FATAL).tolist()
        ]
        failures = [
            Tag(row, FAILURE, failure_text(events[row].status, cut(events[row].error_type)))
            for row in np.flatnonzero(classes == BACKEND).tolist()
        ]
        # by row: which tags are folded must not depend on how the records are chunked
        columns.tags = sorted(fatal + failures + _throttles(throttled, is_throttled), key=ROW_OF_TAG)
        columns.stated = [
            StatedRow(row, event.record)
            for row, event in enumerate(events)
            if isinstance(event, Stated) and event.record is not None
        ]
        return self._with_gb_seconds(columns)

    def _with_gb_seconds(self, columns: Columns) -> Columns:
        """Give each event the gigabyte seconds that its function is billed for, in a column of their own.

        Values are summed by service; the cost of a function is needed by function and by caller.
        """
        names = self.values.names
        if len(columns.value) and GB_SECONDS in names:
            rows = np.flatnonzero((columns.value_key == names.index(GB_SECONDS)) & (columns.value > 0))
            columns.gb_seconds = np.zeros(len(columns))
            columns.gb_seconds[columns.value_event[rows]] = np.minimum(columns.value[rows], LARGEST)
        return columns

    def _calls(
        self, path: Ints, tables: Sequence[Sequence[TableCall]], weight: Floats, minutes: Ints
    ) -> tuple[dict[str, Any], Floats]:
        """Return the columns of the table calls, and the milliseconds that each took."""
        calls = list(chain.from_iterable(tables))
        m = len(calls)
        counts = np.fromiter(map(len, tables), np.int64, len(tables))
        event = np.repeat(np.arange(len(tables)), counts)
        names = [call.name for call in calls]
        for row in np.flatnonzero(counts > MOST_TABLES).tolist():
            rows = slice(int(counts[:row].sum()), int(counts[: row + 1].sum()))
            names[rows] = self.calls.kept_apart(names[rows])
        raw_calls = zip(path[event].tolist(), names, strict=True)
        throttled = [call.throttled for call in calls]
        is_throttled = _has_reason(throttled)
        of_calls = weight[event]
        columns = {
            "call_event": event,
            "call_weight": of_calls,
            "call": np.array(self.calls.look_up(raw_calls, minutes[event].tolist()), np.int64),
            "call_rcu": _whole(_whole(np.array([call.rcu for call in calls], np.float64)) * of_calls),
            "call_wcu": _whole(_whole(np.array([call.wcu for call in calls], np.float64)) * of_calls),
            "call_kind": np.fromiter(map(self._kinds.__getitem__, [call.op for call in calls]), np.int8, m),
            "call_throttled": is_throttled,
            "call_tags": _throttles(throttled, is_throttled),
        }
        return columns, np.array([call.ms for call in calls], np.float64)

    def _values(
        self, values: Sequence[dict[str, float]], weight: Floats, path: Ints, minutes: Ints
    ) -> dict[str, Any]:
        event = np.repeat(np.arange(len(values)), np.fromiter(map(len, values), np.int64, len(values)))
        v = len(event)
        keys = self.values.look_up([*chain.from_iterable(values)], path[event], minutes[event])
        amounts = chain.from_iterable(map(dict.values, values))
        return {
            "value_event": event,
            "value_key": np.array(keys, np.int64),
            "value": np.clip(np.fromiter(amounts, np.float64, v), -LARGEST, LARGEST) * weight[event],
        }

    def snapshot(self) -> dict[str, bytes]:
        """Return the names, the newest stamp and the records held back."""
        newest = self.time.newest if np.isfinite(self.time.newest) else None
        time, arrays = self.time.pack()
        meta = _Meta(newest, self._reader.held, self.paths.folded, self.calls.folded, time)
        return {
            "decoder": pack("decoder", self.VERSION, meta, arrays),
            **self.paths.snapshot(),
            **self.calls.snapshot(),
            **self.values.snapshot(),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot.

        Raises
        ------
        detectors.state.state.StateError
            When a part is damaged or of another version.
        """
        meta, arrays = unpack(parts["decoder"], "decoder", self.VERSION, _Meta)
        self._reader.restore(meta.held, meta.newest, meta.time, arrays)
        self.paths.restore(parts)
        self.calls.restore(parts)
        self.values.restore(parts)
        self.value_ids = ValueIds(self.paths, self.values)
        self.paths.folded, self.calls.folded = meta.folded_paths, meta.folded_calls
        if self._scanner is not None:
            self._scanner.forget()


def _cut(arrived: Floats | None, rows: slice) -> Floats | None:
    return None if arrived is None else arrived[rows]


def _in_one(parts: list[tuple[int, Columns, list[Rejected]]]) -> tuple[Columns, list[Rejected]]:
    """Return the decoded pieces of a run, each with its place in the run, as one."""
    if len(parts) == 1:
        return parts[0][1:]
    rejected = [replace(bad, index=at + bad.index) for at, _, several in parts for bad in several]
    return joined([columns for _, columns, _ in parts]), sorted(rejected, key=lambda bad: bad.index)


def _keep_calls_only(event: Event) -> None:
    """Clear the fields that only a request has."""
    event.error, event.status, event.throttled, event.cold_start, event.ms = None, None, None, None, None


def _is_partial(event: Event) -> bool:
    return event.kind is not None or event.counts is not None


def _values_of(event: Event) -> dict[str, float]:
    """Return the business values of an event, and the gigabyte seconds of its memory."""
    values = event.values or _NO_VALUES
    billed_ms = _billed_ms(event)
    if event.memory_mb is None or billed_ms is None or GB_SECONDS in values:
        return values
    return values | {GB_SECONDS: event.memory_mb / 1024 * billed_ms / 1000}


def _billed_ms(event: Event) -> float | None:
    """Return the milliseconds that were billed: a source that knows none has those in the function, on AWS.

    Google Cloud bills instances, which requests may share.
    """
    if event.billed_ms is not None or event.cloud != "aws" or not event.ms or not event.ms.function:
        return event.billed_ms
    return float(math.ceil(event.ms.function))


def _classes(error: Sequence[object], status: Sequence[int | None], throttled: Bools) -> NDArray[np.int8]:
    """Return the error class of each event: the one it states, else the one of its status."""
    classes = np.fromiter(map(_ERROR_CODES.__getitem__, error), np.int8, len(error))
    absent = classes == _ABSENT
    if absent.any():
        code = np.array(status, np.float64)
        # A 429 from the service's own limit is a backend error, not a user's.
        user = (code >= 400) & (code < 500) & ~((code == 429) & throttled)  # noqa: PLR2004 - HTTP
        follows = np.where(user, USER, np.where(code >= 400, BACKEND, NO_ERROR))  # noqa: PLR2004 - HTTP
        classes = np.where(absent, follows, classes).astype(np.int8)
    return classes


def _whole(amounts: Floats) -> Floats:
    """Return the amounts as whole multiples of QUANTUM, 0 where nothing was measured."""
    whole = np.rint(amounts / QUANTUM) * QUANTUM
    return np.where(np.isnan(whole), 0.0, whole)


def _has_reason(reasons: Sequence[str | None]) -> Bools:
    """Return which events have a reason; mostly none has, which ``any`` finds fast."""
    n = len(reasons)
    return np.fromiter(map(bool, reasons), np.bool_, n) if any(reasons) else np.zeros(n, np.bool_)


def _throttles(reasons: Sequence[str | None], throttled: Bools) -> list[Tag]:
    if not throttled.any():
        return []
    return [Tag(row, THROTTLE, cut(reasons[row])) for row in np.flatnonzero(throttled).tolist()]
