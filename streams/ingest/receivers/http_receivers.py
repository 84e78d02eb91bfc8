"""All doors of a daemon that are routes of its web server."""

import time
from collections.abc import Callable

from aiohttp import web

from config.secret import passphrase_in
from config.settings import SourcesSettings
from streams.ingest.receivers.changes_receiver import ChangesReceiver, GithubSignature
from streams.ingest.receivers.events_receiver import EventsReceiver
from streams.ingest.receivers.firehose_receiver import FirehoseReceiver
from streams.ingest.receivers.ingest_handler import IngestHandler
from streams.ingest.receivers.otlp_receiver import OtlpReceiver
from streams.ingest.receivers.pubsub_receiver import PubsubReceiver
from streams.ingest.receivers.push_tokens import PushTokens, SigningKeys
from streams.process.extras import need


class HttpReceivers:
    """The doors, which share one reception.

    Parameters
    ----------
    reception
        Receives.
    settings
        Whose pushes and webhooks are accepted.
    clock
        Epoch seconds.

    Raises
    ------
    config.secret.SecretError
        When the secret of webhooks cannot be read.
    streams.process.extras.MissingExtraError
        When ``sources.pubsub`` is set, and what verifies tokens is not installed.
    """

    def __init__(
        self, reception: IngestHandler, settings: SourcesSettings, clock: Callable[[], float] = time.time
    ) -> None:
        place = settings.github.secret
        self._signature = GithubSignature(passphrase_in(place), place.name())
        tokens = None
        if settings.pubsub is not None:
            need("joserfc", "sources.pubsub")
            tokens = PushTokens(settings.pubsub, SigningKeys(settings.pubsub.keys), clock)
        self._doors = (
            EventsReceiver(reception),
            OtlpReceiver(reception),
            FirehoseReceiver(reception),
            PubsubReceiver(reception, tokens),
            ChangesReceiver(reception, self._signature),
        )

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [route for door in self._doors for route in door.routes()]

    def take_up(self, secret: str) -> None:
        """Verify webhooks by this secret from now on."""
        self._signature.secret = secret
