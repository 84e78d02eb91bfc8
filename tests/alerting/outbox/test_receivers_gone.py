"""A receiver that is renamed or removed while incidents are open or messages wait for it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from structlog.testing import capture_logs

from alerting.incidents.notice import Notice
from alerting.outbox.row import OutboxRow
from alerting.sinks.http_sink import HttpOptions
from alerting.sinks.webhook import WebhookSink
from config.links import Links
from config.settings import Settings
from streams.notify.pipeline_status import delivery_status
from tests.alerting.delivery_world import DeliveryWorld, FakeClock, Memory
from tests.alerting.given import ACCOUNT, T0, scope
from tests.alerting.notices import digest, incident, later, opened, resolved
from tests.alerting.sinks.webhook_standin import WebhookStandin
from tests.alerting.slack_standin import SlackStandin

OPENED = opened()
ENDED = resolved(OPENED, T0 + 600)


class Receivers:
    """One daemon whose receivers are configured anew: each webhook has a stand-in of its own."""

    def __init__(self, slack: SlackStandin, clock: FakeClock, stack: AsyncExitStack) -> None:
        self.slack, self.clock, self.storage = slack, clock, Memory()
        self.hooks: dict[str, WebhookStandin] = {}
        self._stack = stack
        self.world: DeliveryWorld
        self._former: list[DeliveryWorld] = []

    async def configure(self, *to: str, channel: str = "#uneri", **notify: Any) -> None:
        """Start with webhooks of these names, and a route to them and to these channels."""
        hooks = [name for name in to if not name.startswith(("#", "C0"))]
        settings = Settings.model_validate(
            {
                "slack": {"channel": channel},
                "notify": {
                    "webhooks": [{"name": name, "url": "http://127.0.0.1:1/"} for name in hooks],
                    "routes": [{"to": [f"webhook:{name}" if name in hooks else name for name in to]}],
                    **notify,
                },
            }
        )
        for former in self._former:
            await former.kill()
        others = {}
        for name in hooks:
            if name not in self.hooks:
                standin = WebhookStandin(self.clock.now, key=None)
                self.hooks[name] = await self._stack.enter_async_context(standin)
            options = HttpOptions(Links(settings.links), now=self.clock.now)
            sink = WebhookSink(f"webhook:{name}", self.hooks[name].url, None, options)
            others[f"webhook:{name}"] = await self._stack.enter_async_context(sink)
        self.world = DeliveryWorld(self.slack, self.clock, self.storage, settings, others=others)
        self._former.append(self.world)
        self._stack.push_async_callback(self.world.kill)
        await self.world.courier.start()

    async def put(self, *notices: Notice) -> None:
        await self.world.put(*notices)

    async def send(self, name: str, *, away: bool = False) -> None:
        """Deliver all that waits for a webhook, or make one attempt while it is away."""
        if away:
            self.hooks[name].faults.append("503")
            await self.world.attempt(f"webhook:{name}")
        while not away and self.waiting(f"webhook:{name}"):
            await self.world.attempt(f"webhook:{name}")

    def waiting(self, destination: str) -> list[OutboxRow]:
        return [row for row in self.world.outbox.waiting() if row.destination == destination]

    def got(self, name: str) -> list[str]:
        """Return what a webhook was told."""
        return [body["type"] for body in self.hooks[name].arrived.values()]


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    clock = FakeClock(T0)
    async with SlackStandin(now=clock.now) as slack, AsyncExitStack() as stack:
        yield Receivers(slack, clock, stack)


async def test_a_page_that_waits_for_a_receiver_that_is_renamed_goes_to_the_new_one_once(
    receivers: Receivers,
) -> None:
    await receivers.configure("pager")
    await receivers.put(OPENED)
    await receivers.send("pager", away=True)
    with capture_logs() as logs:
        await receivers.configure("duty")
    [line] = [line for line in logs if "no longer configured" in line["event"]]
    assert (line["waited"], line["reported"]) == ({"webhook:pager": 1}, {"webhook:duty": 1})
    await receivers.configure("duty")
    await receivers.send("duty")
    await receivers.put(ENDED)
    await receivers.send("duty")
    assert receivers.got("duty") == ["incident.open", "incident.resolve", "line"]
    assert receivers.got("pager") == []
    assert receivers.world.outbox.waiting() == []


async def test_what_a_former_receiver_knows_as_open_is_told_to_the_present_one_with_its_end(
    receivers: Receivers,
) -> None:
    await receivers.configure("pager")
    await receivers.put(OPENED)
    await receivers.send("pager")
    await receivers.configure("duty")
    await receivers.put(later(OPENED, T0 + 60, peak=99.0))
    await receivers.send("duty")
    assert receivers.got("duty") == ["incident.open"]
    await receivers.put(resolved(later(OPENED, T0 + 60), T0 + 600))
    await receivers.send("duty")
    assert receivers.got("duty")[1:] == ["incident.resolve", "line"]
    assert receivers.got("pager") == ["incident.open"]


@pytest.mark.parametrize("before", [[], [OPENED]])
async def test_an_end_that_waits_for_a_receiver_that_is_gone_goes_by_the_present_route(
    receivers: Receivers, before: list[Notice]
) -> None:
    await receivers.configure("pager")
    for notice in before:
        await receivers.put(notice)
        await receivers.send("pager")
    await receivers.put(*([] if before else [OPENED]), ENDED)
    await receivers.send("pager", away=True)
    await receivers.configure("#uneri")
    await receivers.world.settle()
    [message] = receivers.slack.parents
    assert message.text.startswith("RESOLVED")
    await receivers.configure("#uneri")
    await receivers.world.settle()
    assert len(receivers.slack.parents) == 1


async def test_an_end_that_every_receiver_has_is_told_to_nobody_again(receivers: Receivers) -> None:
    await receivers.configure("pager")
    await receivers.put(OPENED, ENDED)
    await receivers.send("pager")
    with capture_logs() as logs:
        await receivers.configure("#uneri")
    assert receivers.world.outbox.waiting() == []
    assert not [line for line in logs if "no longer configured" in line["event"]]


async def test_who_has_a_message_gets_no_second_one_when_another_receiver_is_removed(
    receivers: Receivers,
) -> None:
    await receivers.configure("#uneri", "pager")
    await receivers.put(OPENED)
    await receivers.world.settle()
    await receivers.put(later(OPENED, T0 + 60, peak=99.0))
    await receivers.send("pager", away=True)
    calls = len(receivers.slack.messages)
    await receivers.configure("#uneri")
    await receivers.world.settle()
    assert len(receivers.slack.parents) == 1
    assert len(receivers.slack.messages) == calls


async def test_a_receiver_that_comes_back_is_told_what_it_lacks(receivers: Receivers) -> None:
    await receivers.configure("pager")
    await receivers.put(OPENED)
    await receivers.send("pager", away=True)
    await receivers.configure("duty")
    await receivers.configure("pager")
    await receivers.send("pager")
    assert receivers.got("pager") == ["incident.open"]
    await receivers.configure("duty")
    await receivers.configure("pager")
    await receivers.put(ENDED)
    await receivers.send("pager")
    assert receivers.got("pager") == ["incident.open", "incident.resolve", "line"]


async def test_many_incidents_of_a_receiver_that_is_gone_are_one_flood_at_the_next(
    receivers: Receivers,
) -> None:
    await receivers.configure("pager", flood=1000)
    tables = [scope("table", f"t{number}", account=ACCOUNT) for number in range(40)]
    await receivers.put(*(opened(table.name, table) for table in tables))
    await receivers.send("pager", away=True)
    await receivers.configure("duty")
    await receivers.send("duty")
    assert set(receivers.got("duty")) == {"flood"}
    [body] = receivers.hooks["duty"].arrived.values()
    assert len(body["data"]["incidents"]) == 40


@pytest.mark.parametrize("error", ["is_archived", "channel_not_found", "not_in_channel", "new_from_slack"])
async def test_a_page_that_a_channel_refused_goes_to_the_one_that_is_named_instead_once(
    receivers: Receivers, error: str
) -> None:
    slack = receivers.slack
    slack.closed = {"C0UNERI": error}
    await receivers.configure("#uneri")
    await receivers.put(OPENED)
    await receivers.world.settle()
    assert error in str(receivers.world.courier.not_ready())
    assert delivery_status(receivers.world.outbox)["outbox"] == 1
    for _ in range(2):
        await receivers.configure("#spare", channel="#spare", routes=[{"to": ["#spare"], "mention": "here"}])
        await receivers.world.settle()
        assert receivers.world.courier.not_ready() is None
        [message] = slack.parents
        assert "<!here>" in f"{message.text} {message.blocks}"
    await receivers.put(ENDED)
    await receivers.world.settle()
    [message] = slack.parents
    assert (message.channel, message.text[:8]) == ("C0SPARE", "RESOLVED")
    assert delivery_status(receivers.world.outbox) == {"outbox": 0}


async def test_what_an_archived_channel_shows_goes_on_in_the_channel_of_pages_once_it_is_named_no_more(
    receivers: Receivers,
) -> None:
    slack = receivers.slack
    await receivers.configure("#uneri")
    await receivers.put(OPENED)
    await receivers.world.settle()
    slack.closed = {"C0UNERI": "is_archived"}
    await receivers.put(ENDED)
    await receivers.world.settle()
    assert "is_archived" in str(receivers.world.courier.not_ready())
    await receivers.configure("#spare", channel="#spare")
    await receivers.world.settle()
    assert [(message.channel, message.text[:8]) for message in slack.parents][1:] == [("C0SPARE", "RESOLVED")]
    assert receivers.world.courier.not_ready() is None


async def test_what_may_be_in_a_channel_that_is_named_no_more_is_searched_for_and_posted_there(
    receivers: Receivers,
) -> None:
    slack = receivers.slack
    await receivers.configure("C0UNERI", channel="C0UNERI")
    await receivers.put(OPENED, digest(T0, incident("growing")))
    slack.only = "chat.postMessage"
    slack.faults.append("drop after")
    row = receivers.world.outbox.next(T0)
    assert isinstance(row, OutboxRow)
    await receivers.world.outbox.begin(row)
    await receivers.world.sink.deliver(row)  # and here the power goes
    await receivers.configure("#spare", channel="#spare")
    await receivers.world.settle()
    assert [message.channel for message in slack.parents] == ["C0UNERI", "C0UNERI"]
    assert slack.parents[1].text.startswith("DIGEST")


async def test_a_digest_for_a_receiver_that_is_gone_is_left_out_and_that_is_said(
    receivers: Receivers,
) -> None:
    await receivers.configure("pager")
    await receivers.put(digest(T0, incident("growing")))
    assert receivers.waiting("webhook:pager")
    with capture_logs() as logs:
        await receivers.configure("duty")
    assert [line["digests"] for line in logs if "no longer configured" in line["event"]] == [1]
    assert receivers.world.outbox.waiting() == []
    assert receivers.storage.rows == {}


async def test_a_page_that_waited_in_vain_calls_whom_the_present_route_names(receivers: Receivers) -> None:
    mentioning = [{"to": ["#uneri"], "mention": "here"}]
    for waits in (True, False):
        name = f"waits-{waits}"
        table = scope("table", name.lower())
        await receivers.configure("pager")
        await receivers.put(opened(name, table))
        await receivers.send("pager", away=waits)
        await receivers.configure("#uneri", routes=mentioning)
        await receivers.world.settle()
    first, second = receivers.slack.parents
    assert "<!here>" in f"{first.text} {first.blocks}"
    assert "<!here>" not in f"{second.text} {second.blocks}"
