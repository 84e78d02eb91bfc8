"""A topic of millions of events, and the exact answer to any first part of it.

Some 80,000 events are drawn, and written again and again, each time with an id and a time of its own. A
partition is in order of time, and has events of every function.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.harness.meter import PARTITIONS
from benchmarks.harness.totals import WINDOW, Totals, Verdict, compare
from benchmarks.inputs.topic_writer import write

START: Final = 1_760_000_000
RATE: Final = 5_000  # events per second of event time
HEALTHY: Final = 0.98  # share of requests that succeed
DRAWN: Final = 80_000  # events, before they come again
SPREAD: Final = 0x9E3779B97F4A7C15  # odd: what it multiplies stays distinct, and looks like chance


class Answer(NamedTuple):
    """The contents of a topic, or of a first part of it."""

    records: int
    totals: Totals
    buckets: Counter[tuple[int, int]]  # events by partition and start of the window


def check_closed(reported: dict[str, Any], answer: Answer) -> Verdict:
    """Every closed bucket of every partition holds exactly the events of its ten seconds."""
    watermarks = reported["watermarks"]
    ended = {
        at: [float(number)] for at, number in answer.buckets.items() if at[1] < watermarks.get(str(at[0]), 0)
    }
    if not ended:
        return Verdict(missing=answer.records)
    return compare({(partition, start): [number] for partition, start, number in reported["buckets"]}, ended)


class Body(NamedTuple):
    """An event but for its time and id, and what of it the answers need."""

    text: bytes
    key: tuple[str, str]  # service and function
    amount: float  # ms.total


def bodies(count: int) -> list[Body]:
    """Draw events of 8 services with 25 functions each, which call one or two of 30 tables; 6 clients."""
    rng = random.Random(7)  # noqa: S311 - repeatable, keeps no secret
    made = []
    for _ in range(count):
        service, function = rng.randrange(8), rng.randrange(25)
        first = (service * 25 + function) % 30
        key = f"service-{service}", f"function-{service}-{function}"
        amount = round(rng.lognormvariate(3, 0.6) * 8) / 8  # sums stay exact
        event = {
            "cloud": "aws",
            "account": "123456789012",
            "region": "eu-west-1",
            "service": key[0],
            "route": f"GET /{service}/{function}",
            "function": key[1],
            "client": {"name": "ios", "version": f"3.{rng.randrange(6)}.0"},
            "status": 200 if rng.random() < HEALTHY else 500,
            "ms": {"total": amount},
            "tables": [
                {
                    "name": f"table-{(first + 7 * call) % 30}",
                    "op": "GetItem",
                    "ms": round(rng.expovariate(0.2), 2),
                    "rcu": 1.5,
                }
                for call in range(1 + function % 2)
            ],
        }
        made.append(Body(msgspec.json.encode(event)[1:], key, amount))
    return made


class RequestTopic:
    """So many events, dealt to the partitions in turn. They arrive as they happen: that bounds time."""

    def __init__(self, records: int) -> None:
        self.records = records
        self._bodies = bodies(min(records, DRAWN))

    def line(self, number: int) -> bytes:
        """Return an event."""
        body = self._bodies[number % len(self._bodies)].text
        return b'{"ts":%.4f,"id":"%016x",%b' % (START + number / RATE, number * SPREAD % (1 << 64), body)

    @property
    def size(self) -> float:
        """Bytes of an event, on average."""
        return sum(len(self.line(number)) for number in range(len(self._bodies))) / len(self._bodies)

    def lines(self) -> Iterator[bytes]:
        return map(self.line, range(self.records))

    def write(self, broker: str, name: str, records: int | None = None) -> None:
        """Make a topic of them, or of so many first ones."""
        numbers = range(self.records if records is None else records)
        write(broker, name, ((self.line(number), START * 1000 + number * 1000 // RATE) for number in numbers))

    @cached_property
    def whole(self) -> Answer:
        """The answer to all of it."""
        return self.answer(
            [len(range(partition, self.records, PARTITIONS)) for partition in range(PARTITIONS)]
        )

    def answer(self, counts: Sequence[int]) -> Answer:
        """Return the answer to so many first events of each partition."""
        keys = sorted({body.key for body in self._bodies})
        number_of = {key: number for number, key in enumerate(keys)}
        key_of = np.array([number_of[body.key] for body in self._bodies])
        amount_of = np.array([body.amount for body in self._bodies])
        cells = -(-self.records // (WINDOW * RATE)) * len(keys)
        found, sums, most = np.zeros(cells), np.zeros(cells), np.full(cells, -np.inf)
        buckets = Counter[tuple[int, int]]()
        for partition, count in enumerate(counts):
            numbers = np.arange(count) * PARTITIONS + partition
            window, body = numbers // (WINDOW * RATE), numbers % len(self._bodies)
            place = window * len(keys) + key_of[body]
            found += np.bincount(place, minlength=cells)
            sums += np.bincount(place, amount_of[body], minlength=cells)  # of eighths: exact in any order
            np.maximum.at(most, place, amount_of[body])
            for at, many in enumerate(np.bincount(window).tolist()):
                if many:
                    buckets[partition, START + WINDOW * at] = many
        totals = Totals()
        for place in np.flatnonzero(found).tolist():
            at, number = divmod(place, len(keys))
            cell = [int(found[place]), float(sums[place]), float(most[place])]
            totals.cells[*keys[number], START + WINDOW * at] = cell
        return Answer(sum(counts), totals, buckets)
