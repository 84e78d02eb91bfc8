from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from config.links import Links
from config.settings import LinksSettings
from streams.notify.incidents_route import incidents_route


async def test_a_process_that_does_not_notify_says_whom_to_ask() -> None:
    app = web.Application()
    app.add_routes([incidents_route(lambda: None, lambda: Links(LinksSettings()))])
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/incidents")
        assert answer.status == 503
        assert "the role notify" in (await answer.json())["error"]
