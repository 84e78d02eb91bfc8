"""Access to the board: tokens, sessions, and requests that are forged."""

import pytest
from aiohttp import web

from streams.process.web.access import Access
from streams.process.web.tokens import AccessScope, Tokens, digest_of
from tests.streams.screens.board.board_client import (
    INTAKE,
    OPERATE,
    READ,
    TOKENS,
    browser,
    given,
    known,
    locked,
    sign_in,
    status,
)
from tests.streams.screens.board.board_server import served


async def test_beyond_loopback_only_the_empty_page_comes_without_a_token() -> None:
    async with served(given(), access=locked()) as board, browser() as session:
        assert await status(session, board.url) == 200
        for path in ("wall", "incidents", "events"):
            assert await status(session, f"{board.url}/board/{path}") == 401
        async with session.get(board.url) as answer:
            assert "items" not in await answer.text()


@pytest.mark.parametrize(
    ("token", "expected"),
    [(READ, 204), (OPERATE, 204), (INTAKE, 401), ("x", 401)],
    ids=("read", "operate", "intake", "unknown"),
)
async def test_a_token_begins_a_session_if_it_allows_reading(token: str, expected: int) -> None:
    async with served(given(), access=locked()) as board, browser() as session:
        assert await sign_in(session, board, token) == expected
        assert await status(session, f"{board.url}/board/wall") == (200 if expected == 204 else 401)


async def test_the_cookie_reveals_no_token_is_out_of_reach_of_scripts_and_stays() -> None:
    async with (
        served(given(), access=locked()) as board,
        browser() as session,
        session.post(f"{board.url}/board/session", json={"token": READ}) as answer,
    ):
        cookie = answer.headers["Set-Cookie"]
    assert READ not in cookie
    assert digest_of(READ).hex() not in cookie
    for part in ("HttpOnly", "SameSite=Strict", "Path=/board", "Max-Age=34560000"):
        assert part in cookie
    assert "Secure" not in cookie


async def test_under_tls_of_a_proxy_too_the_cookie_is_for_tls_only() -> None:
    async with served(given(), access=locked()) as board, browser() as session:
        headers = {"Origin": f"https://127.0.0.1:{board.port}"}
        url = f"{board.url}/board/session"
        async with session.post(url, json={"token": READ}, headers=headers) as answer:
            assert answer.status == 204
            assert "Secure" in answer.headers["Set-Cookie"]


async def test_a_session_outlives_the_daemon_and_is_set_again_whenever_it_is_used() -> None:
    async with browser() as session:
        async with served(given(), access=locked()) as board:
            assert await sign_in(session, board, READ) == 204
        async with (
            served(given(), access=locked(), port=board.port) as board,
            session.get(f"{board.url}/board/wall") as answer,
        ):
            assert answer.status == 200
            assert "Max-Age=34560000" in answer.headers["Set-Cookie"]


async def test_a_session_ends_when_its_token_is_removed_and_no_other_does() -> None:
    async with served(given(), access=locked()) as board, browser() as one, browser() as other:
        await sign_in(one, board, READ)
        await sign_in(other, board, OPERATE)
        board.access.replace_tokens(Tokens([known(OPERATE, AccessScope.OPERATE, AccessScope.READ)]))
        assert await status(one, f"{board.url}/board/wall") == 401
        assert await status(other, f"{board.url}/board/wall") == 200


async def test_the_file_of_hashes_is_not_enough_to_make_a_session() -> None:
    forger = Access("0.0.0.0:8765", tokens=TOKENS, session_key=b"g" * 32)
    async with served(given(), access=forger) as forging, browser() as session:
        await sign_in(session, forging, READ)
        forged = {cookie.value for cookie in session.cookie_jar}.pop()
    async with served(given(), access=locked()) as board, browser() as session:
        for value in (forged, "1.p.x.y", "....", "1.p.x." + "0" * 64, "ü.p.x.y"):
            cookie = {"Cookie": f"uneri_board_{board.port}={value}"}
            assert await status(session, f"{board.url}/board/wall", **cookie) == 401


