"""The daemon's topics: their names, configuration and creation, and a watch for changes while it runs."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import structlog
from kafka import TopicPartition
from kafka.admin import ConfigResource, KafkaAdminClient, NewTopic, OffsetSpec
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from config.settings import KafkaSettings, Settings, SourcesSettings
from streams.drivers.kafka.connections.client import client_options, open_client, patiently
from streams.drivers.kafka.connections.probe import why_unusable

FOREVER: Final = "-1"
DAY_MS: Final = 86_400_000
WEEK: Final = str(7 * DAY_MS)
MONTH: Final = str(30 * DAY_MS)
HIDDEN: Final = TopicAuthorizationFailedError.errno
LARGE_BYTES: Final = 2 * 1024 * 1024  # an event of 1 MiB and overhead
LARGE_RECORD: Final = str(LARGE_BYTES)
DAY: Final = str(DAY_MS)
DEAD_LETTER_BYTES: Final = 256 * 1024 * 1024  # a hundred thousand of the largest
BLOCK_BYTES: Final = 16 * 1024 * 1024  # a block of a hundred thousand scopes
REQUESTS_PARTITIONS: Final = 8
CHECKPOINTS_PARTITIONS: Final = 8
LEFT_TO_OTHERS: Final = "missing; left to who writes to it, or run `uneri setup --inputs` to create it"
SHOWN_SECONDS: Final = 15.0  # at most, between the creation of a topic and a broker that shows it
CHECK_SECONDS: Final = 5.0
GONE: Final = 2  # consecutive checks without it: a broker that has just started may not know its topics yet
KEEP: Final = "docs/operate.md says how to keep what was learnt"
GRANT: Final = "grant it: docs/kafka.md lists the rights"
WENT_BACK: Final = (
    "has a broker come back with an older disk, or was one out of date elected? What was judged since is "
    "judged again after a restart, from what that disk has"
)

log = structlog.get_logger("uneri.topics")


class TopicError(RuntimeError):
    """Kafka does not answer, or a topic is unsuitable; one line, with the remedy."""


def too_large_for(*topics: str) -> TopicError:
    """Return that Kafka refuses a record of one of these topics for its size, and the remedy."""
    return TopicError(
        f"a record for the topic {' or '.join(sorted(set(topics)))} is larger than its max.message.bytes "
        f"allows: set that to {BLOCK_BYTES}, then start again; nothing is lost"
    )


@dataclass(frozen=True, slots=True)
class Topics:
    """The names, derived from the configuration."""

    requests: str  # empty when only inputs are read
    rollups: str
    findings: str
    notices: str
    dead_letters: str
    checkpoints: str
    steps: str
    commands: str
    inputs: tuple[str, ...] = ()
    """Topics that others write, each in its own format (sources.inputs)."""

    @classmethod
    def of(cls, kafka: KafkaSettings, sources: SourcesSettings | None = None) -> "Topics":
        """Return the names for one app.

        Examples
        --------
        >>> Topics.of(KafkaSettings(app="uneri")).dead_letters
        'uneri-dead-letters'
        """
        return cls(kafka.requests, *kafka.own_topics, sources.topics if sources else ())

    @property
    def sources(self) -> tuple[str, ...]:
        """The topics that are rolled up: that of the requests, if there is one, and those of the inputs."""
        return (self.requests, *self.inputs) if self.requests else self.inputs

    @property
    def without_positions(self) -> tuple[str, ...]:
        """Those of which no checkpoint has a position: deleted, they can be made again."""
        return self.dead_letters, self.commands


class Topic(NamedTuple):
    """The identity of a topic, which distinguishes it from another of the same name."""

    id: str  # empty if brokers are too old to have one
    partitions: int


def needed_topics(kafka: KafkaSettings) -> dict[str, tuple[int, dict[str, str]]]:
    """Return partitions and configuration by topic.

    Retention counts wall time from the time stamps of records: of a request, that of arrival.
    """
    topics = Topics.of(kafka)
    deleted = {"cleanup.policy": "delete", "max.message.bytes": LARGE_RECORD}
    compacted = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.1",
        "segment.ms": "600000",  # only closed segments are compacted, and a start reads the whole topic
        "segment.bytes": str(64 * 1024 * 1024),
        "delete.retention.ms": "86400000",
        "max.message.bytes": LARGE_RECORD,
    }
    requests = {topics.requests: _of_requests(kafka)} if topics.requests else {}
    return {
        **requests,
        topics.rollups: (
            kafka.shards,
            {**deleted, "retention.ms": WEEK, "max.message.bytes": str(BLOCK_BYTES)},
        ),
        topics.findings: (1, {**deleted, "retention.ms": MONTH}),
        topics.notices: (1, {**deleted, "retention.ms": MONTH, "max.message.bytes": str(BLOCK_BYTES)}),
        topics.dead_letters: (1, {**deleted, "retention.ms": MONTH, **_once_a_key(), **_bounded()}),
        topics.checkpoints: (CHECKPOINTS_PARTITIONS, compacted),
        topics.steps: (1, {**deleted, "retention.ms": WEEK, "max.message.bytes": str(BLOCK_BYTES)}),
        topics.commands: (1, {**deleted, "retention.ms": DAY}),
    }


def _used(kafka: KafkaSettings, *, history: bool) -> list[str]:
    """Return the topics that a daemon cannot do without: that of the steps only if it keeps a history.

    Without that of the commands, which earlier versions did not make, a board shows everything and changes
    nothing.
    """
    topics = Topics.of(kafka)
    spared = {topics.commands} if history else {topics.commands, topics.steps}
    return [name for name in needed_topics(kafka) if name not in spared]


def _of_requests(kafka: KafkaSettings) -> tuple[int, dict[str, str]]:
    return REQUESTS_PARTITIONS, {
        "cleanup.policy": "delete",
        "max.message.bytes": LARGE_RECORD,
        "retention.ms": FOREVER if kafka.keep is None else str(kafka.keep * DAY_MS),
        # no producer's clock decides when a record arrived (streams.engine.decode.event_time)
        "message.timestamp.type": "LogAppendTime",
    }


def _once_a_key() -> dict[str, str]:
    """Return the configuration of the dead letters: deleted in time, and until then one for each bad record.

    They are written once, but an earlier version wrote them again after a crash, and so does a daemon that
    reads the requests from their start.
    """
    return {"cleanup.policy": "compact,delete", "min.cleanable.dirty.ratio": "0.1", "segment.ms": "3600000"}


def _bounded() -> dict[str, str]:
    """Return the configuration that bounds the dead letters: no number of bad records fills a disk."""
    return {"retention.bytes": str(DEAD_LETTER_BYTES), "segment.bytes": str(DEAD_LETTER_BYTES // 8)}


def missing_topics(kafka: KafkaSettings, present: Collection[str], *, history: bool = False) -> list[str]:
    """Return the daemon's own topics that are not in ``present``."""
    own = _used(kafka, history=history)
    return [name for name in own if name != kafka.requests and name not in present]


