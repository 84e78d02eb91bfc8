"""Reads a topic as replay does, and does nothing with it.

python -m benchmarks.contestants.topic_read BROKER TOPIC EVENTS
"""

import sys

from benchmarks.meter import Meter
from config.settings import KafkaSettings
from streams.offline.sources.topic import TopicSource


def main(broker: str, topic: str) -> None:
    meter, records = Meter(), 0
    for piece in TopicSource(KafkaSettings(brokers=[broker]), topic).pieces():
        meter.start()
        records += len(piece.records or ())
    meter.stop()
    meter.report(records)


if __name__ == "__main__":
    main(*sys.argv[1:3])
