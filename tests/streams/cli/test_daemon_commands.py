"""What silences, memos and every other command that asks a daemon have in common."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from streams.process.web.tokens import new_token
from tests.alerting.given import T0
from tests.alerting.notices import opened
from tests.streams.cli.command_line import GivenDaemon, serving, type_command

BODIES: dict[str, dict[str, Any]] = {
    "/silences": {"matching": {"scopes": ["table:items"]}, "seconds": 3600},
    "/memos": {"incident": "feed-1", "text": "so"},
}
WORDS: dict[str, list[str]] = {
    "/silences": ["silence", "table:items", "--for", "2h"],
    "/memos": ["note", "feed-1", "so"],
}
ASKING = [
    *(["status"], ["reload"], ["silences"], ["unsilence", "a"], ["incidents"], ["incident", "a"], ["memos"]),
    *(["forget", "a"], ["labels"], *WORDS.values()),
]


def given() -> GivenDaemon:
    daemon = GivenDaemon()
    assert daemon.pipeline is not None
    daemon.pipeline.feed([opened("feed-1", fingerprint="kind"), opened("feed-2")], T0)
    return daemon


def changed(daemon: GivenDaemon) -> int:
    assert daemon.pipeline is not None
    return len(daemon.pipeline.memos) + len(daemon.pipeline.silences())


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "rebound.example:80"}, 403),
        ({"Host": "rebound.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
async def test_a_web_page_in_a_browser_changes_nothing(
    path: str, headers: dict[str, str], status: int
) -> None:
    async with serving(given()) as daemon:
        assert (await daemon.post(path, BODIES[path], headers))[0] == status
        assert changed(daemon) == (status == 200)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/silences", {}),
        ("/silences", {"matching": {}, "seconds": 1}),
        ("/silences", {"matching": {}, "seconds": 10**9}),
        ("/silences", BODIES["/silences"] | {"more": 1}),
        ("/silences", []),
        ("/memos", {}),
        ("/memos", {"text": "so"}),
        ("/memos", {"text": "so", "incident": "feed-1", "at": T0}),
        ("/memos", {"text": "so", "incident": "feed-1", "scope": "table:items"}),
        ("/memos", {"text": "so", "at": -1}),
        ("/memos", {"text": "so", "at": 2**40}),
        ("/memos", {"text": "so", "at": T0, "scope": "items"}),
        ("/memos", {"text": "so", "at": T0, "scope": f"table:{'i' * 200}"}),
        ("/memos", {"text": "\u200b", "at": T0}),
        ("/memos", {"text": "x" * 1001, "at": T0}),
        ("/memos", {"text": "so", "at": T0, "more": 1}),
        ("/memos", []),
    ],
)
async def test_a_body_that_is_no_order_is_refused(path: str, body: object) -> None:
    async with serving(given()) as daemon:
        status, answer = await daemon.post(path, body)
        assert (status, bool(answer["error"]), changed(daemon)) == (400, True, 0)


@pytest.mark.parametrize("path", BODIES)
async def test_with_tokens_only_operate_gives_orders_from_anywhere_and_read_lists(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operate, read = new_token(), new_token()
    async with serving(given(), {"operate": operate, "read": read}) as daemon:
        code, (line,) = await daemon.type(*WORDS[path])
        assert (code, "a token that allows operate is needed" in line) == (1, True)
        monkeypatch.setenv("UNERI_TOKEN", read)
        code, (line,) = await daemon.type(*WORDS[path])
        assert (code, "does not allow operate" in line) == (1, True)
        assert await daemon.type(path[1:]) == (0, ["none"])
        monkeypatch.setenv("UNERI_TOKEN", operate)
        assert (await daemon.type(*WORDS[path])).code == 0
        headers = {"Host": "uneri.example.com", "Authorization": f"Bearer {operate}"}
        assert (await daemon.post(path, BODIES[path], headers))[0] == 200


@pytest.mark.parametrize("words", [*WORDS.values(), ["memos"], ["silences"]])
async def test_where_another_process_has_the_incidents_it_is_one_line(words: list[str]) -> None:
    async with serving(given()) as daemon:
        daemon.pipeline = None
        code, (line,) = await daemon.type(*words)
        assert (code, "this process does not notify" in line) == (1, True)


@pytest.mark.parametrize("words", ASKING)
def test_no_daemon_is_one_line_and_exit_1(words: list[str]) -> None:
    code, (line,) = type_command(*words, "--url", "http://127.0.0.1:9")
    assert (code, line.startswith("uneri: no daemon answers at http://127.0.0.1:9")) == (1, True)


@pytest.mark.parametrize("words", ASKING)
def test_a_server_that_is_no_daemon_is_one_line_and_exit_1(words: list[str], speaking: str) -> None:
    code, (line,) = type_command(*words, "--url", speaking)
    assert (code, line.startswith(f"uneri: no daemon answers at {speaking}")) == (1, True)
    assert "(SSH-2.0-[2JOpenSSH)" in line


@pytest.mark.parametrize("words", ASKING)
async def test_a_daemon_that_answers_otherwise_is_one_line_and_exit_1(words: list[str]) -> None:
    async def other(_: web.Request) -> web.Response:
        return web.json_response([1])

    served = web.Application()
    served.router.add_route("*", "/{path:.*}", other)
    async with TestServer(served) as server:
        url = str(server.make_url("")).rstrip("/")
        code, (line,) = await asyncio.to_thread(type_command, *words, "--url", url)
    assert (code, line.startswith(f"uneri: {url} does not answer as this version does (")) == (1, True)


@pytest.fixture
def speaking() -> Iterator[str]:
    """Yield the address of a server that does not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            there, _ = server.accept()
            with there:
                there.recv(4096)
                there.sendall(b"SSH-2.0-\x1b[2JOpenSSH\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        yield "http://127.0.0.1:{1}".format(*server.getsockname())
        thread.join()
