"""Interactions by signed HTTP: ``POST /slack/actions`` and ``POST /slack/commands``."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from prometheus_client import Counter

from streams.notify.slack_signature import SIGNATURE, TIMESTAMP, SignatureFullError, SlackSignatures
from streams.process.recurring import Recurring
from streams.process.web.request_body import BodyError, read_small

MAX_BODY: Final = 64 * 1024
BUSY: Final = "busy"
_MOST_FIELDS: Final = 50
_RETRY: Final = "X-Slack-Retry-Num"
_NO_RETRY: Final = {"X-Slack-No-Retry": "1"}
_UNREAD: Final[dict[int, str]] = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too long",
    HTTPStatus.SERVICE_UNAVAILABLE: BUSY,
}

log = structlog.get_logger("uneri.slack")


class InteractionReceiver(Protocol):
    """Receives interactions, which are handled after they were acknowledged. No method blocks or raises."""

    @property
    def active(self) -> bool:
        """Whether interactions are being handled."""

    def on_action(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Receive a ``block_actions`` or ``view_submission`` payload; return what a modal shows at once."""

    def on_command(self, form: Mapping[str, str]) -> None:
        """Receive a slash command."""


Handler = Callable[[Mapping[str, str]], Mapping[str, Any] | None]


class SlackHttp:
    """The two routes that Slack calls.

    A request is refused with 401, unparsed, unless its raw body has a valid signature that was not used
    before. The answer follows at once, empty unless a modal must show something: Slack waits three seconds,
    and handling may take longer.
    """

    PATHS: Final = ("/slack/actions", "/slack/commands")

    def __init__(self, signatures: SlackSignatures, receiver: InteractionReceiver, refused: Counter) -> None:
        self._signatures = signatures
        self._receiver = receiver
        self._refused = refused
        self._recurring: defaultdict[str, Recurring] = defaultdict(Recurring)

    def __repr__(self) -> str:
        return "SlackHttp()"

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [web.post(path, self.answer) for path in self.PATHS]

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request to one of the paths."""
        pressed = request.path.startswith(self.PATHS[0])
        return await self._verified(request, self._press if pressed else self._command)

    def _command(self, form: Mapping[str, str]) -> None:
        self._receiver.on_command(form)

    def _press(self, form: Mapping[str, str]) -> Mapping[str, Any] | None:
        payload = json.loads(form.get("payload", ""))
        if not isinstance(payload, dict):
            raise TypeError("the payload is not an object")
        return self._receiver.on_action(payload)

    async def _verified(self, request: web.Request, handler: Handler) -> web.Response:
        timestamp, signature = request.headers.get(TIMESTAMP), request.headers.get(SIGNATURE)
        if not self._signatures.possible(timestamp, signature):
            return self._refuse("signature", 401)  # a stranger's body is not waited for
        try:
            body = await read_small(request, MAX_BODY)
        except BodyError as error:
            return self._refuse(_UNREAD.get(error.status, "not received"), error.status)
        if not self._signatures.valid(body, timestamp, signature):
            return self._refuse("signature", 401)
        return self._accepted(request, body, signature or "", handler)

    def _accepted(self, request: web.Request, body: bytes, signature: str, handler: Handler) -> web.Response:
        if not self._receiver.active:
            return self._refuse("nobody there", 503)
        try:
            if not self._signatures.first_use(signature):
                # with this header, Slack missed our answer: the interaction is being handled
                again = _RETRY in request.headers
                return web.Response(headers=_NO_RETRY) if again else self._refuse("replayed", 401)
            form = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
            shown = handler(form)
        except SignatureFullError:
            return self._refuse("too many", 429)
        except (ValueError, TypeError, RecursionError):
            return self._refuse("not understood", 400)
        return web.Response() if shown is None else web.json_response(shown)

    def _refuse(self, why: str, status: int) -> web.Response:
        self._refused.labels(why).inc()
        if (count := self._recurring[why].happened()) is not None:  # anybody can send such requests
            log.warning("request to /slack refused", reason=why, requests=count)
        return web.Response(status=status, headers={"Retry-After": "1"} if why == BUSY else _NO_RETRY)
