"""``uneri state export`` of the Kafka driver: checkpoints, outbox, and what is between the stages.

Nothing waits for it. The checkpoints are read from the last stage to the first, the topic again to its end
for each, so that no stage is older than what a later one knows of it. What the earlier stages have sent since
is in the topics between them, which are read last: a stage that reads them finds either what it lacks, or
what it knows already and drops, as after a crash. The outbox comes after the stage that fills it.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from config.settings import KafkaSettings, Settings
from detectors.state.state import StateError
from streams.drivers.kafka.checkpoints.checkpoints import checkpoint_in
from streams.drivers.kafka.checkpoints.state_topics import Newest, StageTopic, Tail, flows, take_in
from streams.drivers.kafka.connections.client import client_options, open_client
from streams.drivers.kafka.outbox import KEY
from streams.drivers.kafka.roles import BOARD
from streams.drivers.kafka.topics import Topic, TopicError, Topics, verified_topics
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.files.state_archive import (
    KAFKA,
    About,
    ArchiveError,
    InputTopic,
    Member,
    about_now,
    write_archive,
)

LATEST_FIRST: Final = (BOARD, "notify", KEY, "incidents", "detect", "rollup")
SETTLE_SECONDS: Final = 30.0  # until the records of a checkpoint that is being written are all there

Entry = tuple[bytes | None, bytes]
"""Key and value of a record."""


def export_app(settings: Settings, path: Path) -> None:
    """Write the state of the app of a ``kafka`` section to an archive, whether its daemons run or not.

    Raises
    ------
    ArchiveError
        When there is no state, or Kafka does not answer.
    detectors.state.state.StateError
        When the state is damaged, or cannot be read in time.
    config.secret.SecretError
        As ``client_options``.
    OSError
        When the file cannot be written.
    """
    assert settings.kafka is not None  # noqa: S101 - the caller knows
    kafka, inputs = settings.kafka, settings.sources.topics
    try:
        present = verified_topics(kafka, inputs, history=settings.history.shared)
        with (
            open_client(
                KafkaConsumer,
                **client_options(kafka),
                isolation_level="read_committed",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                group_id=None,
            ) as consumer,
            tempfile.TemporaryDirectory(prefix="uneri-export-") as folder,
        ):
            about = _about(kafka, inputs, present)
            members = _all_members(kafka, consumer, Path(folder), history=settings.history.shared)
            write_archive(path, about, members)
    except TopicError as error:
        raise ArchiveError(str(error)) from error
    except KafkaError as error:
        raise ArchiveError(
            f"Kafka at {', '.join(kafka.brokers)} does not answer ({type(error).__name__}): is it running?"
        ) from error


def _about(kafka: KafkaSettings, inputs: Sequence[str], present: Mapping[str, Topic]) -> About:
    about = about_now(KAFKA)
    about.requests, about.shards = kafka.requests, kafka.shards
    if kafka.requests:
        about.partitions, about.topic_id = present[kafka.requests].partitions, present[kafka.requests].id
    about.inputs = {name: InputTopic(present[name].partitions, present[name].id) for name in inputs}
    return about


def _all_members(
    kafka: KafkaSettings, consumer: KafkaConsumer, folder: Path, *, history: bool
) -> list[Member]:
    topics = Topics.of(kafka)
    roles = [one for one in LATEST_FIRST if history or one != BOARD]
    checkpoints, outbox = _checkpoints(consumer, topics.checkpoints, roles)
    if not checkpoints:
        raise ArchiveError(
            f"kafka.app {kafka.app} has no state to export: its daemons have written no checkpoint yet"
        )
    between = [
        member
        for flow in flows(topics, history=f"{BOARD}/0" in checkpoints)  # else nobody has begun to read them
        for member in _between(consumer, flow, checkpoints, folder)
    ]
    return [*_members(checkpoints), ("outbox", msgspec.msgpack.encode(outbox)), *between]


def _checkpoints(
    consumer: KafkaConsumer, topic: str, roles: Sequence[str]
) -> tuple[dict[str, Checkpoint], Newest]:
    tail, newest = Tail(consumer, topic), Newest()
    found: dict[str, Checkpoint] = {}
    outbox = Newest()
    for role in roles:
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            take_in(newest, tail.read_on())
            if role == KEY:
                outbox = {name: value for name, value in newest.items() if name.partition("|")[0] == KEY}
                break
            try:
                found |= _of_role(role, newest)
                break
            except StateError:  # its newest records were behind what was committed when reading began
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
    return found, outbox


def _of_role(role: str, newest: Newest) -> dict[str, Checkpoint]:
    keys = [name for name in newest if name.startswith(f"{role}/") and "|" not in name]
    read = {key: checkpoint_in(key, newest) for key in keys}
    return {key: checkpoint for key, checkpoint in read.items() if checkpoint is not None}


def _members(checkpoints: Mapping[str, Checkpoint]) -> Iterator[Member]:
    for key, checkpoint in checkpoints.items():
        stem = f"checkpoints/{quote(key, safe='')}"
        yield f"{stem}/offsets.json", msgspec.json.encode(checkpoint.offsets)
        for name, body in checkpoint.parts.items():
            yield f"{stem}/parts/{quote(name, safe='')}", body


def _between(
    consumer: KafkaConsumer, flow: StageTopic, checkpoints: Mapping[str, Checkpoint], folder: Path
) -> Iterator[Member]:
    """Yield what a stage has not read of each partition, as a file of entries."""
    starts = {}
    for key, checkpoint in checkpoints.items():
        role, _, partition = key.partition("/")
        if role == flow.role and (at := checkpoint.offsets.get(f"{flow.topic}/{partition}")) is not None:
            starts[int(partition)] = at
    tail = Tail(consumer, flow.topic, starts)
    encoder = msgspec.msgpack.Encoder()
    files = {place.partition: (folder / f"{flow.name}-{place.partition}").open("wb") for place in tail.places}
    try:
        for record in tail.read_on():
            entry = encoder.encode((record.key, record.value))
            files[record.partition].write(len(entry).to_bytes(4, "big") + entry)
    finally:
        for file in files.values():
            file.close()
    for number in files:
        yield f"{flow.name}/{number}", folder / f"{flow.name}-{number}"
