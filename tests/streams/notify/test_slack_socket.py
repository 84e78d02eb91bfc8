import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streams.notify import slack_socket
from streams.notify.slack_api import SlackApi
from streams.notify.slack_socket import SlackSocket
from tests.alerting.slack_app import APP_TOKEN, SlackApp
from tests.alerting.slack_standin import TOKEN
from tests.streams.drivers.world import until
from tests.streams.notify.recorder import Recorder


@asynccontextmanager
async def listening(slack: SlackApp, token: str = APP_TOKEN) -> AsyncIterator[tuple[SlackSocket, Recorder]]:
    recorder = Recorder()
    socket = SlackSocket(token, slack.base_url, recorder, first_wait=0.01)
    task = asyncio.create_task(socket.run())
    try:
        yield socket, recorder
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_envelopes_are_acknowledged_and_passed_on() -> None:
    async with SlackApp() as slack, listening(slack) as (socket, recorder):
        assert await slack.send("interactive", {"type": "block_actions"}) < 3
        assert await slack.send("slash_commands", {"text": "open", "n": 1}) < 3
        assert await slack.send("events_api", {"event": {}}) < 3, "unknown envelopes are acknowledged too"
        assert recorder.received == [{"type": "block_actions"}, {"text": "open", "n": "1"}]
        assert socket.connected
        assert APP_TOKEN not in repr(socket)


async def test_an_announced_disconnect_opens_the_next_connection_before_the_old_one_ends() -> None:
    async with SlackApp() as slack, listening(slack) as (_, recorder):
        await slack.send("interactive", {"n": 1})
        old = slack.sockets[0]
        await slack.disconnect("warning")
        await until(lambda: len(slack.sockets) == 2)
        await slack.send("interactive", {"n": 2})
        slack.sockets.remove(old)
        slack.sockets.append(old)  # what Slack still sends over the old one arrives too
        await slack.send("interactive", {"n": 3})
        assert recorder.received == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_a_broken_connection_is_reopened() -> None:
    async with SlackApp() as slack, listening(slack) as (_, recorder):
        for number in range(3):
            await slack.send("interactive", {"n": number})
            slack.cut()
            await until(lambda: slack.tickets == number + 2 and len(slack.sockets) == 1)  # noqa: B023
        await slack.send("interactive", {"n": 3})
        assert [received["n"] for received in recorder.received] == [0, 1, 2, 3]
        assert slack.tickets == 4


async def test_an_invalid_envelope_costs_at_most_the_connection() -> None:
    async with SlackApp() as slack, listening(slack) as (_, recorder):
        tickets = 1
        for text, closes in (
            ("[]", True),
            ("{", True),
            ('{"type": "interactive", "payload": 1, "envelope_id": 2}', False),
            ("null", True),
            ("[" * 5000, True),
        ):
            await until(lambda: slack.sockets)
            await slack.sockets[-1].send_str(text)
            tickets += closes
            await until(lambda: slack.tickets == tickets)  # noqa: B023
        await until(lambda: slack.sockets)
        await slack.send("interactive", {"n": 1})
        assert recorder.received == [{"n": 1}]


async def test_a_refused_token_is_logged_once_and_retried_slowly(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_socket, "LONGEST_WAIT", 0.2)
    async with SlackApp() as slack, listening(slack, "xapp-wrong-token"):
        start = time.monotonic()
        await until(lambda: len(slack.calls) >= 3)
        assert time.monotonic() - start >= 0.35, "it retries at the longest interval"
    logged = capsys.readouterr().out
    assert logged.count("Slack refuses Socket Mode") == 1
    assert "invalid_auth" in logged
    assert "xapp-wrong-token" not in logged


async def test_the_socket_waits_for_a_slack_that_is_down_or_sends_no_hello(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_socket, "TIMEOUT", 0.2)
    async with SlackApp() as slack:
        slack.hello, slack.retry_after = False, 1
        slack.faults.extend(["503", "drop before", "html", "429"])
        async with listening(slack) as (socket, recorder):
            await until(lambda: slack.tickets == 2)
            assert not socket.connected
            slack.hello = True
            monkeypatch.setattr(slack_socket, "TIMEOUT", 10)
            await until(lambda: socket.connected)
            await slack.send("interactive", {"n": 1})
            assert recorder.received == [{"n": 1}]
    logged = capsys.readouterr().out
    assert "Socket Mode reconnected" in logged
    assert "ticket" not in logged, "the address holds a secret"


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with SlackApp() as slack:
        monkeypatch.setenv("HTTP_PROXY", slack.base_url.removesuffix("/api/"))
        slack.base_url = "http://slack.invalid/api/"  # resolvable only through the proxy
        async with listening(slack) as (socket, _), SlackApi(TOKEN, slack.base_url) as calls:
            await until(lambda: socket.connected)
            assert await calls.answer("http://slack.invalid/response/1", {"text": "hello"})
            assert slack.answers