def setup_topics(settings: Settings, *, inputs: bool = False) -> list[str]:
    """Create missing topics and verify existing ones; return a line for each, and for each change.

    With ``inputs``, missing topics of ``sources.inputs`` are created too, configured as that of the requests;
    otherwise that is left to their writers.

    Raises
    ------
    TopicError
        When Kafka does not answer or refuses, or an existing topic has the wrong number of partitions.
    """
    if settings.kafka is None:
        raise TopicError("the configuration has no kafka section: there are no topics to set up")
    kafka, others = settings.kafka, settings.sources.topics
    wanted = needed_topics(kafka) | (dict.fromkeys(others, _of_requests(kafka)) if inputs else {})
    with open_admin(kafka) as admin:
        present = _partitions(admin)
        created = {
            name: _created(admin, name, partitions, config, kafka)
            for name, (partitions, config) in wanted.items()
            if name not in present
        }
        await_shown(admin, created.keys())
        if None in created.values():
            shown = _partitions(admin)
            present |= {name: shown[name] for name, line in created.items() if line is None and name in shown}
        lines = [
            _verified(name, kafka, present[name])
            if name in present
            else created[name] or f"{name}: already exists"
            for name in wanted
        ]
        if not inputs:
            lines += [
                _verified(name, kafka, present[name]) if name in present else f"{name}: {LEFT_TO_OTHERS}"
                for name in others
            ]
        name = Topics.of(kafka).dead_letters
        if name in present:
            lines += _letters_mended(admin, name)
        for name in Topics.of(kafka, settings.sources).sources:
            if name in present:
                lines += about_stamps(admin, name)
        if kafka.requests in present:
            lines += _about_retention(admin, kafka)
        return lines


