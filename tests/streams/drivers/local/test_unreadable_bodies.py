"""A body that is no text is its sender's error, whatever the route: one line to them, none in the log."""

import logging
from pathlib import Path

import aiohttp
import pytest

from streams.drivers.local.daemon import LocalDaemon
from tests.streams.drivers.world import local_settings, running

BODIES = (b'{"by": "\xff"}', b'{"token": "\xff"}', b'{"text": "\xff"}', b'{"\xff": 1}', b"\xff")


async def test_no_route_fails_at_a_body_that_is_not_utf_8(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(LocalDaemon(local_settings(tmp_path))) as world:
        routes = {
            (route.method, route.resource.canonical)
            for route in world.daemon._web._runner.app.router.routes()
            if route.method not in ("GET", "HEAD")
            and route.resource is not None
            and route.resource.canonical != "/state"  # its answer is an archive, whatever the body
        }
        async with aiohttp.ClientSession(world.url) as session:
            own = {"Sec-Fetch-Site": "same-origin", "Origin": world.url}
            async with session.get("/board/session", headers=own) as answer:
                proof = (await answer.json())["proof"]
            headers = own | {"Content-Type": "application/json", "X-Uneri-Proof": proof}
            decoded = set()
            with caplog.at_level(logging.WARNING):
                for method, path in sorted(routes):
                    named = path.replace("{ask}", "acknowledge").replace("{", "").replace("}", "")
                    for body in BODIES:
                        async with session.request(method, named, data=body, headers=headers) as answer:
                            said = await answer.text()
                            assert answer.status < 500, (method, path, said)
                            assert len(said.splitlines()) <= 1
                            if answer.status == 400:
                                decoded.add(f"{method} {path}")
    assert decoded >= {
        "POST /board/session",
        "POST /board/incidents/{id}/{ask}",
        "POST /board/incidents/{id}/snooze",
        "POST /board/incidents/{id}/export",
        "POST /board/memos",
        "DELETE /board/memos/{id}",
        "DELETE /board/silences/{id}",
        "POST /memos",
        "POST /silences",
    }
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
