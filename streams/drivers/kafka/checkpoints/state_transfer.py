"""Exports the state of an app to an archive, and imports an archive into an app that has no state.

An export waits for nothing. The checkpoints are read from the last stage to the first, the topic again to its
end for each, so that no stage is older than a later one's knowledge of it. What the earlier stages have sent
since is in the topics between them, which are read last: a stage that reads them finds either what it lacks,
or what it knows already and drops, as after a crash. The outbox comes after the stage that fills it.

An import is one transaction: after a kill there is nothing, and the import is repeated.
"""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple
from urllib.parse import quote, unquote

import aiokafka.errors
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka import KafkaConsumer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata
from kafka.structs import TopicPartition as Place

from config.settings import KafkaSettings, Settings
from detectors.state.state import StateError
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.checkpoints import checkpoint_in, checkpoint_records
from streams.drivers.kafka.checkpoints.fenced_store import partition_of
from streams.drivers.kafka.connections.client import client_options, open_client, patiently
from streams.drivers.kafka.outbox import KEY
from streams.drivers.kafka.partition_consumer import open_consumer
from streams.drivers.kafka.roles import BOARD
from streams.drivers.kafka.stage import TOPIC
from streams.drivers.kafka.topics import BLOCK_BYTES, Topic, TopicError, Topics, verified_topics
from streams.engine.detect.step_record import head_of
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.files.state_archive import (
    KAFKA,
    About,
    ArchiveError,
    InputTopic,
    Member,
    about_now,
    check_archive,
    check_driver,
    members_of,
    write_archive,
)
from streams.record.history.segments import Segments

LATEST_FIRST: Final = (BOARD, "notify", KEY, "incidents", "detect", "rollup")
SETTLE_SECONDS: Final = 30.0  # until the records of a checkpoint that is being written are all there
PATIENCE: Final = 120.0  # seconds until a topic must be read to its end
TRANSACTION_MS: Final = 600_000
IMPORTED: Final = "imported"  # the key of the checkpoint that says when there was an import
IN_FLIGHT: Final = 100  # records that are sent before their acknowledgement is waited for
Entry = tuple[bytes | None, bytes]
"""Key and value of a record."""

Newest = dict[str, bytes]
"""The newest values of the records of the checkpoints topic, by key."""

Offsets = dict[tuple[str, int], int]
"""By flow and partition: where the records of the archive begin in the new topic."""


class StageTopic(NamedTuple):
    """A topic between two stages: its records from the reader's checkpoint on belong to the state."""

    name: str  # in an archive, for any name of the app
    topic: str
    role: str  # that reads it


def flows(topics: Topics, *, history: bool) -> tuple[StageTopic, ...]:
    """Return the topics between the stages, that of the steps among them if a history is kept."""
    return (
        *((StageTopic("steps", topics.steps, BOARD),) if history else ()),
        StageTopic("rollups", topics.rollups, "detect"),
        StageTopic("findings", topics.findings, "incidents"),
        StageTopic("notices", topics.notices, "notify"),
    )


class Reader(NamedTuple):
    """A consumer for a command without an event loop. It decompresses all that daemons do."""

    consumer: AIOKafkaConsumer
    wait_for: Callable[[Coroutine[Any, Any, Any]], Any]


@contextlib.contextmanager
def open_reader(kafka: KafkaSettings) -> Iterator[Reader]:
    """Give a consumer of committed records.

    Raises
    ------
    aiokafka.errors.KafkaError
        When no broker answers.
    config.secret.SecretError
        As ``aiokafka_options``.
    """
    opened = contextlib.AsyncExitStack()
    with asyncio.Runner() as runner:
        try:
            consumer = runner.run(
                opened.enter_async_context(open_consumer(aiokafka_options(kafka), committed=True))
            )
            yield Reader(consumer, runner.run)
        finally:
            runner.run(opened.aclose())


