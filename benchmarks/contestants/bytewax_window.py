"""Bytewax: an event-time fold over tumbling windows, by service and function.

python -m benchmarks.contestants.bytewax_window BROKER TOPIC EVENTS

It runs in the environment of the peers. Without a wait of a day for what is late, partitions that are read at
different speeds would lose events; all windows then close where the topic ends.
"""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as windows
import orjson
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower
from bytewax.testing import TestingSink, run_main

from benchmarks.meter import Meter
from benchmarks.totals import WINDOW, Totals

ZERO = datetime(2025, 1, 1, tzinfo=UTC)
BATCH = 10_000


def main(broker: str, topic: str, expected: int) -> None:
    meter = Meter()
    read = 0

    def decode(message: Any) -> tuple[str, tuple[datetime, float]]:
        nonlocal read
        meter.start()
        read += 1
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
    source = KafkaSource([broker], [topic], tail=False, batch_size=BATCH)
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
        totals.add_cell((service, function, start), count, sum_, max_)
    meter.tell(read, expected=expected, totals=totals.rows())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
