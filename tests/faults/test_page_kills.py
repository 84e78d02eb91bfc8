"""``uneri run`` dies by SIGKILL around its messages, again and again: each page is in Slack once."""

import asyncio
import json
import os
import sys
from collections import deque
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.alerting.slack_standin import TOKEN, SlackStandin

UNERI = Path(sys.executable).with_name("uneri")
START = 1_760_000_400
DAY = 26 * 3600  # a function is known for a day before a new exception counts at once
FUNCTIONS = 3


class Killer(SlackStandin):
    """Kills the daemon at one message after the other, where ``deaths`` says."""

    deaths: deque[str]
    victim: asyncio.subprocess.Process

    async def _api(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["method"] != "chat.postMessage" or not self.deaths:
            return await super()._api(request)
        death = self.deaths.popleft()
        if death == "before Slack has it":
            self.victim.kill()
            return self._drop(request)
        answer = await super()._api(request)
        if death == "after Slack has it":
            self.victim.kill()
            return self._drop(request)
        asyncio.get_running_loop().call_later(0.003, self.victim.kill)  # while it writes down what came of it
        return answer


def events() -> bytes:
    """Return a day of three functions, at the end of which each raises what it never raised."""
    lines = []
    for number in range(FUNCTIONS):
        usual: dict[str, Any] = {"account": f"{number:012}", "function": f"put-{number}", "ms": {"total": 10}}
        lines += [{**usual, "ts": START + second, "status": 200} for second in range(0, DAY, 600)]
        lines += [
            {**usual, "ts": START + DAY + second, "status": 500, "error": "fatal", "error_type": "KeyError"}
            for second in range(10)
        ]
        lines += [{**usual, "ts": START + DAY + 900 + second, "status": 200} for second in range(60)]
    lines.sort(key=lambda event: event["ts"])
    return b"\n".join(json.dumps(event).encode() for event in lines)


async def started(config: Path, log: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        UNERI,
        "run",
        "--config",
        config,
        env={**os.environ, "SLACK_BOT_TOKEN": TOKEN},
        stderr=asyncio.subprocess.PIPE,
        stdout=log,
    )


async def address(process: asyncio.subprocess.Process) -> str:
    """Return where a daemon takes events in, empty when it died before it said it."""
    assert process.stderr is not None
    async for line in process.stderr:
        if b"accepting events" in line:
            return line.decode().partition("url=")[2].split()[0]
    return ""


async def drained(process: asyncio.subprocess.Process) -> bytes:
    assert process.stderr is not None
    return await process.stderr.read()


async def test_a_daemon_that_is_killed_around_its_messages_posts_each_page_once(tmp_path: Path) -> None:
    async with Killer() as slack:
        slack.deaths = deque(["before Slack has it", "after Slack has it", "as it settles"])
        config = tmp_path / "uneri.yaml"
        config.write_text(
            f"slack: {{base_url: '{slack.base_url}', channel: C0UNERI}}\n"
            f"local: {{listen: '127.0.0.1:0', state: '{tmp_path / 'state'}'}}\n"
            "judge: {young: 3600}\ntime: {idle: 1}\nnotify: {since: 2020-01-01}\n"
        )
        lives = 0
        with (tmp_path / "out").open("wb") as out:
            while True:
                lives += 1
                slack.victim = await started(config, out)
                url = await address(slack.victim)
                reading = asyncio.create_task(drained(slack.victim))
                if lives == 1:
                    async with aiohttp.ClientSession() as session, session.post(url, data=events()) as answer:
                        assert answer.status == 202
                async with asyncio.timeout(240):
                    while slack.victim.returncode is None and (
                        slack.deaths or len(slack.parents) < FUNCTIONS or not await judged(url)
                    ):
                        await asyncio.sleep(0.05)
                if slack.victim.returncode is None:
                    slack.victim.terminate()
                await slack.victim.wait()
                said = await reading
                assert b"Traceback" not in said, said.decode()
                if not slack.deaths and slack.victim.returncode == 0:
                    break
        assert lives == 4
        assert len({message.id for message in slack.messages}) == len(slack.messages)
        named = sorted(parent.text.split(" · ")[1] for parent in slack.parents if "KeyError" in parent.text)
        assert named == [f"function put-{number}" for number in range(FUNCTIONS)]


async def judged(url: str) -> bool:
    """Return whether a daemon has judged all that it was given."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(url.replace("/events", "/status")) as answer,
        ):
            status = await answer.json()
    except aiohttp.ClientError:
        return False
    return bool(status["lag"] == 0)