class Tail:
    """Reads all partitions of a topic from their start, and continues at each call."""

    def __init__(
        self, reader: Reader, topic: str, partitions: int, starts: dict[int, int] | None = None
    ) -> None:
        self._consumer, self._wait_for = reader
        self.places = [TopicPartition(topic, number) for number in range(partitions)]
        self._wait_for(self._seek(starts or {}))

    async def _seek(self, starts: dict[int, int]) -> None:
        self._consumer.assign(self.places)
        begin = await self._consumer.beginning_offsets(self.places)
        for place, first in begin.items():
            self._consumer.seek(place, max(starts.get(place.partition, 0), first))

    def read_committed(self) -> Iterator[Any]:
        """Yield the records that are committed by now.

        Raises
        ------
        detectors.state.state.StateError
            When that takes too long.
        """
        end = self._wait_for(self._consumer.end_offsets(self.places))
        deadline = time.monotonic() + PATIENCE
        while any(self._wait_for(self._consumer.position(place)) < end[place] for place in self.places):
            if time.monotonic() > deadline:
                raise StateError(
                    f"the topic {self.places[0].topic} could not be read to its end in {PATIENCE:.0f} s: is "
                    "a broker overloaded, or a transaction open? Try again"
                )
            for records in self._wait_for(self._consumer.getmany(timeout_ms=500)).values():
                yield from records


def keep_newest(newest: Newest, records: Iterator[Any]) -> None:
    """Keep the newest value of each key."""
    for record in records:
        key = record.key.decode()
        if record.value is None:
            newest.pop(key, None)
        else:
            newest[key] = record.value


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
            open_reader(kafka) as reader,
            tempfile.TemporaryDirectory(prefix="uneri-export-") as folder,
        ):
            checkpoints, outbox = _newest_state(kafka, reader, present, history=settings.history.shared)
            between = [
                member
                for flow in flows(Topics.of(kafka), history=f"{BOARD}/0" in checkpoints)  # else nobody reads
                for member in _between(reader, flow, present[flow.topic], checkpoints, Path(folder))
            ]
            members = [*_members(checkpoints), ("outbox", msgspec.msgpack.encode(outbox)), *between]
            write_archive(path, _about(kafka, inputs, present, checkpoints), members)
    except TopicError as error:
        raise ArchiveError(str(error)) from error
    except (KafkaError, aiokafka.errors.KafkaError) as error:
        raise ArchiveError(
            f"Kafka at {', '.join(kafka.brokers)} does not answer ({type(error).__name__}): is it running?"
        ) from error


def _about(
    kafka: KafkaSettings,
    inputs: Sequence[str],
    present: Mapping[str, Topic],
    checkpoints: Mapping[str, Checkpoint],
) -> About:
    """Describe the topics that the offsets are of: one of them may have been created anew since."""
    about = about_now(KAFKA)
    about.requests, about.shards = kafka.requests, kafka.shards
    read = {
        place.rpartition("/")[0]: checkpoint.parts[TOPIC].decode()
        for key, checkpoint in checkpoints.items()
        if key.startswith("rollup/") and TOPIC in checkpoint.parts
        for place in checkpoint.offsets
    }
    of = {name: InputTopic(found.partitions, read.get(name, found.id)) for name, found in present.items()}
    if kafka.requests:
        about.partitions, about.topic_id = of[kafka.requests].partitions, of[kafka.requests].topic_id
    about.inputs = {name: of[name] for name in inputs}
    return about


def _newest_state(
    kafka: KafkaSettings, reader: Reader, present: Mapping[str, Topic], *, history: bool
) -> tuple[dict[str, Checkpoint], Newest]:
    topics = Topics.of(kafka)
    roles = [role for role in LATEST_FIRST if history or role != BOARD]
    kept = Tail(reader, topics.checkpoints, present[topics.checkpoints].partitions)
    checkpoints, outbox = _checkpoints(kept, roles)
    if not checkpoints:
        raise ArchiveError(
            f"kafka.app {kafka.app} has no state to export: its daemons have written no checkpoint yet"
        )
    return checkpoints, outbox