def verified_topics(
    kafka: KafkaSettings, inputs: Collection[str] = (), *, history: bool = False, commands: bool = False
) -> dict[str, Topic]:
    """Return the topics that the daemon needs, those of inputs among them; check that all exist.

    With ``history``, it keeps one; with ``commands``, it reads these, if they have a topic that it may see.

    Raises
    ------
    TopicError
        When one is missing or has the wrong number of partitions, when that of the checkpoints was created
        anew, or Kafka does not answer.
    """
    used = _used(kafka, history=history)
    optional = [Topics.of(kafka).commands] if commands and _has_commands(kafka) else []
    present = existing_topics(kafka, [*used, *inputs, *optional])
    missing = [name for name in used if name not in present]
    if missing:
        raise TopicError(f"Kafka has no topic {', '.join(missing)}: run `uneri setup` to create it")
    if absent := [name for name in inputs if name not in present]:
        raise TopicError(
            f"Kafka has no topic {', '.join(absent)}, which sources.inputs names: correct it, or create "
            "it, as `uneri setup --inputs` does"
        )
    for name in (*used, *optional):
        _verified(name, kafka, present[name].partitions)
    _verify_checkpoints(kafka, present)
    return present


def _verify_checkpoints(kafka: KafkaSettings, present: Mapping[str, Topic]) -> None:
    """Check that there are checkpoints if the app has read its own topics.

    Without, it would begin anew in the middle of them, and take its new blocks for repetitions.
    """

    def places(*topics: str) -> list[TopicPartition]:
        return [TopicPartition(name, number) for name in topics for number in range(present[name].partitions)]

    names = Topics.of(kafka)
    with open_admin(kafka) as admin:
        ends = admin.list_partition_offsets(dict.fromkeys(places(names.checkpoints), OffsetSpec.LATEST))
        if any(end.offset for end in ends.values()):
            return
        own = places(names.rollups, names.findings, names.notices)
        read = patiently(lambda: admin.list_group_offsets({kafka.app: own}))[kafka.app]
    if any(found.offset > 0 for found in read.values()):
        raise TopicError(
            f"the topic {names.checkpoints} was deleted and created anew, and all that was learnt with it. "
            f"Choose another kafka.app, or delete {names.rollups}, {names.findings} and {names.notices}, too"
        )


def verified_requests(kafka: KafkaSettings) -> dict[str, Topic]:
    """Return the topic of the requests; check that it exists: a user that only writes to it sees no other.

    Raises
    ------
    TopicError
        When it is missing, or Kafka does not answer.
    """
    present = existing_topics(kafka, [kafka.requests])
    if kafka.requests not in present:
        raise TopicError(f"Kafka has no topic {kafka.requests}: run `uneri setup` to create it")
    return present


def _has_commands(kafka: KafkaSettings) -> bool:
    """Return whether the app has a topic for commands, and its user may see it."""
    with open_admin(kafka) as admin:
        described = admin.describe_topics([Topics.of(kafka).commands])
    return not any(topic.get("error_code") for topic in described)


