"""The role ``intake``: the doors of the embedded driver, before the topic of requests."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web

from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.connections.connection import connection_options
from streams.drivers.kafka.connections.probe import reason_unusable
from streams.drivers.kafka.topic_sink import DroppedProducer, TopicSink
from streams.ingest.formats.envelopes.confluent import Schemas
from streams.ingest.formats.inputs import Inputs
from streams.ingest.receivers.http_receivers import HttpReceivers
from streams.ingest.receivers.ingest_handler import IngestHandler
from streams.ingest.receivers.payload_lines import line_reader
from streams.ingest.receivers.tcp_receiver import TcpReceiver
from streams.process.metrics import Metrics
from streams.process.web.listen_address import ListenAddress
from streams.process.web.tokens import Tokens

AT_ONCE: Final = 16
"""Small bodies that are worked on at the same time: most of them wait for a broker."""

log = structlog.get_logger("uneri.intake")


class KafkaIntake:
    """The doors of one process.

    Parameters
    ----------
    settings
        With a ``kafka`` section.
    kafka
        That section, with a topic of requests.
    metrics
        Counts what is refused.
    door
        How the process is reached.
    tokens
        Returns those that are accepted now.
    schemas
        Those of a registry, if there is one.

    Raises
    ------
    config.secret.SecretError
        When a secret cannot be read.
    streams.process.extras.MissingExtraError
        When an extra is missing that the settings need.
    """

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaSettings,
        metrics: Metrics,
        door: ListenAddress,
        tokens: Callable[[], Tokens],
        *,
        schemas: Schemas | None = None,
    ) -> None:
        options = connection_options(kafka)
        self.taker = TopicSink(
            kafka.requests,
            lambda: DroppedProducer(options),
            lambda: reason_unusable(kafka),
            settings.dead_letters,
        )
        inputs = Inputs(settings.sources, schemas)
        self._reception = IngestHandler(
            self.taker, inputs, metrics.intake_refused, metrics.skipped, at_once=AT_ONCE
        )
        self._doors = HttpReceivers(self._reception, settings.sources)
        self._url = door.url
        self._tcp: TcpReceiver | None = None
        self._producing: asyncio.Task[None] | None = None
        if (listen := settings.web.tcp) is not None:
            named = settings.web.tcp_source
            tls = door.certificates
            self._tcp = TcpReceiver(
                listen,
                self.taker,
                line_reader(None if named is None else inputs.of(named)),
                tokens,
                tls.context if tls else None,
                setting="web.tcp",
            )
        self._listen = listen
        self._topic = kafka.requests

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return self._doors.routes()

    def take_up(self, secret: str) -> None:
        """Verify webhooks by this secret from now on."""
        self._doors.take_up(secret)

    async def start(self) -> None:
        """Listen for connections; senders are told to wait until Kafka answers.

        Raises
        ------
        streams.process.web.http_server.ListenError
            When it cannot listen.
        """
        if self._tcp is not None:
            port = await self._tcp.start()
            log.info("taking lines in", address=self._listen, port=port)
        log.info("taking events in", url=f"{self._url}/events")

    def produce(self) -> asyncio.Task[None]:
        """Begin to write: the topic is there."""
        self._producing = asyncio.create_task(self.taker.run())
        return self._producing

    async def refuse(self) -> None:
        """Take no request any more, and close the connections when what they sent is written."""
        self.taker.close()
        if self._tcp is not None:
            await self._tcp.stop()

    async def stop(self) -> None:
        """Close the producer; all requests have been answered."""
        if self._producing is not None:
            self._producing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._producing

    def status(self) -> dict[str, object]:
        """Return what ``uneri status`` shows."""
        return {"intake": self.taker.full() or f"takes records, for the topic {self._topic}"}

    def queues(self) -> dict[str, int]:
        """Return what waits, in bytes."""
        return {"request_bytes": self._reception.held, "unacknowledged_bytes": self.taker.held}
