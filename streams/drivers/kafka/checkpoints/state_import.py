"""``uneri state import`` of the Kafka driver: an archive becomes the topics of an app that has no state.

All of it is one transaction: after a kill there is nothing, and the import is repeated.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote

import msgspec
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.checkpoints import records_of
from streams.drivers.kafka.checkpoints.fenced_store import partition_of
from streams.drivers.kafka.checkpoints.state_topics import StageTopic, Tail, flows
from streams.drivers.kafka.connections.client import client_options, open_client
from streams.drivers.kafka.outbox import KEY
from streams.drivers.kafka.roles import BOARD
from streams.drivers.kafka.stage import TOPIC
from streams.drivers.kafka.topics import BLOCK_BYTES, Topic, TopicError, Topics, verified_topics
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.files.state_archive import (
    KAFKA,
    About,
    ArchiveError,
    check_archive,
    check_driver,
    members_of,
)

TRANSACTION_MS: Final = 600_000
READY_SECONDS: Final = 30.0
IN_FLIGHT: Final = 100  # records that are sent before their acknowledgement is waited for

Offsets = dict[tuple[str, int], int]
"""By flow and partition: where the records of the archive begin in the new topic."""


def import_app(settings: Settings, archive: Path) -> About:
    """Restore the state of an archive into the topics of an app, all or nothing; return what it says.

    The app may have another name. What it has read of the requests topic stays read if it is the same topic;
    of another one of the same name, it will read everything, and leave out what is late.

    Raises
    ------
    ArchiveError
        When the archive is damaged or does not fit, the app has a state, a daemon of it runs, or Kafka does
        not answer.
    detectors.state.state_format.NewerStateError
        When a later version made the archive.
    config.secret.SecretError
        As ``client_options``.
    OSError
        When the file cannot be read.
    """
    assert settings.kafka is not None  # noqa: S101 - the caller knows
    kafka, inputs = settings.kafka, settings.sources.topics
    about = check_archive(archive)
    check_driver(archive, about, KAFKA)
    try:
        present = verified_topics(kafka, inputs, history=settings.history.shared)
        _check_inputs(inputs, present, about, archive)
        _check_fits(kafka, present, about, archive)
        between = flows(Topics.of(kafka), history=settings.history.shared)
        begins = _check_empty(kafka, present, Topics.of(kafka, settings.sources), between)
        read = asyncio.run(_Import(kafka, present, about, begins, between).write(archive))
        _commit(kafka, read)
    except TopicError as error:
        raise ArchiveError(str(error)) from error
    except KafkaError as error:
        raise ArchiveError(
            f"Kafka at {', '.join(kafka.brokers)} refused the import ({error!r}); nothing was imported"
        ) from error
    return about


def _check_fits(kafka: KafkaSettings, present: dict[str, Topic], about: About, archive: Path) -> None:
    found = present[kafka.requests].partitions if kafka.requests else 0
    for what, theirs, ours in (
        ("kafka.requests", about.requests, kafka.requests),
        ("kafka.shards", about.shards, kafka.shards),
        (f"partitions of {kafka.requests}", about.partitions, found),
    ):
        if theirs != ours:
            raise ArchiveError(
                f"{archive}: does not fit: {what} was {theirs} when it was made, and is {ours} here; the "
                "state is divided by both, so they must be the same"
            )


def _check_inputs(inputs: Sequence[str], present: dict[str, Topic], about: About, archive: Path) -> None:
    theirs = {name: one.partitions for name, one in about.inputs.items()}
    ours = {name: present[name].partitions for name in inputs}
    if theirs != ours:
        was, now = (_listed(one) for one in (theirs, ours))
        raise ArchiveError(
            f"{archive}: does not fit: the topics of sources.inputs and their partitions were {was} when it "
            f"was made, and are {now} here; they must be the same"
        )


def _listed(partitions: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in partitions.items()) or "none"


def _check_empty(
    kafka: KafkaSettings, present: dict[str, Topic], topics: Topics, between: Sequence[StageTopic]
) -> dict[TopicPartition, int]:
    """Refuse an app with a state or a daemon; return where each partition of its sources begins."""
    if _group(kafka).get("members"):
        raise ArchiveError(
            f"a daemon of kafka.app {kafka.app} runs: stop it, then import; nothing was imported"
        )
    with open_client(
        KafkaConsumer,
        **client_options(kafka),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
    ) as consumer:
        for topic in (topics.checkpoints, *(flow.topic for flow in between)):
            if next(Tail(consumer, topic).read_on(), None) is not None:
                raise ArchiveError(
                    f"kafka.app {kafka.app} has a state already (records on {topic}), which an import does "
                    "not replace: choose another kafka.app and run `uneri setup`"
                )
        places = [
            TopicPartition(topic, one) for topic in topics.sources for one in range(present[topic].partitions)
        ]
        begins: dict[TopicPartition, int] = consumer.beginning_offsets(places)
    return begins


def _group(kafka: KafkaSettings) -> dict[str, Any]:
    """Describe the group of an app; a cluster that is asked for the first time needs a moment."""
    deadline = time.monotonic() + READY_SECONDS
    with open_client(KafkaAdminClient, **client_options(kafka)) as admin:
        while True:
            try:
                found: dict[str, Any] = admin.describe_groups([kafka.app])[kafka.app]
            except KafkaError as error:
                if not error.retriable or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                return found


def _commit(kafka: KafkaSettings, read: dict[TopicPartition, int]) -> None:
    """Have the group go on where the state does; else it would fetch, and skip, what the state includes."""
    options = client_options(kafka) | {"group_id": kafka.app, "enable_auto_commit": False}
    with contextlib.suppress(KafkaError), open_client(KafkaConsumer, **options) as consumer:
        consumer.assign(list(read))
        consumer.commit({place: OffsetAndMetadata(at, "", -1) for place, at in read.items()})


class _Import:
    def __init__(
        self,
        kafka: KafkaSettings,
        present: dict[str, Topic],
        about: About,
        begins: dict[TopicPartition, int],
        between: Sequence[StageTopic],
    ) -> None:
        self._kafka = kafka
        self._topics = Topics.of(kafka)
        self._flows = {flow.name: flow for flow in between}
        self._by_role = {flow.role: flow for flow in self._flows.values()}
        self._partitions = present[self._topics.checkpoints].partitions
        ids = {name: one.topic_id for name, one in about.inputs.items()} | {about.requests: about.topic_id}
        self._begins = {
            place: first for place, first in begins.items() if present[place.topic].id != ids[place.topic]
        }
        self._offsets: Offsets = {}
        self._read: dict[TopicPartition, int] = {}

    async def write(self, archive: Path) -> dict[TopicPartition, int]:
        """Write everything in one transaction; return to where the requests are read."""
        producer = AIOKafkaProducer(
            transactional_id=f"{self._topics.checkpoints}-import",
            transaction_timeout_ms=TRANSACTION_MS,
            acks="all",
            max_request_size=BLOCK_BYTES + (1 << 20),
            **aiokafka_options(self._kafka),
        )
        async with producer, producer.transaction():
            for name, member in members_of(archive):
                flow, _, number = name.partition("/")
                if flow in self._flows:
                    self._offsets[flow, int(number)] = await self._between(
                        producer, flow, int(number), member
                    )
            for key, value in self._state(archive):
                partition = partition_of(key.partition("|")[0], self._partitions)
                await producer.send_and_wait(
                    self._topics.checkpoints, value, key=key.encode(), partition=partition
                )
        return self._read

    async def _between(self, producer: AIOKafkaProducer, flow: str, number: int, member: IO[bytes]) -> int:
        """Send the records of a partition; return the offset of the first, or where the next one will be."""
        topic, first = self._flows[flow].topic, -1
        sent: list[Any] = []
        for key, value in _entries(member):
            sent.append(await producer.send(topic, value, key=key, partition=number))
            if len(sent) == IN_FLIGHT:
                first = await _first(sent, first)
                sent = []
        return await _first(sent, first)

    def _state(self, archive: Path) -> Iterator[tuple[str, bytes]]:
        """Yield the records of the checkpoints and the outbox."""
        offsets: dict[str, dict[str, int]] = {}
        parts: dict[str, dict[str, bytes]] = defaultdict(dict)
        for name, member in members_of(archive):
            kind, *path = name.split("/")
            if kind == KEY:
                yield from msgspec.msgpack.decode(member.read(), type=dict[str, bytes]).items()
            if kind != "checkpoints":
                continue
            key = unquote(path[0])
            if path[1] == "offsets.json":
                offsets[key] = msgspec.json.decode(member.read(), type=dict[str, int])
            else:
                parts[key][unquote(path[2])] = member.read()
        for key, before in offsets.items():
            if key == f"{BOARD}/0" and BOARD not in self._by_role:  # no history is kept here
                continue
            kept = {name: body for name, body in parts[key].items() if name != TOPIC}
            yield from records_of(key, Checkpoint(self._moved(key, before), kept))

    def _moved(self, key: str, before: dict[str, int]) -> dict[str, int]:
        """Return the offsets of a checkpoint in the topics of this app."""
        role, _, number = key.partition("/")
        if not before:
            return {}
        if role == "rollup":  # rollup/3 of the requests, rollup/otlp_spans/0 of an input
            topic, _, number = number.rpartition("/")
            place = TopicPartition(topic or self._topics.requests, int(number))
            (at,) = before.values()
            self._read[place] = self._begins.get(place, at)
            return {f"{place.topic}/{place.partition}": self._read[place]}
        flow = self._by_role[role]
        return {f"{flow.topic}/{number}": max(self._offsets[flow.name, int(number)], 0)}


def _entries(member: IO[bytes]) -> Iterator[tuple[bytes | None, bytes]]:
    decoder = msgspec.msgpack.Decoder(tuple[bytes | None, bytes])
    while size := member.read(4):
        yield decoder.decode(member.read(int.from_bytes(size, "big")))


async def _first(sent: list[Any], first: int) -> int:
    done = await asyncio.gather(*sent)
    return done[0].offset if first < 0 and done else first
