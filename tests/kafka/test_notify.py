"""Notifying in a process of its own: findings of the deciding one are sent once, also through a kill."""

import os
import signal
import time

from aiohttp import web

from tests.alerting.slack_standin import TOKEN, SlackStandin, in_a_thread
from tests.faults.daemons import Daemon
from tests.faults.test_page_kills import FUNCTIONS, events
from tests.kafka import topic as topics
from tests.kafka.kafka_app import MakeApp


class Killer(SlackStandin):
    """Kills the notifying process at the first message, after Slack has it."""

    victim: Daemon
    killed = False

    async def _api(self, request: web.Request) -> web.StreamResponse:
        answer = await super()._api(request)
        if request.match_info["method"] == "chat.postMessage" and not self.killed:
            self.killed = True
            os.kill(self.victim.pid, signal.SIGKILL)
            return self._drop(request)
        return answer


def test_a_notifier_that_is_killed_posts_each_page_once_and_the_decider_needs_no_token(
    make_app: MakeApp,
) -> None:
    with in_a_thread(Killer()) as slack:
        app = make_app(
            kafka={"shards": 1},
            judge={"young": 3600},
            notify={"since": "2020-01-01"},
            slack={"base_url": slack.base_url, "channel": "C0UNERI"},
        )
        topics.fill(app.kafka.brokers[0], app.kafka.requests, [events().split(b"\n")])
        decider = app.start("rollup", "detect", "incidents", environment={"SLACK_BOT_TOKEN": ""})

        def notifier() -> Daemon:
            return app.start("notify", settings=app.elsewhere(), environment={"SLACK_BOT_TOKEN": TOKEN})

        slack.victim = notifier()
        app.until(lambda: slack.killed)
        assert slack.victim.wait(10) == -signal.SIGKILL
        slack.victim = notifier()
        app.until(lambda: len(slack.parents) >= FUNCTIONS)
        time.sleep(2)
        assert (decider.stop(), slack.victim.stop()) == (0, 0)
    assert len({message.id for message in slack.messages}) == len(slack.messages)
    named = sorted(parent.text.split(" · ")[1] for parent in slack.parents if "KeyError" in parent.text)
    assert named == [f"function put-{number}" for number in range(FUNCTIONS)]
