"""Slack and all other receivers hang and answer garbage while pages and a flood of records come."""

import asyncio
import gzip
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from tests.alerting.http_standin import HttpStandin
from tests.alerting.sinks.alarm_standins import (
    AlarmStandin,
    DiscordStandin,
    OpsgenieStandin,
    PagerdutyStandin,
    TeamsStandin,
)
from tests.alerting.sinks.alertmanager_standin import AlertmanagerStandin
from tests.alerting.sinks.webhook_standin import SECRET, WebhookStandin
from tests.alerting.slack_standin import SlackStandin, in_a_thread
from tests.attacks.attacked import Attacked, HonestSender, repeated

HOSTILE_SECONDS: Final = 60.0
DAY: Final = 26 * 3600  # a function is known for a day before a new exception counts at once
FUNCTIONS: Final = 3
BOMB: Final = gzip.compress(b'{"ok": true, "ts": "' + bytes(256 << 20), 1)

GARBAGE: Final[dict[str, tuple[int, dict[str, str], bytes]]] = {
    "no time to come again": (429, {}, b'{"ok": false, "error": "ratelimited"}'),
    "a negative time": (429, {"Retry-After": "-1"}, b"{}"),
    "a time in words": (503, {"Retry-After": "tomorrow"}, b""),
    "nothing": (500, {}, b""),
    "a list": (502, {"Content-Type": "application/json"}, b"[]"),
    "a bomb": (500, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, BOMB),
}
YES: Final[dict[str, tuple[int, dict[str, str], bytes]]] = {
    "a page of a proxy": (200, {"Content-Type": "text/html"}, b"<html>sign in</html>"),
    "plain text": (200, {"Content-Type": "text/plain"}, b"ok"),
}
FOR_SLACK: Final[dict[str, tuple[int, dict[str, str], bytes]]] = YES | {
    "yes to nothing": (200, {"Content-Type": "application/json"}, b'{"ok": true}'),
    "other types": (
        200,
        {"Content-Type": "application/json"},
        b'{"ok": true, "messages": {"a": 1}, "response_metadata": []}',
    ),
    "an unknown error": (200, {"Content-Type": "application/json"}, b'{"ok": false, "error": "\\u001b[2J"}'),
}
MOVES: Final = ("a redirect", "no end", "drops", "silence", "a drop at a time")


class Hostile:
    """Answers with one kind of garbage after the other while it is hostile."""

    hostile = False

    def begin(self, kinds: dict[str, tuple[int, dict[str, str], bytes]], elsewhere: str) -> None:
        """Answer garbage from now on; redirects lead ``elsewhere``."""
        self._kinds, self._elsewhere = kinds, elsewhere
        self._turns: Iterator[str] = itertools.cycle([*kinds, *MOVES])
        self.answered: Counter[str] = Counter()
        self.hostile = True

    async def misbehave(self, request: web.Request) -> web.StreamResponse:
        """Answer a call."""
        kind = next(self._turns)
        self.answered[kind] += 1
        if kind in self._kinds:
            status, headers, body = self._kinds[kind]
            return web.Response(status=status, headers=headers, body=body)
        if kind == "a redirect":
            return web.Response(status=307, headers={"Location": f"{self._elsewhere}{request.path}"})
        assert request.transport is not None
        if kind == "drops":
            request.transport.abort()
            return web.Response()
        if kind == "silence":
            await asyncio.sleep(30)
            return web.Response(status=500)
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b" " * 65_536 if kind == "no end" else b" ")
                await asyncio.sleep(0 if kind == "no end" else 1)
        except OSError:
            return answer


class HostileSlack(Hostile, SlackStandin):
    async def _api(self, request: web.Request) -> web.StreamResponse:
        return await (self.misbehave(request) if self.hostile else super()._api(request))


class HostileReceiver(Hostile, HttpStandin):
    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await (self.misbehave(request) if self.hostile else super()._handle(request))


class HostileWebhook(HostileReceiver, WebhookStandin):
    pass


class HostileAlertmanager(HostileReceiver, AlertmanagerStandin):
    pass


class HostilePagerduty(HostileReceiver, PagerdutyStandin):
    pass


class HostileOpsgenie(HostileReceiver, OpsgenieStandin):
    pass


class HostileTeams(HostileReceiver, TeamsStandin):
    pass


class HostileDiscord(HostileReceiver, DiscordStandin):
    pass


class Elsewhere(HttpStandin):
    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        return web.Response(text=f"{len(body)} for {request.path}")


def failing_at_the_end(begin: float) -> Iterator[dict[str, Any]]:
    """Yield a day of some functions, at the end of which each raises what it never raised."""
    for second in range(0, DAY, 600):
        for number in range(FUNCTIONS):
            yield usual(number) | {"ts": begin + second, "status": 200}
    for second in range(10):
        for number in range(FUNCTIONS):
            raised = {"status": 500, "error": "fatal", "error_type": "KeyError"}
            yield usual(number) | {"ts": begin + DAY + second, **raised}


