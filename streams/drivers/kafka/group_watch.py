"""Which partitions of an app nobody reads, or gets on with, and who has the others, as any process can see.

Each process knows the lag of its own partitions only: where a role runs nowhere, or a worker is gone, every
other one would show no lag and be ready while records wait.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import structlog
from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import BrokerResponseError

from config.settings import KafkaSettings
from streams.drivers.kafka import app
from streams.drivers.kafka.topics import WENT_BACK, Topic, TopicError, Topics, open_admin
from streams.notify.pipeline_status import first_of
from streams.process.part import Part

LOOK_SECONDS: Final = 5.0
UNREAD_SECONDS: Final = 10.0
"""A rebalance, or the restart of a worker, may take as long."""

AWAY_SECONDS: Final = 60.0
"""Without an answer of Kafka; a broker that restarts in order is back earlier."""

STILL_SECONDS: Final = 120.0
"""Without a commit in a topic with unread records; stages commit about every half a minute."""

BACK_LOOKS: Final = 3
"""In a row that find a partition shorter than it was: a new leader may show less for a moment."""

_ASSIGNED: Final = ("Stable", "Empty", "Dead")
"""States of a group in which its members have the partitions that it shows."""

_UNLIKE: Final = (
    "workers of this app have another configuration than this one: give all the same time, rollup and "
    "history.place, and restart those that lack it; what a worker without history.place judges is on no board"
)

log = structlog.get_logger("uneri.kafka")


class PartitionOffsets(NamedTuple):
    """How far a partition was read, and where it ends."""

    read: int
    end: int


class GroupReading(NamedTuple):
    """What the group of an app reads at a moment, by topic/partition."""

    offsets: Mapping[str, PartitionOffsets]
    readers: Mapping[str, str] | None  # the worker's name, else the id of the member; None: they change hands
    versions: Mapping[str, str] = MappingProxyType({})  # of Uneri, by worker, if it is another one
    unlike: Sequence[str] = ()  # workers of this version with another configuration


class GroupWatch(Part):
    """Looks at the consumer group of an app every few seconds."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: Topics,
        alike: str = "",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kafka, self._alike, self._now = kafka, alike, now
        self._topics = (*topics.sources, topics.rollups, topics.findings, topics.notices)
        self._newest = GroupReading({}, {})
        self._answered = now()
        self._ends: dict[str, int] = {}  # the furthest, by partition
        self._back: dict[str, int] = {}  # looks in a row that found less than that
        self._since: dict[str, float] = {}  # when nobody read a partition first
        self._moved: dict[str, float] = {}  # by topic: when it was last read, or read to its end

    async def run(self, present: Mapping[str, Topic]) -> None:
        """Look until cancelled at the topics that are ``present``.

        Raises
        ------
        TopicError
            As ``see``.
        """
        places = [
            TopicPartition(topic, number)
            for topic in self._topics
            if topic in present
            for number in range(present[topic].partitions)
        ]
        while True:
            try:
                found = await asyncio.to_thread(read_group, self._kafka, places, self._alike)
            except TopicError as error:
                log.debug("the group cannot be described", reason=str(error))  # clients log what is down
                if isinstance(error.__cause__, BrokerResponseError):
                    self.see(None)
            else:
                self.see(found)
            await asyncio.sleep(LOOK_SECONDS)

    def see(self, found: GroupReading | None) -> None:
        """Take up an answer of Kafka: what the group reads now, as far as that is known.

        Raises
        ------
        TopicError
            When Kafka has lost the last records of a partition.
        """
        self._answered = now = self._now()
        if found is None:
            return
        self._compare_ends(found.offsets)
        before, waiting = self._newest.offsets, _waiting(found.offsets)
        for topic in {_topic_of(place) for place in found.offsets}:
            of = [place for place in found.offsets if _topic_of(place) == topic]
            moved = any(found.offsets[place].read != before.get(place, (-1,))[0] for place in of)
            if moved or not waiting.keys() & set(of):
                self._moved[topic] = now
        if found.readers is None:
            self._newest = self._newest._replace(offsets=found.offsets)
            return
        if found.unlike and found.unlike != self._newest.unlike:
            log.warning(_UNLIKE, workers=list(found.unlike))
        self._newest = found
        readers = found.readers
        self._since = {place: self._since.get(place, now) for place in waiting if place not in readers}

    def _compare_ends(self, offsets: Mapping[str, PartitionOffsets]) -> None:
        for place, (_, end) in offsets.items():
            furthest = self._ends[place] = max(end, self._ends.get(place, 0))
            self._back[place] = self._back.get(place, 0) + 1 if end < furthest else 0
        if any(looks >= BACK_LOOKS for looks in self._back.values()):
            lost = [
                f"{place} ({self._ends[place] - offsets[place].end:,})"
                for place in offsets
                if self._back[place]
            ]
            raise TopicError(
                f"Kafka lost the last records of {', '.join(first_of(lost, len(lost)))}: {WENT_BACK}"
            )

    @property
    def unread(self) -> dict[str, int]:
        """Records that wait where nobody has read for a while, by topic/partition."""
        until, waiting = self._now() - UNREAD_SECONDS, _waiting(self._newest.offsets)
        return {place: waiting.get(place, 0) for place, at in self._since.items() if at <= until}

    def status(self) -> dict[str, object]:
        """Return who reads how many partitions, and what nobody reads."""
        workers: dict[str, int] = {}
        for worker in (self._newest.readers or {}).values():
            workers[worker] = workers.get(worker, 0) + 1
        shown: dict[str, object] = {}
        if workers or self.unread:
            shown |= {"workers": workers, "unread": self.unread}
        if self._newest.versions:
            shown["other_versions"] = self._newest.versions
        if self._newest.unlike:
            shown["other_configurations"] = list(self._newest.unlike)
        return shown

    def not_ready(self) -> str | None:
        """Return that Kafka is away, or which partitions nobody reads, or gets on with."""
        if (away := self._now() - self._answered) >= AWAY_SECONDS:
            return f"Kafka has not answered for {away:,.0f} s: what it holds is judged when it is back"
        if unread := self.unread:
            return f"nobody reads {_listed(unread)}: start a worker that has its role"
        still = self._still()
        if not still:
            return None
        since = self._now() - min(self._moved[_topic_of(place)] for place in still)
        readers = self._newest.readers or {}
        workers = ", ".join(sorted({readers[place] for place in still if place in readers}))
        whose = workers or "its workers"
        return f"nothing was read for {since:,.0f} s of {_listed(still)}: see the log of {whose}"

    def _still(self) -> dict[str, int]:
        """Return the records that wait in topics of which nothing has been read for long, by partition."""
        until, waiting = self._now() - STILL_SECONDS, _waiting(self._newest.offsets)
        return {place: count for place, count in waiting.items() if self._moved[_topic_of(place)] <= until}


