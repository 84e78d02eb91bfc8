"""Slack, and what stands before it, answers whatever it likes: without an end, or to come again in a year."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from alerting.messages.blocks import Message
from alerting.outbox.ports import Result, SubjectState
from alerting.outbox.row import OutboxRow, Send
from alerting.sinks.http_sink import LONGEST, HttpOptions, outcome_of_status
from alerting.sinks.slack import SlackSink
from streams.notify.http_sinks import ALARMS
from tests.alerting.delivery_world import PATIENT, render
from tests.alerting.given import incident
from tests.alerting.message_makers import dispatch, notice
from tests.alerting.slack_standin import TOKEN


async def _handle(request: web.Request) -> web.StreamResponse:
    path = request.path.split("/")[1]
    if path == "endless":
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        await answer.write(b'{"ok": true, "user": "')
        try:
            while True:
                await answer.write(b"x" * 65_536)
        except OSError:
            return answer
    if path == "yes":
        return web.json_response({"ok": True, "ts": {"a": 1}, "messages": {"a": 1}})
    headers = {} if path == "none" else {"Retry-After": path}
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", _handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_an_answer_without_an_end_is_not_read_on(url: str) -> None:
    async with asyncio.timeout(PATIENT), SlackSink(TOKEN, f"{url}/endless/", render, timeout=600) as sink:
        outcome = await sink.authorise()
    assert (outcome.result, outcome.error) == (Result.UNKNOWN, "its answer has no end")


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("30", 30),
        ("0.01", 1),
        ("99999999999999", LONGEST),
        ("inf", LONGEST),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
        *((text, None) for text in ("none", "nan", "-5", "0", "soon", "Mon, 01 Jan 2024 00:00:00 GMT")),
        ("Mon, 01 Jan 2024 00:00:00 +999999999999999", None),
    ],
)
async def test_an_absurd_time_to_wait_is_cut_and_without_one_the_wait_grows(
    url: str, asked: str, wait: float | None
) -> None:
    headers = {} if asked == "none" else {"Retry-After": asked}
    assert outcome_of_status(429, headers, time.time()).retry_after == wait
    async with asyncio.timeout(PATIENT), SlackSink(TOKEN, f"{url}/{asked}/", render) as sink:
        outcome = await sink.authorise()
    assert (outcome.result, outcome.retry_after) == (Result.RETRY, wait)


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie", "discord"])
async def test_a_yes_that_is_not_the_receiver_s_calls_nobody(url: str, kind: str) -> None:
    for path in ("yes", "endless"):
        sink = ALARMS[kind](f"{kind}:duty", f"{url}/{path}", "secret", HttpOptions(timeout=600), "VARIABLE")
        row = sink.render(dispatch(notice(incident())), SubjectState())
        assert row is not None
        async with asyncio.timeout(PATIENT), sink:
            assert (await sink.deliver(row)).result is Result.RETRY


async def test_a_yes_that_is_not_slack_s_is_no_message_in_a_channel(url: str) -> None:
    row = OutboxRow(
        id="1",
        destination="slack:#uneri",
        subject="s",
        send=Send.POST,
        urgency=1,
        sequence=1,
        created=time.time(),
        message=Message(text="a page", blocks=[]),
    )
    async with asyncio.timeout(PATIENT), SlackSink(TOKEN, f"{url}/yes/", render) as sink:
        outcome = await sink.deliver(row)
    assert (outcome.result, outcome.error) == (Result.UNKNOWN, "its answer is not one of Slack's")
