"""Which partitions of an app nobody reads, and who reads the others, as any of its processes can see.

Each process knows the lag of its own partitions only: where a role runs nowhere, or a worker is gone, every
other one would show no lag and be ready while records wait.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import structlog
from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import BrokerResponseError

from config.settings import KafkaSettings
from streams.drivers.kafka import app
from streams.drivers.kafka.topics import Topic, TopicError, Topics, open_admin
from streams.notify.pipeline_status import first_of
from streams.process.part import Part

LOOK_SECONDS: Final = 5.0
UNREAD_SECONDS: Final = 10.0
"""A rebalance, or the restart of a worker, may take as long."""

AWAY_SECONDS: Final = 60.0
"""Without an answer of Kafka; a broker that restarts in order is back earlier."""

_ASSIGNED: Final = ("Stable", "Empty", "Dead")
"""States of a group in which its members have the partitions that it shows."""

_UNLIKE: Final = (
    "workers of this app have another configuration than this one: give all the same time, rollup and "
    "history.place, and restart those that lack it; what a worker without history.place judges is on no board"
)

log = structlog.get_logger("uneri.kafka")


class GroupReading(NamedTuple):
    """What the group of an app reads at a moment, by topic/partition."""

    readers: dict[str, str]  # the worker's name, else the id of the member
    waiting: dict[str, int]  # records of those that nobody reads
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
        self._since: dict[str, float] = {}  # when nobody read a partition first

    async def run(self, present: Mapping[str, Topic]) -> None:
        """Look until cancelled at the topics that are ``present``."""
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
        """Take up an answer of Kafka: what the group reads now, as far as that is known."""
        self._answered = now = self._now()
        if found is None:
            return
        if found.unlike and found.unlike != self._newest.unlike:
            log.warning(_UNLIKE, workers=list(found.unlike))
        self._newest = found
        self._since = {place: self._since.get(place, now) for place, count in found.waiting.items() if count}

    @property
    def unread(self) -> dict[str, int]:
        """Records that wait where nobody has read for a while, by topic/partition."""
        until = self._now() - UNREAD_SECONDS
        return {place: self._newest.waiting[place] for place, at in self._since.items() if at <= until}

    def status(self) -> dict[str, object]:
        """Return who reads how many partitions, and what nobody reads."""
        workers: dict[str, int] = {}
        for worker in self._newest.readers.values():
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
        """Return that Kafka is away, or which partitions nobody reads."""
        if (away := self._now() - self._answered) >= AWAY_SECONDS:
            return f"Kafka has not answered for {away:,.0f} s: what it holds is judged when it is back"
        if not (unread := self.unread):
            return None
        places = ", ".join(first_of(sorted(unread), len(unread)))
        count = sum(unread.values())
        records = f"{count:,} record{'s wait' if count > 1 else ' waits'}"
        return f"nobody reads {places} ({records}): start a worker that has its role"


def read_group(kafka: KafkaSettings, places: list[TopicPartition], alike: str = "") -> GroupReading | None:
    """Return what the group reads of these partitions; None while they change hands, or if it is hidden.

    ``alike`` is what this process tells of its configuration, as in ``client_id``.

    Raises
    ------
    TopicError
        As ``open_admin``.
    """
    with open_admin(kafka) as admin:
        group = admin.describe_groups([kafka.app])[kafka.app]
        if group["error"] or group["group_state"] not in _ASSIGNED:
            return None
        workers = [(of["group_instance_id"] or of["member_id"], of) for of in group["members"]]
        readers = {
            TopicPartition(assigned["topic"], number): worker
            for worker, member in workers
            for assigned in (member["member_assignment"] or {}).get("assigned_partitions", ())
            for number in assigned["partitions"]
        }
        missing = [place for place in places if place not in readers]
        waiting: dict[str, int] = {}
        if missing:
            read = admin.list_group_offsets({kafka.app: missing})[kafka.app]
            begins, ends = (
                admin.list_partition_offsets(dict.fromkeys(missing, spec))
                for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
            )
            for place in missing:
                at = max(read[place].offset if place in read else 0, begins[place].offset)
                waiting[_name(place)] = max(0, ends[place].offset - at)
        told = {
            worker: member["client_id"].partition(f"{kafka.app}-")[2].partition("-")
            for worker, member in workers
        }
        others = {worker: version for worker, (version, *_) in told.items() if version != app.VERSION}
        versions = {worker: version or "an earlier one" for worker, version in others.items()}
        unlike = sorted(worker for worker, (*_, of) in told.items() if worker not in others and of != alike)
        by_place = {_name(place): reader for place, reader in readers.items()}
        return GroupReading(by_place, waiting, versions, unlike)


def _name(place: TopicPartition) -> str:
    return f"{place.topic}/{place.partition}"
