"""``POST /pubsub``: pushes of Google Cloud Pub/Sub, with a verified token.

A message is acknowledged (200) when what it holds is durable. Pub/Sub repeats it after any other answer; a
subscription with a dead letter topic ends that for messages that can never be read.
"""

from http import HTTPStatus

from aiohttp import web

from streams.ingest.receivers.events_receiver import taken
from streams.ingest.receivers.ingest_handler import IngestHandler, body_error
from streams.ingest.receivers.payload_lines import reader_of
from streams.ingest.receivers.push_tokens import PushTokens
from streams.ingest.receivers.record_sink import NotTakenError
from streams.process.web.request_body import BodyError


class PubsubReceiver:
    """The route that subscriptions push to; ``?source=NAME`` as at ``/events``.

    Parameters
    ----------
    reception
        Receives.
    tokens
        Verifies whose push it is; None refuses all.
    """

    def __init__(self, reception: IngestHandler, tokens: PushTokens | None) -> None:
        self._reception = reception
        self._tokens = tokens

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [web.post("/pubsub", self._post)]

    async def _post(self, request: web.Request) -> web.Response:
        try:
            if self._tokens is None:
                raise _not_set_up()
            await self._tokens.verify(request.headers.get("Authorization", ""))
            read = reader_of(self._reception.source(request.query.get("source"), "pubsub"))
            receipt = await self._reception.take(request, read)
        except BodyError as error:
            self._reception.count(error)
            return body_error(error)
        return taken(receipt)


def _not_set_up() -> NotTakenError:
    said = "pushes of Pub/Sub are not set up; set sources.pubsub: audience and service_accounts"
    return NotTakenError(said, HTTPStatus.FORBIDDEN, "push_token")