async def test_a_browser_that_signs_out_is_forgotten() -> None:
    async with served(given(), access=locked()) as board, browser() as session:
        await sign_in(session, board, READ)
        assert await status(session, f"{board.url}/board/session", "DELETE") == 204
        assert await status(session, f"{board.url}/board/wall") == 401


async def test_two_daemons_on_one_host_do_not_sign_each_other_out() -> None:
    async with (
        served(given(), access=locked()) as one,
        served(given(), access=locked()) as two,
        browser() as session,
    ):
        for board in (one, two):
            await sign_in(session, board, READ)
        for board in (one, two):
            assert await status(session, f"{board.url}/board/wall") == 200


async def test_a_session_opens_the_board_only() -> None:
    async with served(given(), access=locked()) as board, browser() as session:
        await sign_in(session, board, OPERATE)
        for cookie in session.cookie_jar:
            header = {"Cookie": f"{cookie.key}={cookie.value}"}
            assert await status(session, f"{board.url}/board/wall", **header) == 200
            for path in ("/status", "/metrics"):
                assert await status(session, board.url + path, **header) == 401


async def test_a_program_may_use_its_token_on_the_board_as_anywhere() -> None:
    async with served(given(), access=locked()) as board, browser() as session:
        for path in ("wall", "map"):
            url = f"{board.url}/board/{path}"
            assert await status(session, url) == 401
            assert await status(session, url, Authorization=f"Bearer {READ}") == 200
            assert await status(session, url, Authorization=f"Bearer {INTAKE}") == 403


async def acted(_: web.Request) -> web.Response:
    return web.json_response({"done": True})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "own"}, 200),
        ({"Origin": "own", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "own", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
    ids=str,
)
async def test_an_action_in_a_session_needs_proof_that_our_own_page_asks(
    headers: dict[str, str], expected: int
) -> None:
    extra = [web.post("/board/act", acted)]
    async with served(given(), access=locked(), extra=extra) as board, browser() as session:
        await sign_in(session, board, OPERATE)
        sent = {name: board.url if value == "own" else value for name, value in headers.items()}
        assert await status(session, f"{board.url}/board/act", "POST", **sent) == expected


async def test_a_session_that_only_reads_never_acts() -> None:
    extra = [web.post("/board/act", acted)]
    async with served(given(), access=locked(), extra=extra) as board, browser() as session:
        await sign_in(session, board, READ)
        own = {"Origin": board.url, "Sec-Fetch-Site": "same-origin"}
        assert await status(session, f"{board.url}/board/act", "POST", **own) == 403


async def test_no_other_page_reads_the_board_in_a_session_or_begins_or_ends_one() -> None:
    async with served(given(), access=locked()) as board, browser() as session:
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert await sign_in(session, board, READ, **headers) == 403
        await sign_in(session, board, READ)
        for site in ("cross-site", "same-site"):
            assert await status(session, f"{board.url}/board/wall", **{"Sec-Fetch-Site": site}) == 403
            assert (
                await status(session, f"{board.url}/board/session", "DELETE", **{"Sec-Fetch-Site": site})
                == 403
            )
        assert await status(session, f"{board.url}/board/wall") == 200


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b'{"token": "x"}', "text/plain", 415),
        (b"{", "application/json", 400),
        (b'{"token": 5}', "application/json", 400),
        (b'{"token": "x", "more": 1}', "application/json", 400),
        (b'{"token": "' + b"x" * 5000 + b'"}', "application/json", 413),
    ],
)
async def test_what_is_no_token_is_refused_without_being_repeated(
    body: bytes, kind: str, expected: int
) -> None:
    async with served(given(), access=locked()) as board, browser() as session:
        headers = {"Content-Type": kind}
        async with session.post(f"{board.url}/board/session", data=body, headers=headers) as answer:
            assert answer.status == expected
            assert b"xxx" not in await answer.read()


async def test_where_no_token_is_needed_none_is_asked_for_and_none_is_kept() -> None:
    async with (
        served(given()) as board,
        browser() as session,
        session.post(f"{board.url}/board/session", json={"token": READ}) as answer,
    ):
        assert answer.status == 204
        assert "Set-Cookie" not in answer.headers
