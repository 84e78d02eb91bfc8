"""Opens the source of events that is named on the command line, or in a notebook."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from config.settings import KafkaSettings, Settings
from streams.ingest.formats.inputs import Inputs, UnknownInputError
from streams.offline.sources.files import FileSource
from streams.offline.sources.patient_schemas import patient_schemas
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import RecordSource
from streams.process.times import TimeLike, to_epoch

Between = tuple[float | None, float | None]
"""From (inclusive) and to (exclusive) in epoch seconds; None leaves that side open."""

Source = str | Path


def open_source(
    sources: Source | Sequence[Source],
    settings: Settings | None = None,
    between: tuple[TimeLike | None, TimeLike | None] = (None, None),
    *,
    source: str | None = None,
    form: str | None = None,
) -> RecordSource:
    """Open files and folders, or one ``kafka://host:port/topic``, with the Kafka credentials of the settings.

    Parameters
    ----------
    between
        From (inclusive) and to (exclusive); None leaves that side open.
    source, form
        The input of ``sources.inputs``, or the format, that the payloads are in. Without both, a topic of an
        input is in the input's format, and all else holds records of docs/event.md.

    Raises
    ------
    ReplayError
        When it cannot be read.
    TypeError, ValueError
        When an argument is not valid.
    """
    names = _names(sources)
    if settings is not None and not isinstance(settings, Settings):
        raise TypeError(f"settings is a {type(settings).__name__}; pass the result of load_settings")
    if not isinstance(between, tuple | list) or len(between) != 2:  # noqa: PLR2004  # from and to
        raise TypeError(f"between is {between!r}; write (from, to), with None for an open side")
    start, end = (None if moment is None else to_epoch(moment) for moment in between)
    if start is not None and end is not None and start >= end:
        raise ReplayError("--from must be before --to")
    topics = [name for name in names if name.startswith("kafka:")]
    given_sources = (settings or Settings()).sources
    inputs = Inputs(given_sources, patient_schemas(given_sources.registry))
    try:
        given = inputs.of(source, form) if source or form else None
    except UnknownInputError as error:
        raise ReplayError(str(error)) from error
    if not topics:
        return FileSource([Path(name) for name in names], start, end, given)
    if len(names) > 1:
        raise ReplayError("a Kafka topic must be the only source; replay topics and files separately")
    brokers, _, topic = topics[0].removeprefix("kafka:").strip("/").partition("/")
    if not topic or not all(re.fullmatch(r".+:\d{1,5}", broker) for broker in brokers.split(",")):
        raise ReplayError(f"{topics[0]}: write kafka://host:port/topic")
    from streams.offline.sources.topic import TopicSource

    kafka = ((settings and settings.kafka) or KafkaSettings()).model_copy(
        update={"brokers": brokers.split(",")}
    )
    return TopicSource(kafka, topic, start, end, given or inputs.topics.get(topic))


def _names(sources: Source | Sequence[Source]) -> list[str]:
    several = [sources] if isinstance(sources, str) or not isinstance(sources, Iterable) else list(sources)
    if not several:
        raise ValueError("no sources; give files, folders or kafka://host:port/topic")
    for source in several:
        if not isinstance(source, Source):
            raise TypeError(f"{source!r} is not a source; give a string or a Path")
    return [str(source) for source in several]
