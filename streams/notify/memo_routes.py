"""Memos by HTTP, for commands on the same machine or with a token: list, add, remove."""

from typing import Final

import msgspec
from aiohttp import web

from alerting.commands.answer import Answer
from alerting.commands.command import Command, CommandKind
from alerting.commands.memo import LONGEST, memo_text
from alerting.incidents.notice import identify
from alerting.words.mrkdwn import clean
from config.sections.validators import scope_name
from streams.notify.command_routes import ANONYMOUS, BY, UNKNOWN, CommandRoutes, json_answer, refusing

LONGEST_SCOPE = 200  # characters
_AHEAD: Final = 86_400  # seconds; a memo further ahead would be the newest one for as long
_BACK: Final = 400 * 86_400  # seconds: 13 months, which is what a board can show


class MemoBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /memos``: on an incident, or at a moment of the timeline."""

    text: str
    incident: str | None = None  # id, or its first characters
    at: int | None = None  # epoch seconds
    scope: str = ""  # with ``at``: kind:name
    by: str = ""

    def __post_init__(self) -> None:
        """Keep of the scope what people see, as of the text."""
        self.scope = clean(self.scope)


class MemoRoutes(CommandRoutes):
    """Serves ``/memos``."""

    WHAT = "memos"

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/memos", refusing(self._show)),
            web.post("/memos", refusing(self._note)),
            web.delete("/memos/{id}", refusing(self._forget)),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        known = self.known()
        name = request.query.get("incident")
        if name is None:
            return json_answer({"memos": [memo.to_json() for memo in known.memos]})
        tracked = known.named(name)
        if tracked is None:
            return json_answer(UNKNOWN, 404)
        return json_answer({"memos": [memo.to_json() for memo in known.memos_of(tracked.incident)]})

    async def _note(self, request: web.Request) -> web.Response:
        asked = await self.body(request, MemoBody)
        text = memo_text(asked.text)
        now = int(self._now())
        if (wrong := wrong_in(asked, text, now)) is not None:
            return json_answer({"error": wrong}, 400)
        by = asked.by[:BY] or ANONYMOUS
        command = Command(
            id=identify("memo", now, by, asked.incident, asked.at, asked.scope, text),
            kind=CommandKind.NOTE,
            at=now,
            by=by,
            incident=asked.incident,
            why=text,
            moment=asked.at,
            scope=asked.scope,
        )
        return await self.give(command, _said)

    async def _forget(self, request: web.Request) -> web.Response:
        self.check(request)
        at, name = int(self._now()), request.match_info["id"]
        by = request.query.get("by", "")[:BY] or ANONYMOUS
        key = identify("forget", at, name)
        return await self.give(Command(id=key, kind=CommandKind.FORGET, at=at, by=by, incident=name), _said)


def wrong_in(asked: MemoBody, text: str, now: int) -> str | None:
    """Return what is wrong with a body, and the remedy; None if nothing is."""
    wrong = {
        "say of which incident, or at which time; one of the two": (asked.incident is None)
        == (asked.at is None),
        "a memo on an incident has no scope of its own; leave it out": asked.at is None and bool(asked.scope),
        "the time is more than a day ahead; note it when it is nearer": asked.at is not None
        and asked.at > now + _AHEAD,
        "the time is more than 13 months back, where no board shows it; give a later one, in epoch seconds": (
            asked.at is not None and asked.at < now - _BACK
        ),
        "write what to note": not text,
        f"a memo holds up to {LONGEST:,} characters, this has {len(text):,}; shorten it": len(text) > LONGEST,
        f"a scope has at most {LONGEST_SCOPE} characters; shorten it": len(asked.scope) > LONGEST_SCOPE,
    }
    return next((said for said, found in wrong.items() if found), None) or _wrong_scope(asked.scope)


def _wrong_scope(scope: str) -> str | None:
    try:
        if scope:
            scope_name(scope)
    except ValueError as error:
        return str(error)
    return None


def _said(answer: Answer) -> dict[str, object]:
    return {"memo": None if answer.memo is None else answer.memo.to_json()}
