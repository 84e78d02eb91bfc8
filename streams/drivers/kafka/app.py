"""The Faust app of the Kafka driver, with every setting that must not be left to a default."""

import asyncio
import contextlib
import hashlib
import os
import tempfile
from typing import Any, Final

import faust
import structlog
from faust.auth import OAuthCredentials
from kafka.admin import KafkaAdminClient, MemberToRemove
from kafka.errors import KafkaError

from config.settings import KafkaSettings, Settings
from detectors.state.state import this_writer
from streams.drivers.kafka.connections.client import client_options, open_client
from streams.drivers.kafka.connections.connection import connection_options
from streams.drivers.kafka.connections.probe import reason_unusable
from streams.ingest.batch_consumer import aiokafka_patches
from streams.ingest.batch_consumer.batch_consumer import ChunkApp

# All timeouts in one place: the broker drops a worker without heartbeats after SESSION, a worker has
# REBALANCE to write its last checkpoints and rejoin, and no request may time out before a session does.
SESSION_SECONDS: Final = 10.0
HEARTBEAT_SECONDS: Final = 2.0
REBALANCE_SECONDS: Final = 30.0
REQUEST_SECONDS: Final = 40.0
COMMIT_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 5.0

FETCH_BYTES: Final = 1024 * 1024  # of one partition and fetch: about 4,000 events, 20 ms of work
BUFFERED_CHUNKS: Final = 16  # of one topic: at most 16 MiB (of compressed records) wait for the stage

VERSION: Final = this_writer().version

log = structlog.get_logger("uneri.kafka")


def aiokafka_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments that every aiokafka client takes.

    Raises
    ------
    config.secret.SecretError
        When a credential is not given.
    """
    return connection_options(kafka) | {"request_timeout_ms": int(REQUEST_SECONDS * 1000)}


def chunk_app(kafka: KafkaSettings, alike: str = "") -> ChunkApp:
    """Return the app, without agents. Its state is in checkpoints, not in Faust's tables.

    ``alike`` is what others see of its configuration, as in ``client_id``.
    """
    aiokafka_patches.install()
    return ChunkApp(
        kafka.app,
        broker=";".join(f"kafka://{address}" for address in kafka.brokers),
        broker_credentials=_credentials(kafka),
        broker_client_id=client_id(kafka, alike),
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_rebalance_timeout=REBALANCE_SECONDS,
        broker_request_timeout=REQUEST_SECONDS,
        broker_commit_interval=COMMIT_SECONDS,
        broker_check_crcs=True,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        stream_buffer_maxsize=BUFFERED_CHUNKS,
        producer_acks=-1,
        consumer_group_instance_id=worker_name(kafka),
        topic_disable_leader=True,
        topic_allow_declare=False,
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="uneri-faust-"),  # Faust requires one; nothing is kept there
        web_enabled=False,
        web_tables_enabled=False,
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
    )


def client_id(kafka: KafkaSettings, alike: str = "") -> str:
    """Return what a worker calls itself: others see its version in the group, and how it is configured."""
    return f"{kafka.app}-{VERSION}-{alike}"


def configured_alike(settings: Settings) -> str:
    """Return a short digest of what all workers of an app need alike, and no reload changes."""
    parts = settings.time.model_dump_json(), settings.rollup.model_dump_json(), bool(settings.history.place)
    return hashlib.blake2b(repr(parts).encode(), digest_size=4).hexdigest()


def _credentials(kafka: KafkaSettings) -> Any:
    """Return the credentials of all clients in the form of Faust."""
    options = connection_options(kafka)
    context = options.get("ssl_context")
    if "sasl_oauth_token_provider" in options:
        return OAuthCredentials(oauth_cb=options["sasl_oauth_token_provider"], ssl_context=context)
    if kafka.sasl_mechanism:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


async def wait_for_kafka(kafka: KafkaSettings, stopping: asyncio.Event) -> bool:
    """Return True when a broker can be used, False when ``stopping`` is set first.

    Logs in one line why none can, again only when the reason changes, and keeps trying: Faust would print a
    traceback, and credentials may be corrected meanwhile.
    """
    logged = None
    while not stopping.is_set():
        reason = await reason_unusable(kafka)
        if reason is None:
            if logged:
                log.info(f"Kafka at {', '.join(kafka.brokers)} answers")  # noqa: G004 - a sentence, not fields
            return True
        if reason != logged:
            log.warning(f"{reason}; retrying every {RETRY_SECONDS:.0f} s")  # noqa: G004 - a sentence
            logged = reason
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), RETRY_SECONDS)
    return False


def worker_name(kafka: KafkaSettings) -> str | None:
    """Return the name that the environment gives this worker, None if it gives none."""
    return os.environ.get(kafka.worker_env) or None


def leave_group(kafka: KafkaSettings) -> None:
    """Remove the member of this worker's name from the group, if there is one.

    A static member keeps its partitions until its session ends. After a crash its successor must not wait for
    that, nor simply inherit the old assignment, which lacks partitions added since. So a starting worker
    removes the previous member of its name, and a stopping one removes itself.
    """
    name = worker_name(kafka)
    if name is None:
        return
    try:
        with open_client(KafkaAdminClient, **client_options(kafka)) as admin:
            admin.remove_group_members(kafka.app, [MemberToRemove(group_instance_id=name)])
    except KafkaError as error:  # not a member, or brokers without static members: its session ends
        log.debug("the member of this worker's name was not removed", reason=repr(error))
