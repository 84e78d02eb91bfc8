"""What a receiver did not confirm: it may have it, and it may not."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from alerting.incidents.notice import Notice
from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.outbox.row import OutboxRow
from alerting.sinks.http_sink import HttpOptions
from alerting.sinks.webhook import WebhookSink
from config.links import Links
from config.settings import Settings
from tests.alerting.delivery_world import DeliveryWorld, FakeClock, Memory
from tests.alerting.given import T0
from tests.alerting.notices import later, opened, reopened, resolved
from tests.alerting.sinks.webhook_standin import KEY, WebhookStandin
from tests.alerting.slack_standin import SlackStandin

PAGER = "webhook:pager"
SETTINGS = Settings.model_validate(
    {
        "notify": {
            "webhooks": [{"name": "pager", "url": "http://127.0.0.1:1/hook"}],
            "routes": [{"to": [PAGER]}],
        }
    }
)
OPENED = opened()
WORSE = later(OPENED, T0 + 60, peak=99.0)
ENDED = resolved(WORSE, T0 + 600)


class Bench(NamedTuple):
    world: DeliveryWorld
    hook: WebhookStandin

    async def attempt(self, fault: str | None = None) -> None:
        """Make one attempt at a POST, with this fault."""
        self.hook.faults += [fault] if fault else []
        await self.world.attempt(PAGER)

    async def put(self, *notices: Notice) -> None:
        await self.world.put(*notices)

    def arrived(self) -> list[tuple[str, Any]]:
        """Return the type of each message, and the largest excess that it tells."""
        return [(body["type"], body["data"]["incident"]["peak"]) for body in self.hook.arrived.values()]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = FakeClock(T0)
    async with (
        SlackStandin(now=clock.now) as slack,
        WebhookStandin(clock.now) as hook,
        WebhookSink(
            PAGER, f"{hook.url}/hook", KEY, HttpOptions(Links(SETTINGS.links), now=clock.now)
        ) as sink,
    ):
        yield Bench(DeliveryWorld(slack, clock, Memory(), SETTINGS, others={PAGER: sink}), hook)


async def test_what_follows_an_opening_whose_answer_was_lost_is_no_repeat_of_it(bench: Bench) -> None:
    await bench.put(OPENED)
    await bench.attempt("drop after")
    await bench.put(WORSE)
    await bench.attempt("drop after")
    await bench.put(ENDED)
    await bench.attempt()
    peak = OPENED.incident.peak
    assert bench.arrived() == [("incident.open", peak), ("incident.open", 99.0), ("incident.resolve", 99.0)]
    assert bench.hook.repeats == 0
    assert bench.world.outbox.is_idle()


async def test_another_attempt_at_the_same_message_is_a_repeat_also_after_a_restart(bench: Bench) -> None:
    await bench.put(OPENED)
    await bench.attempt("drop after")
    again = Bench(await bench.world.restarted(), bench.hook)
    await again.attempt("drop after")
    await again.attempt()
    assert (len(bench.hook.arrived), bench.hook.repeats) == (1, 2)
    await again.world.kill()


async def test_the_first_that_a_receiver_takes_of_what_goes_on_is_its_opening_in_the_newest_state(
    bench: Bench,
) -> None:
    await bench.put(OPENED)
    await bench.attempt("503")
    await bench.put(WORSE)
    await bench.attempt("503")
    await bench.attempt()
    [body] = bench.hook.arrived.values()
    assert (body["type"], body["data"]["action"]) == ("incident.open", "open")
    assert bench.arrived() == [("incident.open", 99.0)]
    await bench.put(later(WORSE, T0 + 120, peak=120.0))
    await bench.attempt()
    assert bench.arrived()[1:] == [("incident.update", 120.0)]


async def test_what_ended_while_its_receiver_was_away_is_its_end_alone(bench: Bench) -> None:
    await bench.put(OPENED)
    await bench.attempt("503")
    await bench.put(WORSE, ENDED)
    await bench.attempt()
    assert bench.arrived() == [("incident.resolve", 99.0)]
    assert bench.world.outbox.is_idle()


async def test_a_state_that_came_during_an_attempt_never_follows_a_newer_one(bench: Bench) -> None:
    await bench.put(OPENED)
    box = bench.world.outbox
    row = box.next(T0, PAGER)
    assert isinstance(row, OutboxRow)
    await box.begin(row)
    await bench.put(WORSE)
    await box.settle(row, DeliveryOutcome(result=Result.RETRY), T0)
    await bench.put(ENDED)
    while not box.is_idle():
        await bench.attempt()
    assert bench.arrived()[-1] == ("incident.resolve", 99.0)
    assert len(bench.hook.arrived) == 1


async def test_the_end_of_an_incident_is_told_before_its_recurrence(bench: Bench) -> None:
    await bench.put(OPENED)
    await bench.attempt()
    ended = resolved(OPENED, T0 + 600)
    await bench.put(ended)
    await bench.attempt("503")
    await bench.put(reopened(ended, T0 + 700))
    while not bench.world.outbox.is_idle():
        await bench.attempt()
    told = [body["type"] for body in bench.hook.arrived.values() if body["type"] != "line"]
    assert told == ["incident.open", "incident.resolve", "incident.open"]
