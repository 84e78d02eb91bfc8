"""Bytewax: an event-time fold over tumbling windows, by service and function.

python -m benchmarks.contestants.bytewax_window BROKER TOPIC EVENTS [WARM [SECONDS]]

It runs in the environment of the peers. Without a wait of a day for what is late, partitions that are read at
different speeds would lose events; all windows then close where the topic ends.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as windows
import orjson
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.inputs import StatefulSourcePartition
from bytewax.operators.windowing import EventClock, TumblingWindower
from bytewax.testing import TestingSink, run_main

from benchmarks.harness.meter import Meter
from benchmarks.harness.totals import WINDOW, Totals

ZERO = datetime(2025, 1, 1, tzinfo=UTC)
BATCH = 10_000


class Part(StatefulSourcePartition[Any, Any]):  # type: ignore[misc] # not installed where types are checked
    """A partition that counts what it has handed over, and ends when that is enough."""

    def __init__(self, part: Any, number: int, meter: Meter) -> None:
        self._part, self._number, self._meter = part, number, meter
        self._handed_over = 0

    def next_batch(self) -> Sequence[Any]:
        # What it handed over before has gone down the dataflow by now.
        self._meter.count(self._number, self._handed_over)
        self._handed_over = 0
        if self._meter.enough:
            raise StopIteration
        batch: Sequence[Any] = self._part.next_batch()
        self._handed_over = len(batch)
        return batch

    def next_awake(self) -> Any:
        return self._part.next_awake()

    def snapshot(self) -> Any:
        return self._part.snapshot()

    def close(self) -> None:
        self._part.close()


class BoundedSource(KafkaSource):  # type: ignore[misc] # not installed where types are checked
    """The library's own source until the meter has enough."""

    meter: Meter

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> Part:
        number = int(for_part.partition("-")[0])
        return Part(super().build_part(step_id, for_part, resume_state), number, self.meter)


def main(broker: str, topic: str, words: list[str]) -> None:
    meter = Meter.of(words)

    def decode(message: Any) -> tuple[str, tuple[datetime, float]]:
        event = orjson.loads(message.value)
        key = f"{event['service']}/{event['function']}"
        return key, (datetime.fromtimestamp(event["ts"], UTC), event["ms"]["total"])

    def fold(cell: list[float], event: tuple[datetime, float]) -> list[float]:
        amount = event[1]
        cell[0] += 1
        cell[1] += amount
        cell[2] = max(amount, cell[2])
        return cell

    def merge(one: list[float], other: list[float]) -> list[float]:
        return [one[0] + other[0], one[1] + other[1], max(one[2], other[2])]

    flow = Dataflow("peer")
    source = BoundedSource([broker], [topic], tail=False, batch_size=BATCH)
    source.meter = meter
    events = op.map("decode", op.input("requests", flow, source), decode)
    folded = windows.fold_window(
        "totals",
        events,
        EventClock(lambda event: event[0], wait_for_system_duration=timedelta(days=1)),
        TumblingWindower(length=timedelta(seconds=WINDOW), align_to=ZERO),
        lambda: [0, 0.0, float("-inf")],
        fold,
        merge,
        ordered=False,
    )
    out: list[tuple[str, tuple[int, list[float]]]] = []
    op.output("out", folded.down, TestingSink(out))
    run_main(flow)
    meter.stop()

    totals = Totals()
    for key, (window, (count, sum_, max_)) in out:
        service, function = key.split("/")
        start = int(ZERO.timestamp()) + window * WINDOW
        totals.add((service, function, start), count, sum_, max_)
    meter.report(totals=totals.rows())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
