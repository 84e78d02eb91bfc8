"""Backfills of a Kafka app, whose daemons take the result over shard by shard."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import aiokafka.errors
import typer
from kafka import KafkaProducer
from kafka.errors import KafkaError

from config.settings import KafkaSettings, Settings
from detectors.state.declared import under
from detectors.state.state import StateError
from streams.drivers.kafka.checkpoints.checkpoints import BlockingCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedError
from streams.drivers.kafka.checkpoints.state_transfer import IMPORTED, Tail, open_reader
from streams.drivers.kafka.checkpoints.takeover_record import (
    LearntShard,
    learnt_key,
    requested_backfill,
    takeover_record,
)
from streams.drivers.kafka.connections.client import client_options, open_client
from streams.drivers.kafka.topics import WEEK, Topic, TopicError, Topics, verified_topics
from streams.engine.detect.detect import Detect
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.engine.stages.checkpoint import BACKFILL, Checkpoint
from streams.offline.backfill.lesson import Learnt, Lesson, Watch, run_kept
from streams.offline.sources.replay_error import ReplayError
from streams.process.times import utc

_ENOUGH: Final = 100  # blocks in a row without another source
_SENT_SECONDS: Final = 30.0


class KafkaApp(NamedTuple):
    """An app as a backfill finds it. Its methods raise ``ReplayError``, with the remedy."""

    kafka: KafkaSettings
    settings: Settings
    topics: Topics
    present: dict[str, Topic]
    begins: int | None  # the first bucket that its shards can judge anew, epoch seconds

    @property
    def sources(self) -> tuple[str, ...]:
        """The partitions of its requests topic, and of those of its inputs."""
        return tuple(
            f"{name}/{number}"
            for name in self.topics.sources
            for number in range(self.present[name].partitions)
        )

    @property
    def shards(self) -> int:
        """The number of its shards."""
        return self.kafka.shards

    def learn(self, lesson: Lesson, watch: Watch, *, restart: bool) -> Learnt | None:
        """Learn, and ask every shard to take the result over; return None if asked to stop before the end.

        The state is kept in the app's checkpoints topic, so that the same call goes on from any machine.
        """
        with _one_line(self.kafka), _store(self) as store:
            _check_import(self, store)
            _check_settings(self, store)
            if not run_kept(store, f"kafka.app {self.kafka.app}", lesson, watch, restart=restart):
                return None
            learnt = lesson.learnt(self.sources)
            if learnt.until:
                shards = [under(f"detect/{shard}|", learnt.engine) for shard in range(self.shards)]
                _ask(self, store, shards, learnt.until)
                store.save(BACKFILL, Checkpoint())
            return learnt

    def finish(self, summary: str) -> int:
        """Print what was learnt, and who takes it up; return the exit code."""
        several = f"each of the {self.shards} shards takes" if self.shards > 1 else "the shard takes"
        how = "by itself, or when its daemon is started; `uneri status` shows how far it is"
        typer.echo(f"{summary}; {several} this up {how}")
        return 0

    def forget(self) -> int:
        """Have every shard go on as if no backfill had been: with the blocks that Kafka keeps."""
        with _one_line(self.kafka), _store(self) as store:
            _check_import(self, store)
            _ask(self, store, [{}] * self.shards, 0)
        return self.finish("what backfills taught is to be forgotten")


def find_app(kafka: KafkaSettings, settings: Settings) -> KafkaApp:
    """Find the app of the settings in Kafka.

    Raises
    ------
    ReplayError
        When Kafka does not answer, or a topic is missing; the text has the remedy.
    """
    topics = Topics.of(kafka, settings.sources)
    with _one_line(kafka):
        present = verified_topics(kafka, topics.inputs)
        return KafkaApp(kafka, settings, topics, present, _first_bucket(kafka, topics.rollups))


def _check_import(app: KafkaApp, store: BlockingCheckpoints) -> None:
    """Refuse to drop what an imported state has learnt: the blocks of that stayed with the other app."""
    imported = store.peek(IMPORTED)
    if imported is None or time.time() >= (until := imported.offsets[IMPORTED] + int(WEEK) // 1000):
        return
    raise ReplayError(
        f"the state of kafka.app {app.kafka.app} was imported, and its shards cannot judge anew what lies "
        "before that: all that it had learnt would be dropped. Run this for the app that was exported and "
        f"export that again, or wait until {utc(until)}, when this app has a week of its own"
    )


def _check_settings(app: KafkaApp, store: BlockingCheckpoints) -> None:
    """Refuse settings by which the shards could not go on, before hours of reading."""
    if (present := store.peek("detect/0")) is None:
        return
    try:
        Detect(0, app.sources, app.settings).restore(present.parts)
    except StateError as error:
        raise ReplayError(
            f"the daemons of kafka.app {app.kafka.app} judge by other settings than this command ({error}): "
            "run it with their configuration"
        ) from error


def _ask(app: KafkaApp, store: BlockingCheckpoints, shards: list[dict[str, bytes]], until: int) -> None:
    name = secrets.token_hex(8)
    for shard, parts in enumerate(shards):
        store.save(learnt_key(shard), LearntShard(name, parts, until).to_checkpoint())
    with open_client(KafkaProducer, **client_options(app.kafka), acks="all") as producer:
        sent = [
            producer.send(app.topics.rollups, takeover_record(name), partition=shard)
            for shard in range(len(shards))
        ]
        for record in sent:
            record.get(timeout=_SENT_SECONDS)


def _store(app: KafkaApp) -> BlockingCheckpoints:
    topic = app.topics.checkpoints
    return BlockingCheckpoints(app.kafka, topic, app.present[topic].partitions)


@contextmanager
def _one_line(kafka: KafkaSettings) -> Iterator[None]:
    try:
        yield
    except (TopicError, FencedError, StateError) as error:
        raise ReplayError(str(error)) from error
    except (KafkaError, aiokafka.errors.KafkaError) as error:
        brokers = ", ".join(kafka.brokers)
        raise ReplayError(
            f"Kafka at {brokers} did not answer ({error!r}); run the same command again to go on"
        ) from error


def _first_bucket(kafka: KafkaSettings, rollups: str) -> int | None:
    """Return the newest of the first buckets of all sources: every shard gets every bucket."""
    first: dict[str, int] = {}
    known = 0  # blocks in a row of sources that are known
    with open_reader(kafka) as reader:
        for record in Tail(reader, rollups, kafka.shards).read_committed():
            if requested_backfill(record.value) is not None:
                continue
            block = decode_block(record.value)
            if block.ends:  # it has no bucket of its own
                continue
            known = known + 1 if block.source in first else 0
            first.setdefault(block.source, block.bucket)
            if known == _ENOUGH:
                break
    return max(first.values(), default=None)
