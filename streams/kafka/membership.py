"""Takes a worker with a name out of its group: what Kafka itself does for such a one only when time runs out.

A member with a name keeps its partitions until its session ends. After a crash its successor must not wait
for that, and it must not simply take over the old assignment either: partitions that were added since are
not in it. So a worker that is started removes who had its name before, and one that stops removes itself.
"""

import os

import structlog
from kafka.admin import KafkaAdminClient, MemberToRemove
from kafka.errors import KafkaError

from config.settings import KafkaSettings
from streams.kafka.client import client_options, open_client

log = structlog.get_logger("uneri.kafka")


def name_of_worker(kafka: KafkaSettings) -> str | None:
    """Return the name that the environment gives this worker, None when it gives none."""
    return os.environ.get(kafka.worker_env) or None


def leave(kafka: KafkaSettings) -> None:
    """Remove the member with the name of this worker from the group, when there is one."""
    name = name_of_worker(kafka)
    if name is None:
        return
    try:
        with open_client(KafkaAdminClient, **client_options(kafka)) as admin:
            admin.remove_group_members(kafka.app, [MemberToRemove(group_instance_id=name)])
    except KafkaError as error:  # it was no member, or the broker is of before such names: its session ends
        log.debug("the member with the name of this worker was not removed", reason=repr(error))
