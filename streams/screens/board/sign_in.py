"""``/board/session``: a browser shows a token once, and is known by a cookie from then on."""

from typing import Final

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from streams.process.web.access import SESSIONS_LATER, Access
from streams.process.web.request_body import NOT_UNDERSTOOD, BodyError, read_json
from streams.process.web.tokens import AccessScope
from streams.screens.board.board_answers import UNKEPT, encoded, refused

_LARGEST: Final = 4096  # of a body, bytes


class SignInBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /board/session``."""

    token: str


class SessionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser may do, by whose token, and the proof that each action shows.

    ``needed`` is whether the daemon has tokens at all.
    """

    needed: bool
    may: list[AccessScope]
    token: str | UnsetType | None = UNSET
    proof: str | UnsetType | None = UNSET


class SignIn:
    """Begins and ends sessions; ``Access`` has refused pages of other origins before."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def begin(self, request: web.Request) -> web.Response:
        """Answer ``POST``: 204 with the cookie for a token that allows reading, 401 for any other."""
        if request.content_type != "application/json":  # which a page of another origin cannot send
            return refused("send application/json", 415)
        try:
            asked = await read_json(request, _LARGEST, SignInBody)
        except BodyError as error:
            if error.reason == NOT_UNDERSTOOD:
                return refused('send {"token": "…"}', 400)  # without repeating what may be one
            return refused(str(error), error.status)
        done = web.Response(status=204, headers=UNKEPT)
        if self._access.sessions.needed:
            if self._access.sessions.waiting:
                return refused(SESSIONS_LATER, 503)
            secure = request.secure or request.headers.get("Origin", "").startswith("https://")
            session = self._access.sessions.begin(asked.token, secure=secure)
            if session is None:
                unknown = self._access.refuse(
                    "token", 401, "this token does not allow read; use one that does"
                )
                unknown.headers.update(UNKEPT)
                return unknown
            session.put(request, done)
        return done

    async def show(self, request: web.Request) -> web.Response:
        """Answer ``GET``: what this browser may do, its token, and the proof that it sends when it acts."""
        if self._access.sessions.waiting:
            return refused(SESSIONS_LATER, 503)
        may, needed = self._access.may(request), self._access.sessions.needed
        if not may:
            return encoded(SessionAnswer(needed=needed, may=[]))
        name, proof = self._access.name_of(request), self._access.sessions.proof(request)
        return encoded(SessionAnswer(needed=needed, may=sorted(may), token=name, proof=proof))

    async def end(self, request: web.Request) -> web.Response:
        """Answer ``DELETE``: the browser forgets its session."""
        done = web.Response(status=204, headers=UNKEPT)
        self._access.sessions.end(request, done)
        return done
