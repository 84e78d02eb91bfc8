"""Tokens, access and clients that keep cookies, for tests of the routes of the board."""

import aiohttp

from streams.process.web.access import Access
from streams.process.web.tokens import AccessScope, KnownToken, Tokens, digest_of, new_token
from tests.streams.screens.board.board_server import KEY, GivenBoard, ServedBoard
from tests.streams.screens.board.wall_given import wall_given

READ, OPERATE, INTAKE = (new_token() for _ in range(3))


def known(token: str, *scopes: AccessScope) -> KnownToken:
    return KnownToken(digest_of(token), frozenset(scopes))


TOKENS = Tokens(
    [
        known(READ, AccessScope.READ),
        known(OPERATE, AccessScope.OPERATE, AccessScope.READ),
        known(INTAKE, AccessScope.INTAKE),
    ]
)


def locked(tokens: Tokens = TOKENS) -> Access:
    return Access("0.0.0.0:8765", tokens=tokens, session_key=KEY)


def given() -> GivenBoard:
    return GivenBoard(wall_given())


def browser() -> aiohttp.ClientSession:
    """Return a client that keeps cookies, of addresses too."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def sign_in(session: aiohttp.ClientSession, board: ServedBoard, token: str, **headers: str) -> int:
    async with session.post(f"{board.url}/board/session", json={"token": token}, headers=headers) as answer:
        return answer.status


async def status(session: aiohttp.ClientSession, url: str, method: str = "GET", **headers: str) -> int:
    async with session.request(method, url, headers=headers) as answer:
        return answer.status
