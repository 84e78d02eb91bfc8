"""Finds the history that a word on the command line, or in a notebook, names."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from config.settings import KafkaSettings, Settings
from streams.history.files import FileHistory
from streams.history.source import History, ReplayError
from streams.process.times import Moment, seconds_of

Between = tuple[float | None, float | None]
"""Epoch seconds from which and before which; None is no bound."""

Source = str | Path


def open_history(
    sources: Source | Sequence[Source],
    settings: Settings | None = None,
    between: tuple[Moment | None, Moment | None] = (None, None),
) -> History:
    """Return what words name: files and folders, or one ``kafka://host:port/topic``.

    Parameters
    ----------
    sources
        One of them or several.
    settings
        Say how Kafka is logged in to.
    between
        From which time on and before which; None is no bound.

    Raises
    ------
    ReplayError
        When it cannot be read.
    TypeError, ValueError
        When something else is given.
    """
    words = _words(sources)
    if settings is not None and not isinstance(settings, Settings):
        raise TypeError(f"settings is a {type(settings).__name__}; give what load_settings returns")
    if not isinstance(between, tuple | list) or len(between) != 2:  # noqa: PLR2004  # from and to
        raise TypeError(f"between is {between!r}; write (from, to), with None for no bound")
    start, end = (None if moment is None else seconds_of(moment) for moment in between)
    if start is not None and end is not None and start >= end:
        raise ReplayError("--from must be before --to")
    topics = [word for word in words if word.startswith("kafka:")]
    if not topics:
        return FileHistory([Path(word) for word in words], start, end)
    if len(words) > 1:
        raise ReplayError("one topic at a time, and no files beside it")
    brokers, _, topic = topics[0].removeprefix("kafka:").strip("/").partition("/")
    if not topic or not all(re.fullmatch(r".+:\d{1,5}", broker) for broker in brokers.split(",")):
        raise ReplayError(f"{topics[0]}: write kafka://host:port/topic")
    from streams.history.topic import KafkaHistory

    kafka = ((settings and settings.kafka) or KafkaSettings()).model_copy(
        update={"brokers": brokers.split(",")}
    )
    return KafkaHistory(kafka, topic, start, end)


def _words(sources: Source | Sequence[Source]) -> list[str]:
    several = [sources] if isinstance(sources, str) or not isinstance(sources, Iterable) else list(sources)
    if not several:
        raise ValueError("no sources; name files, folders or kafka://host:port/topic")
    for source in several:
        if not isinstance(source, Source):
            raise TypeError(f"{source!r} is no source; write text or a Path")
    return [str(source) for source in several]