@contextlib.contextmanager
def open_admin(kafka: KafkaSettings) -> Iterator[Any]:
    """Give an admin client while the block runs.

    Raises
    ------
    TopicError
        When Kafka does not answer, or refuses what the block asks for.
    """
    with contextlib.ExitStack() as stack:
        try:
            admin = stack.enter_context(open_client(KafkaAdminClient, **client_options(kafka)))
        except KafkaError as error:
            raise TopicError(why_unusable(kafka, error)) from error
        try:
            yield admin
        except AuthorizationError as error:
            what = str(error.args[0]) if error.args else type(error).__name__
            raise TopicError(f"Kafka does not allow this user {what}; {GRANT}") from error
        except KafkaError as error:
            raise TopicError(f"Kafka at {', '.join(kafka.brokers)} refused: {error}") from error


def existing_topics(kafka: KafkaSettings, names: Collection[str] | None = None) -> dict[str, Topic]:
    """Return those of some topics, by default the daemon's, that exist.

    Raises
    ------
    TopicError
        When Kafka does not answer, or does not let this user see one: whether it exists is unknown then.
    """
    with open_admin(kafka) as admin:
        return _present(admin, list(needed_topics(kafka) if names is None else names))


def _present(admin: Any, names: list[str] | None = None) -> dict[str, Topic]:
    described = admin.describe_topics(names)
    if hidden := sorted(topic["name"] for topic in described if topic.get("error_code") == HIDDEN):
        raise TopicAuthorizationFailedError(f"to see {', '.join(hidden)}")
    return {
        topic["name"]: Topic(str(topic.get("topic_id", "")), len(topic["partitions"]))
        for topic in described
        if not topic.get("error_code")
    }


def _partitions(admin: Any) -> dict[str, int]:
    return {name: topic.partitions for name, topic in _present(admin).items()}


def _created(
    admin: Any, name: str, partitions: int, config: dict[str, str], kafka: KafkaSettings
) -> str | None:
    """Create a topic; return None if it exists, which a broker may show a moment after it was created."""
    try:
        admin.create_topics([NewTopic(name, partitions, kafka.replication, topic_configs=config)])
    except TopicAlreadyExistsError:
        return None
    except AuthorizationError:
        raise TopicAuthorizationFailedError(f"to create {name}") from None
    return f"{name}: created, {partitions} partition{'s' if partitions > 1 else ''}"


def await_shown(admin: Any, names: Collection[str]) -> None:
    """Wait until brokers show topics that were just created: the next client would find them missing.

    A user that may create a topic need not be allowed to see it, so this ends after ``SHOWN_SECONDS``.
    """
    end = time.monotonic() + SHOWN_SECONDS
    while set(names) - _partitions(admin).keys() and time.monotonic() < end:
        time.sleep(0.05)


def _setting(admin: Any, name: str, key: str, unknown: str) -> str:
    """Return a setting of a topic, ``unknown`` if this user may not read it."""
    found = admin.describe_configs([ConfigResource("TOPIC", name)], config_filter="all")
    return str(found.get("topic", {}).get(name, {}).get(key, {"value": unknown})["value"])


def about_stamps(admin: Any, name: str) -> list[str]:
    """Say that producers stamp the records of a topic, if they do, and the remedy."""
    if _setting(admin, name, "message.timestamp.type", "LogAppendTime") == "LogAppendTime":
        return []
    line = (
        f"{name}: its producers' clocks decide when a record arrived; set its message.timestamp.type to "
        "LogAppendTime, so that no wrong one can move time, or bound it by message.timestamp.after.max.ms "
        "(docs/event.md)"
    )
    return [line]


def _about_retention(admin: Any, kafka: KafkaSettings) -> list[str]:
    """Say that a topic grows without bound; how much of the past is deleted is its operator's decision."""
    name = kafka.requests
    bounds = (_setting(admin, name, key, "") for key in ("retention.ms", "retention.bytes"))
    if kafka.keep is None or any(bound != FOREVER for bound in bounds):
        return []
    line = (
        f"{name}: keeps records forever; set its retention.ms to {kafka.keep * DAY_MS} ({kafka.keep} days), "
        "or kafka.keep to null"
    )
    return [line]


