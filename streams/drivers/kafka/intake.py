"""The role ``intake``: the receivers of the embedded driver, in front of the topic of requests."""

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
    """The receivers of one process.

    Parameters
    ----------
    settings
        With a ``kafka`` section.
    kafka
        That section, with a topic of requests.

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
        address: ListenAddress,
        tokens: Callable[[], Tokens],
        *,
        schemas: Schemas | None = None,
    ) -> None:
        options = connection_options(kafka)
        self.sink = TopicSink(
            kafka.requests,
            lambda: DroppedProducer(options),
            lambda: reason_unusable(kafka),
            settings.dead_letters,
        )
        inputs = Inputs(settings.sources, schemas)
        self._handler = IngestHandler(
            self.sink, inputs, metrics.intake_refused, metrics.skipped, at_once=AT_ONCE
        )
        self._receivers = HttpReceivers(self._handler, settings.sources)
        self._url = address.url
        self._tcp: TcpReceiver | None = None
        self._producing: asyncio.Task[None] | None = None
        if (listen := settings.web.tcp) is not None:
            named = settings.web.tcp_source
            tls = address.certificates
            self._tcp = TcpReceiver(
                listen,
                self.sink,
                line_reader(None if named is None else inputs.of(named)),
                tokens,
                tls.context if tls else None,
                setting="web.tcp",
            )
        self._listen = listen
        self._topic = kafka.requests

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return self._receivers.routes()

    def use_secret(self, secret: str) -> None:
        """Verify webhooks by this secret from now on."""
        self._receivers.use_secret(secret)

    async def start(self) -> None:
        """Listen for connections; senders must wait until Kafka answers.

        Raises
        ------
        streams.process.web.http_server.ListenError
            When it cannot listen.
        """
        if self._tcp is not None:
            port = await self._tcp.start()
            log.info("accepting lines", address=self._listen, port=port)
        log.info("accepting events", url=f"{self._url}/events")

    def start_producing(self) -> asyncio.Task[None]:
        """Begin to write: the topic is there."""
        self._producing = asyncio.create_task(self.sink.run())
        return self._producing

    async def stop_accepting(self) -> None:
        """Accept no more requests, and close the connections when their records are written."""
        self.sink.close()
        if self._tcp is not None:
            await self._tcp.stop()

    async def stop(self) -> None:
        """Close the producer; all requests have been answered."""
        if self._producing is not None:
            self._producing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._producing

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``."""
        return {"intake": self.sink.why_full() or f"takes records, for the topic {self._topic}"}

    def queues(self) -> dict[str, int]:
        """Return the waiting bytes."""
        return {"request_bytes": self._handler.held, "unacknowledged_bytes": self.sink.held}
