"""``GET /board/scope`` and ``/board/scopes``: answers, and refusals with one clear line."""

from typing import Any

import pytest

from tests.streams.screens.board.board_client import READ, browser, given, locked, sign_in
from tests.streams.screens.board.board_server import GivenBoard, served
from tests.streams.screens.board.wall_given import wall_given

ITEMS = {"scope": "table:items", "account": "123456789012"}


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        (ITEMS, 200, None),
        (ITEMS | {"range": "13mo"}, 200, None),
        (ITEMS | {"from": "2025-11-01", "to": "2025-11-08T12:30"}, 200, None),
        ({"scope": "table:nobody"}, 404, "no table nobody is known here: /board/scopes?like= finds names"),
        ({}, 404, "scope is one of account, service, route, function, table, client, tenant, a colon and"),
        (ITEMS | {"range": "1y"}, 400, "range is one of 4h, 1d, 1w, 5w, 13mo, or give from and to"),
        (ITEMS | {"from": "x"}, 400, "from is no time: give epoch seconds, or 2026-11-27"),
    ],
)
async def test_a_page_is_answered_or_refused_with_what_is_allowed(
    query: dict[str, str], status: int, said: str | None
) -> None:
    async with (
        served(given()) as board,
        browser() as session,
        session.get(f"{board.url}/board/scope", params=query) as answer,
    ):
        found: dict[str, Any] = await answer.json()
        assert answer.status == status
        assert answer.headers["Cache-Control"] == "no-store"
    if said is None:
        assert len(found["measures"][0]["curve"]["observed"]) == found["points"]
    else:
        assert found["error"].startswith(said)


async def test_a_name_of_several_scopes_is_answered_with_a_choice() -> None:
    async with served(given()) as board, browser() as session:
        async with session.get(f"{board.url}/board/scope", params={"scope": "table:orders"}) as answer:
            found = (await answer.json())["scopes"]
        assert [item["scope"]["account"] for item in found] == ["123456789012", "210987654321"]
        async with session.get(f"{board.url}/board/scopes", params={"like": "orders eu-west"}) as answer:
            assert [scope["label"] for scope in (await answer.json())["scopes"]] == ["orders"]


async def test_what_cannot_be_had_now_is_a_503_and_nothing_is_answered_without_a_session() -> None:
    data = GivenBoard(wall_given("busy"))
    async with served(data, access=locked()) as board, browser() as session:
        for path in ("scope", "scopes"):
            async with session.get(f"{board.url}/board/{path}", params=ITEMS) as answer:
                assert answer.status == 401
        assert await sign_in(session, board, READ) == 204
        data.trouble = "too many pages are being made at the same time; try again in a few seconds"
        async with session.get(f"{board.url}/board/scope", params=ITEMS) as answer:
            assert answer.status == 503
            assert await answer.json() == {"error": data.trouble}
