"""Replays a topic: everything that `uneri replay` does but the files it leaves.

python -m benchmarks.contestants.topic_replay BROKER TOPIC EVENTS
"""

import sys

from benchmarks.meter import Meter
from config.settings import KafkaSettings, Settings
from streams.drivers.compile_ahead import prepare_process
from streams.offline.replay.replay_pass import ReplayPass
from streams.offline.sources.topic import TopicSource


def main(broker: str, topic: str) -> None:
    prepare_process()
    meter = Meter()
    history = TopicSource(KafkaSettings(brokers=[broker]), topic)
    (found,) = ReplayPass(history, [Settings()]).run(lambda *_: meter.start())
    meter.stop()
    meter.report(found.records, first=found.first, last=found.last)


if __name__ == "__main__":
    main(*sys.argv[1:3])