def _checkpoints(tail: Tail, roles: Sequence[str]) -> tuple[dict[str, Checkpoint], Newest]:
    newest = Newest()
    found: dict[str, Checkpoint] = {}
    outbox = Newest()
    for role in roles:
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            keep_newest(newest, tail.read_committed())
            if role == KEY:
                outbox = {name: value for name, value in newest.items() if name.partition("|")[0] == KEY}
                break
            try:
                found |= _of_role(role, newest)
                break
            except StateError:  # its newest records were not committed yet when reading began
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
    reader: Reader, flow: StageTopic, topic: Topic, checkpoints: Mapping[str, Checkpoint], folder: Path
) -> Iterator[Member]:
    """Yield the unread records of each partition, as a file of entries."""
    starts, own = {}, topic.id.encode()
    for key, checkpoint in checkpoints.items():
        role, _, partition = key.partition("/")
        is_same = checkpoint.parts.get(TOPIC, own) == own  # else it was created anew: all is unread
        at = checkpoint.offsets.get(f"{flow.topic}/{partition}")
        if role == flow.role and is_same and at is not None:
            starts[int(partition)] = at
    tail = Tail(reader, flow.topic, topic.partitions, starts)
    encoder = msgspec.msgpack.Encoder()
    files = {place.partition: (folder / f"{flow.name}-{place.partition}").open("wb") for place in tail.places}
    try:
        for record in tail.read_committed():
            entry = encoder.encode((record.key, record.value))
            files[record.partition].write(len(entry).to_bytes(4, "big") + entry)
    finally:
        for file in files.values():
            file.close()
    for number in files:
        yield f"{flow.name}/{number}", folder / f"{flow.name}-{number}"


