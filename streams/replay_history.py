"""Finds the history that a word on the command line, or in a notebook, names."""

import re
from collections.abc import Sequence
from pathlib import Path

from config.settings import Kafka, Settings
from streams.replay_files import FileHistory
from streams.replay_kafka import KafkaHistory
from streams.replay_source import History, ReplayError

Between = tuple[float | None, float | None]
"""Epoch seconds from which and before which; None is no bound."""


def open_history(
    sources: Sequence[str], settings: Settings | None = None, between: Between = (None, None)
) -> History:
    """Return what words name: files and folders, or one ``kafka://host:port/topic``.

    ``settings`` say how Kafka is logged in to.

    Raises
    ------
    ReplayError
        When it cannot be read.
    """
    start, end = between
    if start is not None and end is not None and start >= end:
        raise ReplayError("--from must be before --to")
    topics = [source for source in sources if source.startswith("kafka:")]
    if not topics:
        return FileHistory([Path(source) for source in sources], *between)
    if len(sources) > 1:
        raise ReplayError("one topic at a time, and no files beside it")
    brokers, _, topic = topics[0].removeprefix("kafka:").strip("/").partition("/")
    if not topic or not all(re.fullmatch(r".+:\d{1,5}", broker) for broker in brokers.split(",")):
        raise ReplayError(f"{topics[0]}: write kafka://host:port/topic")
    kafka = ((settings and settings.kafka) or Kafka()).model_copy(update={"brokers": brokers.split(",")})
    return KafkaHistory(kafka, topic, *between)
