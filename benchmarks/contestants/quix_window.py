"""Quix Streams: a tumbling window in event time, by service and function.

python -m benchmarks.contestants.quix_window BROKER TOPIC EVENTS [WARM [SECONDS]]

It runs in the environment of the peers. Windows go by the key of a record, and the records have none;
``group_by`` would send every event through Kafka once more. So the key is set in place, by the way that the
library's own windows take, and each partition has windows of its own, which are merged in the end. No
changelog topics either.
"""

import os
import sys
import tempfile
from typing import Any

from quixstreams import Application, message_context

from benchmarks.harness.meter import Meter
from benchmarks.harness.totals import WINDOW, Totals


def event_time(value: dict[str, Any], *_: Any) -> int:
    return int(value["ts"] * 1000)


def first(event: dict[str, Any]) -> list[float]:
    amount = event["ms"]["total"]
    return [1, amount, amount]


def fold(cell: list[float], event: dict[str, Any]) -> list[float]:
    amount = event["ms"]["total"]
    return [cell[0] + 1, cell[1] + amount, max(cell[2], amount)]


def main(broker: str, topic: str, words: list[str]) -> None:
    meter = Meter.of(words)
    newest: dict[tuple[int, str, int], list[float]] = {}

    def processed(_: str, partition: int, *__: Any) -> None:
        if meter.took(partition):
            app.stop()

    app = Application(
        broker_address=broker,
        consumer_group=f"bench-{os.getpid()}",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="uneri-quix-"),
        use_changelog_topics=False,
        on_message_processed=processed,
        loglevel="WARNING",
    )

    def keyed(value: dict[str, Any], _: Any, timestamp: int, headers: Any) -> tuple[Any, ...]:
        return value, f"{value['service']}/{value['function']}", timestamp, headers

    def updated(value: dict[str, Any], key: str, *_: Any) -> None:
        newest[message_context().partition, key, value["start"]] = value["value"]

    sdf = app.dataframe(app.topic(topic, value_deserializer="json", timestamp_extractor=event_time))
    sdf = sdf.__dataframe_clone__(stream=sdf.stream.add_transform(keyed))
    window = sdf.tumbling_window(duration_ms=WINDOW * 1000, name="totals").reduce(fold, first)
    window.current().update(updated, metadata=True)  # windows that are still open when all is read count too
    app.run()

    totals = Totals()
    for (_, key, start), cell in newest.items():
        service, function = key.split("/")
        totals.add((service, function, start // 1000), *cell)
    meter.report(totals=totals.rows())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
