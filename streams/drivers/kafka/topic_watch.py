"""Detects that a topic was deleted, recreated or given more partitions while the daemon runs.

A consumer reports none of this: it waits for a topic that is gone, reads a new one of the same name from an
offset that means nothing there, and receives partitions that the stages do not know. None of it can be
repaired while running, and a restart finds out what exists, so the daemon ends with one line.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from config.settings import KafkaSettings
from streams.drivers.kafka.topics import Topic, TopicError, existing_topics

CHECK_SECONDS: Final = 5.0
GONE: Final = 2  # consecutive checks without it: a broker that has just started may not know its topics yet

log = structlog.get_logger("uneri.topics")


class TopicWatch:
    """Compares the topics with what they were at the start.

    Parameters
    ----------
    kafka
        Brokers and names.
    before
        The topics at the start of the daemon.
    every
        Seconds between two checks.
    """

    def __init__(
        self, kafka: KafkaSettings, before: Mapping[str, Topic], every: float = CHECK_SECONDS
    ) -> None:
        self._kafka = kafka
        self._before = before
        self._every = every
        self._gone = 0

    async def run(self) -> None:
        """Check until cancelled.

        Raises
        ------
        TopicError
            When a topic has changed.
        """
        while True:
            await asyncio.sleep(self._every)
            try:
                now = await asyncio.to_thread(existing_topics, self._kafka, list(self._before))
            except TopicError as error:
                log.debug("topics cannot be listed", reason=str(error))  # the clients log that it is down
                continue
            self.compare(now)

    def compare(self, now: Mapping[str, Topic]) -> None:
        """Compare with the topics that exist now.

        Raises
        ------
        TopicError
            When a topic was deleted, recreated or given more partitions.
        """
        missing = [name for name in self._before if name not in now]
        self._gone = self._gone + 1 if missing else 0
        if self._gone >= GONE:
            raise TopicError(
                f"the topic {', '.join(missing)} was deleted while it was read; unread records are lost. "
                "Run `uneri setup` to create it again, then start with another kafka.app"
            )
        for name, before in self._before.items():
            found = now.get(name, before)
            if found.id != before.id:
                raise TopicError(
                    f"the topic {name} was deleted and created anew while it was read: the checkpoints are "
                    "for the old one. Choose another kafka.app, or delete this one's topics"
                )
            if found.partitions != before.partitions:
                raise TopicError(
                    f"the topic {name} has {found.partitions} partitions now and had {before.partitions} at "
                    "the start: restart to read all of them"
                )
