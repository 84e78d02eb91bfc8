"""Buttons and slash commands by signed HTTP: ``POST /slack/actions`` and ``POST /slack/commands``."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from prometheus_client import Counter

from streams.notify.slack_signature import SIGNATURE, TIMESTAMP, SignatureFullError, SlackSignatures

MAX_BODY: Final = 64 * 1024
_MOST_FIELDS: Final = 50
_RETRY: Final = "X-Slack-Retry-Num"
_NO_RETRY: Final = {"X-Slack-No-Retry": "1"}

log = structlog.get_logger("uneri.slack")


class Takes(Protocol):
    """Who acts on what was asked, after it was acknowledged. Neither method blocks or raises."""

    @property
    def staffed(self) -> bool:
        """Tell whether anybody acts on what comes in."""

    def pressed(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Act on a ``block_actions`` or ``view_submission`` payload; return what a modal is to show."""

    def commanded(self, form: Mapping[str, str]) -> None:
        """Act on a slash command."""


Act = Callable[[Mapping[str, str]], Mapping[str, Any] | None]


class SlackHttp:
    """The two routes that Slack calls.

    Every request is refused with 401 unless its raw body carries a good signature that was not seen before;
    nothing of it is parsed until then. The answer comes at once, empty but for what a modal is to show: Slack
    waits three seconds, and what a press leads to may take longer.
    """

    def __init__(self, signatures: SlackSignatures, desk: Takes, refused: Counter) -> None:
        self._signatures = signatures
        self._desk = desk
        self._refused = refused

    def __repr__(self) -> str:
        return "SlackHttp()"

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [
            web.post("/slack/actions", self._actions),
            web.post("/slack/commands", self._commands),
        ]

    async def _actions(self, request: web.Request) -> web.Response:
        return await self._verified(request, self._press)

    async def _commands(self, request: web.Request) -> web.Response:
        return await self._verified(request, self._command)

    def _command(self, form: Mapping[str, str]) -> None:
        self._desk.commanded(form)

    def _press(self, form: Mapping[str, str]) -> Mapping[str, Any] | None:
        payload = json.loads(form.get("payload", ""))
        if not isinstance(payload, dict):
            raise TypeError("the payload is no object")
        return self._desk.pressed(payload)

    async def _verified(self, request: web.Request, act: Act) -> web.Response:
        body = await _at_most(request, MAX_BODY)
        if body is None:
            return self._refuse("too long", 413)
        signature = request.headers.get(SIGNATURE)
        if not self._signatures.good(body, request.headers.get(TIMESTAMP), signature):
            return self._refuse("signature", 401)
        return self._taken(request, body, signature or "", act)

    def _taken(self, request: web.Request, body: bytes, signature: str, act: Act) -> web.Response:
        if not self._desk.staffed:
            return self._refuse("nobody there", 503)
        try:
            if not self._signatures.first_time(signature):
                # with this header Slack did not hear our answer: what was asked is being done
                again = _RETRY in request.headers
                return web.Response(headers=_NO_RETRY) if again else self._refuse("replayed", 401)
            form = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
            shown = act(form)
        except SignatureFullError:
            return self._refuse("too many", 429)
        except (ValueError, TypeError, RecursionError):
            return self._refuse("not understood", 400)
        return web.Response() if shown is None else web.json_response(shown)

    def _refuse(self, why: str, status: int) -> web.Response:
        self._refused.labels(why).inc()
        log.warning("a request to /slack was refused", reason=why)
        return web.Response(status=status, headers=_NO_RETRY)


async def _at_most(request: web.Request, limit: int) -> bytes | None:
    """Return the raw body, None when it is longer than ``limit``: the rest of it is not read."""
    if (request.content_length or 0) > limit:
        return None
    body = bytearray()
    async for chunk in request.content.iter_chunked(limit):
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)
