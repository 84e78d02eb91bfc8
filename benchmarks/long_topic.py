"""A topic of millions of events that is written in seconds, and the exact answer to any first part of it.

The events are those of ``request_events``, some 90,000 of them, again and again; each time with other ids and
a time of its own, which are written over those in Kafka's own batches. No id comes twice, a partition is in
order of time, and every partition has events of every function.
"""

import struct
from collections import Counter
from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from aiokafka.record.util import calc_crc32c

from benchmarks.batch_writer import built, write
from benchmarks.request_events import PARTITIONS, RATE, START, Answer, events, said
from benchmarks.totals import WINDOW, Totals
from detectors.model.array_types import Floats, Ints

BATCH: Final = 1_400  # events: half a megabyte
CYCLE: Final = 8  # batches of a partition, before their bodies come again
ROW: Final = BATCH * PARTITIONS  # events of the batches with one number
TICKS: Final = 10_000 // round(RATE)  # of a tenth of a millisecond, from event to event
MILLIS: Final = ROW * TICKS // 10  # that a batch lasts
PER_WINDOW: Final = WINDOW * round(RATE)  # events of all partitions

# What comes first in every event, always as wide: '{"ts":1760000000.0002,"id":"00112233445566ff"'
TS, TS_DIGITS, ID, ID_DIGITS = 6, 15, 28, 16
_HEAD = b'{"ts":0000000000.0000,"id":"0000000000000000"'
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd: what it multiplies stays distinct, and looks like chance

# Of a batch of Kafka's format 2.
_CRC, _ATTRIBUTES, _FIRST_MS, _NEWEST_MS = 17, 21, 27, 35


class _Pattern(NamedTuple):
    """A batch with events whose times and ids are still to be written."""

    body: bytes
    places: Ints  # where each event begins
    numbers: Ints  # of its events, those of the first batch of the partition being the first
    name: Ints  # of each: service and function
    amount: Floats


class LongTopic:
    """Events in whole batches, at least so many.

    Parameters
    ----------
    least
        Events asked for.
    """

    def __init__(self, least: int) -> None:
        self.batches = -(-least // ROW)  # of each partition
        self.records = self.batches * ROW
        self._names: dict[tuple[str, str], int] = {}
        self._patterns = self._drawn()

    def first(self, least: int) -> "LongTopic":
        """Return a topic of the first of these events, at least so many."""
        brief = copy(self)
        brief.__dict__.pop("whole", None)  # the answer, where it is known
        brief.batches = -(-least // ROW)
        brief.records = brief.batches * ROW
        return brief

    def _drawn(self) -> list[list[_Pattern]]:
        """Return the patterns of each partition."""
        made = events(CYCLE * ROW)
        bodies = [_HEAD + line[line.index(b',"cloud"') :] for line in made]
        names = [
            self._names.setdefault((event.service, event.function), len(self._names)) for event in said(made)
        ]
        amounts = [event.ms.total for event in said(made)]
        dealt = [slice(at * ROW + number, (at + 1) * ROW, PARTITIONS) for number in range(PARTITIONS)
                 for at in range(CYCLE)]  # fmt: skip
        patterns = [
            _pattern(index // CYCLE, bodies[rows], np.array(names[rows]), np.array(amounts[rows]))
            for index, rows in enumerate(dealt)
        ]
        return [patterns[number * CYCLE : (number + 1) * CYCLE] for number in range(PARTITIONS)]

    @property
    def size(self) -> float:
        """Bytes of an event, on average."""
        patterns = [pattern for some in self._patterns for pattern in some]
        return sum(len(pattern.body) - int(pattern.places[0]) for pattern in patterns) / (
            len(patterns) * BATCH
        )

    def batch(self, partition: int, number: int) -> bytes:
        """Return a batch as Kafka keeps it."""
        pattern = self._patterns[partition][number % CYCLE]
        batch = bytearray(pattern.body)
        of_all = pattern.numbers + number * ROW
        view = np.frombuffer(batch, np.uint8)
        ticks = START * 10_000 + of_all * TICKS
        for place in range(TS_DIGITS - 1, -1, -1):
            if place != TS_DIGITS - 5:  # the point
                ticks, digit = np.divmod(ticks, 10)
                view[pattern.places + (TS + place)] = digit + ord("0")
        ids = of_all.astype(np.uint64) * _SPREAD
        for place in range(ID_DIGITS):
            nibble = (ids >> np.uint64(4 * place)) & np.uint64(15)
            view[pattern.places + (ID + place)] = _HEX[nibble.astype(np.intp)]
        for field in (_FIRST_MS, _NEWEST_MS):
            (before,) = struct.unpack_from(">q", batch, field)
            struct.pack_into(">q", batch, field, before + number * MILLIS)
        del view
        struct.pack_into(">I", batch, _CRC, calc_crc32c(memoryview(batch)[_ATTRIBUTES:]))
        return bytes(batch)

    def write(self, broker: str, name: str) -> None:
        """Make a topic of these events, which arrived as they happened: arrival bounds event time."""
        write(broker, name, self.batch, self.batches)

    @cached_property
    def whole(self) -> Answer:
        """The answer to all of it."""
        return self.answer([self.batches * BATCH] * PARTITIONS)

    def answer(self, counts: Sequence[int]) -> Answer:
        """Return the answer to so many first events of each partition."""
        keys = [key for key, _ in sorted(self._names.items(), key=lambda item: item[1])]
        windows = -(-self.records // PER_WINDOW)
        cells = windows * len(keys)
        found, sums, most = np.zeros(cells), np.zeros(cells), np.full(cells, -np.inf)
        buckets = Counter[tuple[int, int]]()
        for partition, count in enumerate(counts):
            patterns = self._patterns[partition]
            index = np.arange(count)
            row = index % (CYCLE * BATCH)
            name = np.concatenate([pattern.name for pattern in patterns])[row]
            amount = np.concatenate([pattern.amount for pattern in patterns])[row]
            of_window = (index * PARTITIONS + partition) // PER_WINDOW
            place = of_window * len(keys) + name
            found += np.bincount(place, minlength=cells)
            sums += np.bincount(place, amount, minlength=cells)  # of eighths: exact in any order
            np.maximum.at(most, place, amount)
            for start, many in enumerate(np.bincount(of_window)):
                if many:
                    buckets[partition, START + WINDOW * start] = int(many)
        totals = Totals()
        for at in np.flatnonzero(found).tolist():
            window, key = divmod(at, len(keys))
            cell = [int(found[at]), float(sums[at]), float(most[at])]
            totals.cells[*keys[key], START + WINDOW * window] = cell
        return Answer(sum(counts), totals, buckets)


def _pattern(partition: int, bodies: Sequence[bytes], name: Ints, amount: Floats) -> _Pattern:
    numbers = np.arange(BATCH) * PARTITIONS + partition
    stamps = START * 1000 + np.rint(numbers * TICKS / 10).astype(np.int64)
    batch = built(list(bodies), stamps.tolist())
    places, at = [], 0
    for _ in bodies:
        at = batch.index(_HEAD, at)
        places.append(at)
        at += len(_HEAD)
    return _Pattern(batch, np.array(places), numbers, name, amount)
