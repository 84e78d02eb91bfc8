"""The routes of the board: the page, its files and its data."""

import re
from typing import Any

from streams.screens.board.board_answers import POLICY
from streams.screens.board.board_assets import FOLDER, BoardAssets
from streams.screens.board.service_map.service_map import ServiceMap
from tests.streams.screens.board.board_client import browser, given, status
from tests.streams.screens.board.board_server import GivenBoard, served
from tests.streams.screens.board.wall_given import wall_given


async def test_the_page_allows_no_script_or_style_but_its_own_files_and_no_frame() -> None:
    async with served(given()) as board, browser() as session, session.get(board.url) as answer:
        page = await answer.text()
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY
    assert re.findall(r"<script(?! (?:defer |type=\"module\" )src=)|<style|style=|\son\w+=", page) == []
    assert re.findall(r"https?://", page) == []


async def test_browsers_keep_the_files_of_one_version_for_ever_and_never_mix_two() -> None:
    async with served(given()) as board, browser() as session:
        async with session.get(board.url) as answer:
            files = re.findall(r'(?:src|href)="(/board/assets/\w+/[\w.]+)"', await answer.text())
        assert len(files) >= 5
        for file in files:
            async with session.get(board.url + file) as answer:
                assert answer.status == 200
                assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                assert answer.headers["Content-Encoding"] == "gzip"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert await status(session, f"{board.url}/board/assets/0123/main.js") == 404
        assert await status(session, f"{board.url}/board/assets/../board_routes.py") == 404
        async with session.get(board.url + files[-1], headers={"Accept-Encoding": "identity"}) as answer:
            assert "Content-Encoding" not in answer.headers


async def test_a_browser_asks_for_all_modules_at_once() -> None:
    async with served(given()) as board, browser() as session, session.get(board.url) as answer:
        preloaded = re.findall(r'rel="modulepreload" href="/board/assets/\w+/([\w.]+)"', await answer.text())
    modules = {path.name for path in FOLDER.rglob("*js")} - {"main.js", "uPlot.iife.min.js"}
    assert sorted(preloaded) == sorted(modules - {"report.js", "report_page.js"})  # a report has those inside


async def test_all_that_a_page_asks_for_is_packed() -> None:
    async with served(given()) as board, browser() as session:
        for path in ("wall", "map", "incidents", "scope?scope=table:items&account=123456789012", "session"):
            async with session.get(f"{board.url}/board/{path}") as answer:
                assert answer.headers["Content-Encoding"] in ("gzip", "deflate"), path
                assert answer.headers["Vary"] == "Accept-Encoding"
                assert isinstance(await answer.json(), dict)
            plain = {"Accept-Encoding": "identity"}
            async with session.get(f"{board.url}/board/{path}", headers=plain) as answer:
                assert "Content-Encoding" not in answer.headers
                assert isinstance(await answer.json(), dict)


async def test_a_browser_that_opens_an_unknown_address_finds_the_way_to_the_board() -> None:
    async with served(given()) as board, browser() as session:
        async with session.get(f"{board.url}/bord", headers={"Accept": "text/html,*/*"}) as answer:
            assert (answer.status, answer.content_type) == (404, "text/html")
            page = await answer.text()
        assert "there is no such path" in page
        assert '<a href="/">' in page
        async with session.get(f"{board.url}/bord") as answer:
            assert "there is no such path" in (await answer.json())["error"]


async def test_comments_of_scripts_stay_at_home_and_lines_keep_their_numbers() -> None:
    async with served(given()) as board, browser() as session:
        for name in ("main.js", "words.js", "uPlot.iife.min.js"):
            async with session.get(f"{board.url}/board/assets/{BoardAssets('en').build}/{name}") as answer:
                sent = (await answer.text()).splitlines()
            [path] = FOLDER.rglob(name)
            for line, ours in zip(sent, path.read_text("utf-8").splitlines(), strict=True):
                assert line == ("" if ours.lstrip().startswith("//") else ours)


async def test_the_wall_is_what_the_data_say_with_null_for_what_is_not_known() -> None:
    async with (
        served(GivenBoard(wall_given("learning"))) as board,
        browser() as session,
        session.get(f"{board.url}/board/wall") as answer,
    ):
        found: dict[str, Any] = await answer.json()
        assert answer.headers["Cache-Control"] == "no-store"
    assert found["state"] == "learning"
    assert found["numbers"][0]["expected"] is None
    assert found["zone"] == "Asia/Tokyo"


async def test_data_that_cannot_be_had_are_a_503_with_one_line() -> None:
    data = given()
    data.trouble = "the history cannot be read (Input/output error); look at the disk"
    async with served(data) as board, browser() as session:
        for path in ("wall", "map"):
            async with session.get(f"{board.url}/board/{path}") as answer:
                assert answer.status == 503
                assert await answer.json() == {"error": data.trouble}


async def test_the_map_is_made_once_for_all_who_look_at_it_and_again_with_the_next_step() -> None:
    data = GivenBoard(wall_given("busy"))
    made = []
    make = data.map

    async def counted() -> ServiceMap:
        made.append(1)
        return await make()

    data.map = counted  # type: ignore[method-assign]
    async with served(data) as board, browser() as session:
        for _ in range(3):
            async with session.get(f"{board.url}/board/map") as answer:
                found = await answer.json()
        assert len(made) == 1
        items = next(node for node in found["nodes"] if node["label"] == "items")
        assert (items["verdict"], items["kind"], items["scope"]["name"]) == ("spike", "table", "items")
        assert "failed" not in items, "what is not known is left out"
        async with session.get(f"{board.url}/board/map", headers={"Accept-Encoding": "identity"}) as answer:
            assert await answer.json() == found
            assert "Content-Encoding" not in answer.headers
        data.judged.notify()
        async with session.get(f"{board.url}/board/map"):
            assert len(made) == 2
