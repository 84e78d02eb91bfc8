"""Notices that a topic was deleted, made anew or given more partitions while the daemon runs.

A consumer takes all of this in silence: it waits for a topic that is gone, reads a new one of the same name
from an offset that means nothing there, and gets partitions that the stages have never heard of. None of
it can be made good while running, and a restart finds out what is there, so the daemon ends with a line.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from config.settings import KafkaSettings
from streams.kafka.topics import Topic, TopicError, topics_there

LOOK_SECONDS: Final = 5.0
GONE: Final = 2  # looks in a row without it: a broker that has just started may not know its topics yet

log = structlog.get_logger("uneri.topics")


class TopicWatch:
    """Compares the topics with what they were at the start.

    Parameters
    ----------
    kafka
        Where they are.
    before
        What the daemon was started with.
    every
        Seconds between two looks.
    """

    def __init__(
        self, kafka: KafkaSettings, before: Mapping[str, Topic], every: float = LOOK_SECONDS
    ) -> None:
        self._kafka = kafka
        self._before = before
        self._every = every
        self._gone = 0

    async def run(self) -> None:
        """Look until cancelled.

        Raises
        ------
        TopicError
            When a topic is not what it was.
        """
        while True:
            await asyncio.sleep(self._every)
            try:
                now = await asyncio.to_thread(topics_there, self._kafka)
            except TopicError as error:
                log.debug("topics cannot be looked at", reason=str(error))  # the clients say that it is down
                continue
            self.compare(now)

    def compare(self, now: Mapping[str, Topic]) -> None:
        """Compare with what is there now.

        Raises
        ------
        TopicError
            When a topic was deleted, made anew or given more partitions.
        """
        missing = [name for name in self._before if name not in now]
        self._gone = self._gone + 1 if missing else 0
        if self._gone >= GONE:
            raise TopicError(
                f"the topic {', '.join(missing)} was deleted while it was read; what was not read is lost: "
                "create it again (`uneri setup` does), then start with another kafka.app"
            )
        for name, before in self._before.items():
            found = now.get(name, before)
            if found.id != before.id:
                raise TopicError(
                    f"the topic {name} was deleted and created anew while it was read: the checkpoints are "
                    "of the old one. Choose another kafka.app, or delete the topics of this one"
                )
            if found.partitions != before.partitions:
                raise TopicError(
                    f"the topic {name} has {found.partitions} partitions now and had {before.partitions} at "
                    "the start: start again to read all of them"
                )
