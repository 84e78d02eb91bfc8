"""Silences by HTTP, for commands on the same machine or with a token: list, add, remove."""

from typing import Final

import msgspec
from aiohttp import web

from alerting.commands.answer import Answer
from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.silence_end import LONGEST, SHORTEST
from alerting.incidents.notice import identify
from streams.notify.command_routes import ANONYMOUS, BY, CommandRoutes, json_answer, refusing

_WHY: Final = 200  # characters kept of a reason


class SilenceBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /silences``."""

    matching: Matcher
    seconds: int
    why: str = ""
    by: str = ""


class SilenceRoutes(CommandRoutes):
    """Serves ``/silences``."""

    WHAT = "silences"

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/silences", refusing(self._show)),
            web.post("/silences", refusing(self._silence)),
            web.delete("/silences/{id}", refusing(self._end)),
        ]

    async def _show(self, _: web.Request) -> web.Response:
        return json_answer(self.known().silences())

    async def _silence(self, request: web.Request) -> web.Response:
        asked = await self.body(request, SilenceBody)
        if not SHORTEST <= asked.seconds <= LONGEST:
            return json_answer({"error": "give a duration between a minute and three months"}, 400)
        at = int(self._now())
        command = Command(
            id=identify("silence", at, asked.by, asked.matching, asked.seconds),
            kind=CommandKind.SILENCE,
            at=at,
            by=asked.by[:BY] or ANONYMOUS,
            matcher=asked.matching,
            until=at + asked.seconds,
            why=asked.why[:_WHY],
        )
        return await self.give(command, _said)

    async def _end(self, request: web.Request) -> web.Response:
        self.check(request)
        at, name = int(self._now()), request.match_info["id"]
        by = request.query.get("by", "")[:BY] or ANONYMOUS
        key = identify("unsilence", at, name)
        return await self.give(
            Command(id=key, kind=CommandKind.UNSILENCE, at=at, by=by, incident=name), _said
        )


def _said(answer: Answer) -> dict[str, object]:
    return {"silence": answer.silence, "until": answer.until, "fits": answer.fits}