def _waiting(offsets: Mapping[str, PartitionOffsets]) -> dict[str, int]:
    return {place: end - read for place, (read, end) in offsets.items() if read < end}


def _listed(waiting: Mapping[str, int]) -> str:
    count = sum(waiting.values())
    records = f"{count:,} record{'s wait' if count > 1 else ' waits'}"
    return f"{', '.join(first_of(sorted(waiting), len(waiting)))} ({records})"


def read_group(kafka: KafkaSettings, places: list[TopicPartition], alike: str = "") -> GroupReading | None:
    """Return what the group reads of these partitions; None if it is hidden.

    ``alike`` is what this process tells of its configuration, as in ``client_id``.

    Raises
    ------
    TopicError
        As ``open_admin``.
    """
    with open_admin(kafka) as admin:
        group = admin.describe_groups([kafka.app])[kafka.app]
        if group["error"]:
            return None
        offsets = _offsets(admin, kafka.app, places)
        if group["group_state"] not in _ASSIGNED:
            return GroupReading(offsets, None)
        workers = [(of["group_instance_id"] or of["member_id"], of) for of in group["members"]]
        readers = {
            TopicPartition(assigned["topic"], number): worker
            for worker, member in workers
            for assigned in (member["member_assignment"] or {}).get("assigned_partitions", ())
            for number in assigned["partitions"]
        }
        told = {
            worker: member["client_id"].partition(f"{kafka.app}-")[2].partition("-")
            for worker, member in workers
        }
        others = {worker: version for worker, (version, *_) in told.items() if version != app.VERSION}
        versions = {worker: version or "an earlier one" for worker, version in others.items()}
        unlike = sorted(worker for worker, (*_, of) in told.items() if worker not in others and of != alike)
        by_place = {_name(place): reader for place, reader in readers.items()}
        return GroupReading(offsets, by_place, versions, unlike)


def _offsets(admin: Any, app: str, places: list[TopicPartition]) -> dict[str, PartitionOffsets]:
    read = admin.list_group_offsets({app: places})[app]
    begins, ends = (
        admin.list_partition_offsets(dict.fromkeys(places, spec))
        for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
    )
    return {
        _name(place): PartitionOffsets(
            max(read[place].offset if place in read else 0, begins[place].offset), ends[place].offset
        )
        for place in places
    }


def _topic_of(place: str) -> str:
    return place.rpartition("/")[0]


def _name(place: TopicPartition) -> str:
    return f"{place.topic}/{place.partition}"