def flood() -> bytes:
    """Return requests of many functions, as of now."""
    now = time.time()
    return b"\n".join(b'{"ts":%.3f,"service":"flood","function":"f%d"}' % (now, n) for n in range(2000))


def usual(number: int) -> dict[str, Any]:
    place = {"cloud": "aws", "account": f"{number:012}", "region": "eu-west-1"}  # so a card has a link
    return place | {"function": f"put-{number}", "ms": {"total": 10}}


def test_receivers_that_answer_garbage_cost_no_page_and_no_record(tmp_path: Path) -> None:
    with ExitStack() as stack:
        slack = stack.enter_context(in_a_thread(HostileSlack()))
        hook = stack.enter_context(in_a_thread(HostileWebhook(time.time)))
        pager = stack.enter_context(in_a_thread(HostileAlertmanager(time.time)))
        pagerduty = stack.enter_context(in_a_thread(HostilePagerduty(time.time)))
        opsgenie = stack.enter_context(in_a_thread(HostileOpsgenie(time.time)))
        teams = stack.enter_context(in_a_thread(HostileTeams(time.time)))
        discord = stack.enter_context(in_a_thread(HostileDiscord(time.time)))
        called: dict[str, AlarmStandin] = {
            "pagerduty": pagerduty,
            "opsgenie": opsgenie,
            "teams": teams,
            "discord": discord,
        }
        elsewhere = stack.enter_context(in_a_thread(Elsewhere()))
        everywhere = {
            "routes": [
                {"to": ["#uneri", "webhook:hook", "alertmanager:pager", *(f"{kind}:duty" for kind in called)]}
            ],
            "pagerduty": [{"name": "duty", "url": pagerduty.url}],
            "opsgenie": [{"name": "duty", "url": opsgenie.url}],
            "teams": [{"name": "duty"}],
            "discord": [{"name": "duty"}],
            "webhooks": [{"name": "hook", "url": f"{hook.url}/hook", "secret_env": "HOOK_SECRET"}],
            "alertmanagers": [{"name": "pager", "url": pager.url}],
        }
        daemon = Attacked(
            tmp_path,
            slack=slack,
            environment={
                "HOOK_SECRET": SECRET,
                "PAGERDUTY_ROUTING_KEY": pagerduty.SECRET,
                "OPSGENIE_API_KEY": opsgenie.SECRET,
                "TEAMS_WEBHOOK_URL": teams.address,
                "DISCORD_WEBHOOK_URL": discord.address,
            },
            judge={"young": 3600},
            notify=everywhere,
        )
        with daemon:
            begin = time.time() // 60 * 60 - DAY - 300
            assert daemon.send(*failing_at_the_end(begin)).status == 202
            slack.begin(GARBAGE | FOR_SLACK, elsewhere.url)
            hook.begin(GARBAGE, elsewhere.url)
            pager.begin(GARBAGE, elsewhere.url)
            pagerduty.begin(GARBAGE | YES, elsewhere.url)
            opsgenie.begin(GARBAGE | YES, elsewhere.url)
            teams.begin(GARBAGE, elsewhere.url)
            discord.begin(GARBAGE | YES, elsewhere.url)
            with HonestSender(daemon) as honest:
                hostile: tuple[Hostile, ...] = (slack, hook, pager, pagerduty, opsgenie, teams, discord)
                daemon.wait(lambda: all(receiver.answered for receiver in hostile), "first message")
                with repeated(lambda _: daemon.ask("/events", flood()), 1):
                    time.sleep(HOSTILE_SECONDS)
                assert daemon.get("/healthz").status == 200
                for receiver in hostile:
                    assert len(receiver.answered) > 3, receiver.answered
                    receiver.hostile = False
                assert daemon.end() == 0
                daemon.start()  # what was refused for good is tried again
                daemon.wait(lambda: len(pages(slack)) >= FUNCTIONS, "page")
                daemon.wait(lambda: len(known_to(hook)) >= FUNCTIONS, "body of the webhook")
                daemon.wait(lambda: len(pager.alerts) >= FUNCTIONS, "alert")
                for kind, duty in called.items():
                    daemon.wait(partial(knows_all, duty), f"alarm of {kind}")
                honest.fills_a_minute()
            honest.is_counted()
        assert pages(slack) == [f"function put-{number}" for number in range(FUNCTIONS)]
        for kind, duty in called.items():
            assert len(duty.paged) == FUNCTIONS, kind
        assert not elsewhere.calls, "what was sent, with its token, followed a redirect"
        assert len(daemon.lines()) < 100, daemon.output()


def pages(slack: SlackStandin) -> list[str]:
    return sorted(parent.text.split(" · ")[1] for parent in slack.parents if "KeyError" in parent.text)


def knows_all(duty: AlarmStandin) -> bool:
    return len(duty.alarms) >= FUNCTIONS


def known_to(hook: WebhookStandin) -> set[str]:
    """Return the names of the incidents that the webhook knows, in whatever state they came first."""
    bodies = list(hook.arrived.values())
    return {body["data"]["incident"]["scope"]["name"] for body in bodies if "incident" in body["data"]}
