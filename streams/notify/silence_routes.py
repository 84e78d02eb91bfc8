"""Silences by HTTP, for commands on the same machine or with a token: list, add, remove."""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from alerting.commands.answer import Answer, CommandResult
from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.silence_end import LONGEST, SHORTEST
from alerting.incidents.notice import identify
from alerting.pipeline.pipeline import Pipeline
from streams.process.access import is_trusted
from streams.process.request_body import BodyError, read_small

_STATUS: Final = {CommandResult.DONE: 200, CommandResult.REPEATED: 200, CommandResult.UNKNOWN: 404}
_LARGEST: Final = 64 * 1024  # of a body, bytes
_BY: Final = 80  # characters kept of a name
_WHY: Final = 200  # and of a reason
_ANONYMOUS: Final = "a user at the terminal"
ELSEWHERE: Final = {"error": "this process does not notify; ask the one with the role notify"}


class SilenceBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /silences``."""

    matching: Matcher
    seconds: int
    why: str = ""
    by: str = ""


class SilenceRoutes:
    """Serves ``/silences`` to callers on the same machine, or with a token (``refused_change``).

    Parameters
    ----------
    pipeline
        Returns the pipeline, None while another process has it.
    execute
        Makes a command durable and executes it.
    now
        Wall time, epoch seconds.
    """

    def __init__(
        self,
        pipeline: Callable[[], Pipeline | None],
        execute: Callable[[Command], Awaitable[Answer]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._execute = execute
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/silences", self._show),
            web.post("/silences", self._silence),
            web.delete("/silences/{id}", self._end),
        ]

    async def _show(self, _: web.Request) -> web.Response:
        pipeline = self._pipeline()
        return _json(ELSEWHERE, 503) if pipeline is None else _json(pipeline.silences())

    async def _silence(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        try:
            asked = msgspec.json.decode(await read_small(request, _LARGEST), type=SilenceBody)
        except BodyError as error:
            answer = _json({"error": str(error)}, error.status)
            if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                answer.headers["Retry-After"] = "1"
            return answer
        except msgspec.MsgspecError as error:
            return _json({"error": str(error)}, 400)
        if not SHORTEST <= asked.seconds <= LONGEST:
            return _json({"error": "give a duration between a minute and three months"}, 400)
        at = int(self._now())
        return await self._give(
            Command(
                id=identify("silence", at, asked.by, asked.matching, asked.seconds),
                kind=CommandKind.SILENCE,
                at=at,
                by=asked.by[:_BY] or _ANONYMOUS,
                matcher=asked.matching,
                until=at + asked.seconds,
                why=asked.why[:_WHY],
            )
        )

    async def _end(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        at, name = int(self._now()), request.match_info["id"]
        by = request.query.get("by", "")[:_BY] or _ANONYMOUS
        return await self._give(
            Command(
                id=identify("unsilence", at, name), kind=CommandKind.UNSILENCE, at=at, by=by, incident=name
            )
        )

    async def _give(self, command: Command) -> web.Response:
        answer = await self._execute(command)
        body = {"said": answer.result, "silence": answer.silence, "until": answer.until, "fits": answer.fits}
        return _json(body, _STATUS.get(answer.result, 409))

    def _refused(self, request: web.Request) -> web.Response | None:
        if self._pipeline() is None:
            return _json(ELSEWHERE, 503)
        if not is_trusted(request):
            said = "without a token, silences can be changed only from this machine, at 127.0.0.1"
            return _json({"error": said}, 403)
        if request.content_type != "application/json":
            return _json({"error": "send application/json"}, 415)
        return None


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
