import asyncio
import json
import time
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from streams.notify import slack_http
from streams.notify.slack_http import MAX_BODY, SlackHttp, SlackSignatures
from streams.process.web.http_server import HttpServer
from tests.alerting.slack_app import SECRET, SlackApp, signature_of
from tests.streams.notify.recorder import Recorder


class Receiver:
    """A web server with the routes that Slack calls, on a clock that tests move."""

    def __init__(self) -> None:
        self.recorder, self.ahead = Recorder(), 0.0
        self.registry = CollectorRegistry()
        self.refused = Counter("refused", "refused", ["reason"], registry=self.registry)
        signatures = SlackSignatures(SECRET, lambda: time.time() + self.ahead)
        http = SlackHttp(signatures, self.recorder, self.refused)
        routes = [web.post(path, http.answer) for path in SlackHttp.PATHS]
        self._web = HttpServer("127.0.0.1:0", routes)
        self.slack = SlackApp()

    async def start(self) -> None:
        self.slack.daemon = f"http://127.0.0.1:{await self._web.start()}"

    async def stop(self) -> None:
        await self._web.stop()

    async def post(self, body: bytes, headers: dict[str, str], path: str = "/slack/actions") -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.slack.daemon + path, data=body, headers=headers) as answer,
        ):
            return answer.status


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    opened = Receiver()
    await opened.start()
    yield opened
    await opened.stop()


BODY = urlencode({"payload": json.dumps({"type": "block_actions", "tag": "é"})}).encode()


async def test_a_signed_press_and_a_signed_command_are_accepted(receiver: Receiver) -> None:
    assert await receiver.slack.signed("/slack/actions", BODY) == 200
    assert await receiver.slack.signed("/slack/commands", b"command=%2Funeri&text=open+%E7%8A%B6&x=") == 200
    assert receiver.recorder.received == [
        {"type": "block_actions", "tag": "é"},
        {"command": "/uneri", "text": "open 状", "x": ""},
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Request-Timestamp": "soon"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "9" * 400},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v0=00"},
        {"X-Slack-Signature": "v0=" + "é" * 64},
        {"X-Slack-Signature": "v1=" + "0" * 64},
    ],
)
async def test_a_request_without_valid_signature_is_refused(
    receiver: Receiver, headers: dict[str, str]
) -> None:
    good = signature_of(BODY) if headers else {}
    assert await receiver.post(BODY, good | headers) == 401
    assert receiver.recorder.received == []


async def test_requests_that_anybody_can_send_fill_no_log(receiver: Receiver) -> None:
    with capture_logs() as logs:
        for _ in range(5):
            assert await receiver.post(BODY, {}) == 401
    assert [line["requests"] for line in logs if line["event"] == "request to /slack refused"] == [1]


async def test_a_forged_an_old_and_a_future_signature_are_refused(receiver: Receiver) -> None:
    assert await receiver.slack.signed("/slack/actions", BODY, secret="guessed") == 401  # noqa: S106  a guess
    assert await receiver.slack.signed("/slack/actions", BODY, at=time.time() - 302) == 401
    assert await receiver.slack.signed("/slack/actions", BODY, at=time.time() + 330) == 401
    assert await receiver.post(BODY + b"&x=1", signature_of(BODY)) == 401, "the body was changed"
    assert receiver.recorder.received == []
    assert receiver.registry.get_sample_value("refused_total", {"reason": "signature"}) == 4


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Signature": "v0=00", "X-Slack-Request-Timestamp": str(int(time.time()))},
        {"X-Slack-Signature": "v0=" + "0" * 64, "X-Slack-Request-Timestamp": "1760000000"},
    ],
    ids=["none", "no form", "old"],
)
async def test_a_body_is_not_waited_for_without_a_signature_that_may_be_valid(
    receiver: Receiver, headers: dict[str, str]
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(receiver.slack.daemon.rpartition(":")[2]))
    writer.write(f"POST /slack/actions HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: 4000\r\n\r\n".encode())
    async with asyncio.timeout(3):
        assert b" 401 " in await reader.readline()
    writer.close()


async def test_a_replayed_signature_is_refused_as_long_as_it_would_be_valid(receiver: Receiver) -> None:
    ahead = signature_of(BODY, time.time() + 299)
    for wait, status in ((0, 200), (1, 401), (300, 401), (595, 401), (700, 401)):
        receiver.ahead = wait
        assert await receiver.post(BODY, ahead) == status, f"after {wait} s"
    assert len(receiver.recorder.received) == 1


async def test_a_request_that_slack_repeats_is_answered_and_handled_once(receiver: Receiver) -> None:
    headers = signature_of(BODY)
    assert await receiver.post(BODY, headers) == 200
    assert await receiver.post(BODY, headers | {"X-Slack-Retry-Num": "1"}) == 200
    assert len(receiver.recorder.received) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_long_is_refused_before_it_is_read(
    receiver: Receiver, chunked: bool
) -> None:
    body = b"payload=" + b"x" * MAX_BODY

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    assert await receiver.post(pieces() if chunked else body, signature_of(body)) == 413  # type: ignore[arg-type]
    assert receiver.recorder.received == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"payload=\xff\xfe", 401),  # Slack signs text
        (b"payload={", 400),
        (b"payload=[]", 400),
        (b"", 400),
        (b"payload=" + b"[" * 20_000, 400),
        (b"&".join(b"a%d=1" % n for n in range(200)), 400),
    ],
)
async def test_a_signed_request_that_cannot_be_parsed_is_refused_without_a_traceback(
    receiver: Receiver, body: bytes, status: int
) -> None:
    assert await receiver.slack.signed("/slack/actions", body) == status
    assert receiver.recorder.received == []


async def test_the_memory_of_signatures_is_bounded_and_fails_closed(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_http, "MOST_REMEMBERED", 3)
    answers = [await receiver.slack.signed("/slack/actions", BODY + b"&n=%d" % n) for n in range(4)]
    assert answers == [200, 200, 200, 429]
    receiver.ahead = 601
    assert await receiver.post(BODY, signature_of(BODY, time.time() + 601)) == 200, (
        "the old ones are forgotten"
    )


def test_a_secret_shows_in_no_repr() -> None:
    signatures = SlackSignatures(SECRET)
    registry = CollectorRegistry()
    http = SlackHttp(signatures, Recorder(), Counter("refused", "refused", ["reason"], registry=registry))
    assert SECRET not in repr(signatures) + repr(http)