def import_app(settings: Settings, archive: Path) -> About:
    """Restore the state of an archive into the topics of an app, all or nothing; return its description.

    The app may have another name. It goes on where it was in the requests topic if that is the same one; of
    another topic of the same name, it will read everything, and leave out late records.

    Raises
    ------
    ArchiveError
        When the archive is damaged or does not fit, the app has a state, a daemon of it runs, or Kafka does
        not answer.
    detectors.state.state.NewerStateError
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
    except (KafkaError, aiokafka.errors.KafkaError) as error:
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
    theirs = {name: topic.partitions for name, topic in about.inputs.items()}
    ours = {name: present[name].partitions for name in inputs}
    if theirs != ours:
        was, now = (_listed(partitions) for partitions in (theirs, ours))
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
    with open_reader(kafka) as reader:
        for topic in (topics.checkpoints, *(flow.topic for flow in between)):
            if next(Tail(reader, topic, present[topic].partitions).read_committed(), None) is not None:
                raise ArchiveError(
                    f"kafka.app {kafka.app} has a state already (records on {topic}), which an import does "
                    "not replace: choose another kafka.app and run `uneri setup`"
                )
        places = [
            TopicPartition(topic, number)
            for topic in topics.sources
            for number in range(present[topic].partitions)
        ]
        begins: dict[TopicPartition, int] = reader.wait_for(reader.consumer.beginning_offsets(places))
    return begins


def _group(kafka: KafkaSettings) -> dict[str, Any]:
    with open_client(KafkaAdminClient, **client_options(kafka)) as admin:
        found: dict[str, Any] = patiently(lambda: admin.describe_groups([kafka.app]))[kafka.app]
        return found


def _commit(kafka: KafkaSettings, read: dict[TopicPartition, int]) -> None:
    """Commit the offsets of the state: the group would fetch, and skip, the records before them."""
    options = client_options(kafka) | {"group_id": kafka.app, "enable_auto_commit": False}
    with contextlib.suppress(KafkaError), open_client(KafkaConsumer, **options) as consumer:
        offsets = {Place(*place): OffsetAndMetadata(at, "", -1) for place, at in read.items()}
        consumer.assign(list(offsets))
        consumer.commit(offsets)


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
        ids = {name: topic.topic_id for name, topic in about.inputs.items()} | {
            about.requests: about.topic_id
        }
        self._begins = {
            place: first for place, first in begins.items() if present[place.topic].id != ids[place.topic]
        }
        self._offsets: Offsets = {}
        self._read: dict[TopicPartition, int] = {}

    async def write(self, archive: Path) -> dict[TopicPartition, int]:
        """Write everything in one transaction; return the offsets of the sources."""
        producer = AIOKafkaProducer(
            transactional_id=f"{self._topics.checkpoints}-import",
            transaction_timeout_ms=TRANSACTION_MS,
            acks="all",
            max_request_size=BLOCK_BYTES + (1 << 20),
            **aiokafka_options(self._kafka),
        )
        async with producer, producer.transaction():
            checkpoints, outbox = _state_in(archive)
            for name, member in members_of(archive):
                flow, _, number = name.partition("/")
                if flow in self._flows:
                    held = self._held(checkpoints) if flow == "steps" else ()
                    self._offsets[flow, int(number)] = await self._between(
                        producer, flow, int(number), itertools.chain(held, _entries(member))
                    )
            for key, value in itertools.chain(outbox.items(), self._moved_all(checkpoints)):
                partition = partition_of(key.partition("|")[0], self._partitions)
                await producer.send_and_wait(
                    self._topics.checkpoints, value, key=key.encode(), partition=partition
                )
        return self._read

    def _held(self, checkpoints: Mapping[str, Checkpoint]) -> Iterator[Entry]:
        """Yield the steps that are in no file yet: boards, which read the topic, would miss their hour."""
        if (kept := checkpoints.get(f"{BOARD}/0")) is not None:
            segments = Segments(self._kafka.shards)
            segments.restore(kept.parts)
            for segment in segments.rest():
                yield from ((str(head_of(body).shard).encode(), body) for body in segment.bodies)

    async def _between(
        self, producer: AIOKafkaProducer, flow: str, number: int, entries: Iterable[Entry]
    ) -> int:
        """Send the records of a partition; return the offset of the first, or where the next one will be."""
        topic, first = self._flows[flow].topic, -1
        sent: list[Any] = []
        for key, value in entries:
            sent.append(await producer.send(topic, value, key=key, partition=number))
            if len(sent) == IN_FLIGHT:
                first = await _first(sent, first)
                sent = []
        return await _first(sent, first)

    def _moved_all(self, checkpoints: Mapping[str, Checkpoint]) -> Iterator[tuple[str, bytes]]:
        for key, checkpoint in checkpoints.items():
            if key == f"{BOARD}/0" and BOARD not in self._by_role:  # no history is kept here
                continue
            kept = {name: body for name, body in checkpoint.parts.items() if name != TOPIC}
            yield from checkpoint_records(key, Checkpoint(self._moved(key, checkpoint.offsets), kept))
        yield from checkpoint_records(IMPORTED, Checkpoint({IMPORTED: int(time.time())}, {}))

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


def _state_in(archive: Path) -> tuple[dict[str, Checkpoint], Newest]:
    """Return the checkpoints of an archive, and its outbox."""
    found: dict[str, Checkpoint] = defaultdict(Checkpoint)
    outbox = Newest()
    for name, member in members_of(archive):
        kind, *path = name.split("/")
        if kind == KEY:
            outbox = msgspec.msgpack.decode(member.read(), type=Newest)
        if kind != "checkpoints":
            continue
        checkpoint = found[unquote(path[0])]
        if path[1] == "offsets.json":
            checkpoint.offsets.update(msgspec.json.decode(member.read(), type=dict[str, int]))
        else:
            checkpoint.parts[unquote(path[2])] = member.read()
    return found, outbox


def _entries(member: IO[bytes]) -> Iterator[Entry]:
    decoder = msgspec.msgpack.Decoder(Entry)
    while size := member.read(4):
        yield decoder.decode(member.read(int.from_bytes(size, "big")))


async def _first(sent: list[Any], first: int) -> int:
    done = await asyncio.gather(*sent)
    return done[0].offset if first < 0 and done else first
