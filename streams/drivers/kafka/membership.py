"""Removes a named worker from its consumer group, which Kafka itself does only when its session ends.

A static member keeps its partitions until its session ends. After a crash its successor must not wait for
that, nor simply inherit the old assignment, which lacks partitions added since. So a starting worker removes
the previous member of its name, and a stopping one removes itself.
"""

import os

import structlog
from kafka.admin import KafkaAdminClient, MemberToRemove
from kafka.errors import KafkaError

from config.settings import KafkaSettings
from streams.drivers.kafka.connections.client import client_options, open_client

log = structlog.get_logger("uneri.kafka")


def name_of_worker(kafka: KafkaSettings) -> str | None:
    """Return the name that the environment gives this worker, None if it gives none."""
    return os.environ.get(kafka.worker_env) or None


def leave(kafka: KafkaSettings) -> None:
    """Remove the member of this worker's name from the group, if there is one."""
    name = name_of_worker(kafka)
    if name is None:
        return
    try:
        with open_client(KafkaAdminClient, **client_options(kafka)) as admin:
            admin.remove_group_members(kafka.app, [MemberToRemove(group_instance_id=name)])
    except KafkaError as error:  # not a member, or brokers without static members: its session ends
        log.debug("the member of this worker's name was not removed", reason=repr(error))