def _letters_mended(admin: Any, name: str) -> list[str]:
    """Give the topic of an earlier version what it lacks; return a line for each change."""
    lines = []
    if "compact" not in _setting(admin, name, "cleanup.policy", "compact"):
        done = "changed to keep one dead letter for each bad record (cleanup.policy compact,delete)"
        failed = "may repeat dead letters; set its cleanup.policy to compact,delete"
        lines.append(_altered(admin, name, _once_a_key(), done, failed))
    if _setting(admin, name, "retention.bytes", "") == "-1":
        done = f"changed to keep at most {DEAD_LETTER_BYTES >> 20} MiB of dead letters (retention.bytes)"
        failed = f"grows without bound; set its retention.bytes to {DEAD_LETTER_BYTES}"
        lines.append(_altered(admin, name, _bounded(), done, failed))
    return lines


def _altered(admin: Any, name: str, configs: dict[str, str], done: str, failed: str) -> str:
    try:
        admin.alter_configs([ConfigResource("TOPIC", name, configs=configs)])
    except KafkaError as error:
        return f"{name}: {failed} ({error})"
    return f"{name}: {done}"


def _verified(name: str, kafka: KafkaSettings, found: int) -> str:
    topics = Topics.of(kafka)
    if name == topics.rollups and found != kafka.shards:
        raise TopicError(
            f"the topic {name} has {found} partitions, kafka.shards is {kafka.shards}: set kafka.shards to "
            "the number that the topic was made with; if it was given more since, choose another kafka.app "
            "(the number of shards of an app cannot be changed)"
        )
    if name in (topics.findings, topics.notices, topics.steps, topics.commands) and found != 1:
        remedy = "delete it, then run `uneri setup`"
        if name != topics.commands:
            remedy += "; if something was read from it before, choose another kafka.app"
        raise TopicError(f"the topic {name} has {found} partitions instead of 1: {remedy}")
    return f"{name}: exists, {found} partition{'s' if found > 1 else ''}"


class TopicWatch:
    """Detects that a topic was deleted, recreated or given more partitions since the start of the daemon.

    A consumer reports none of this: it waits for a topic that is gone, reads a new one of the same name from
    an offset that means nothing there, and receives partitions that the stages do not know. None of it can be
    repaired while running, and a restart finds the present topics, so the daemon ends with one line.
    """

    def __init__(self, kafka: KafkaSettings, before: Mapping[str, Topic]) -> None:
        self._kafka = kafka
        self._before = before
        self._gone = 0

    async def run(self) -> None:
        """Check until cancelled.

        Raises
        ------
        TopicError
            When a topic has changed.
        """
        while True:
            await asyncio.sleep(CHECK_SECONDS)
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
        names = Topics.of(self._kafka)
        if self._gone >= GONE:
            remedy = "Run `uneri setup` to create it again, then start"
            if not set(missing) <= set(names.without_positions):
                remedy += f" with another kafka.app: {KEEP}"
            raise TopicError(
                f"the topic {', '.join(missing)} was deleted while it was read; unread records are lost. "
                f"{remedy}"
            )
        for name, before in self._before.items():
            found = now.get(name, before)
            if found.id != before.id:
                remedy = "restart"
                if name not in names.without_positions:
                    remedy = "the checkpoints are for the old one. Choose another kafka.app, or delete this "
                    remedy += "one's topics"
                raise TopicError(f"the topic {name} was deleted and created anew while it was read: {remedy}")
            if found.partitions != before.partitions:
                remedy = "restart"
                if name == names.commands:
                    remedy = "delete it, run `uneri setup`, then start"
                elif name in (names.rollups, names.findings, names.notices, names.steps):
                    remedy = f"choose another kafka.app, because partitions cannot be removed; {KEEP}"
                raise TopicError(
                    f"the topic {name} has {found.partitions} partitions now and had {before.partitions} at "
                    f"the start: {remedy}"
                )
