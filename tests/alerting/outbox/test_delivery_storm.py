"""Hours in which Slack fails in every way at random, with restarts: in the end everything is there, once."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind
from alerting.incidents.incidents import Incidents
from config.settings import Settings
from tests.alerting.delivery_world import IMPATIENT, DeliveryWorld, FakeClock, Memory
from tests.alerting.given import T0, ended, scope, table_finding
from tests.alerting.slack_standin import SlackStandin

SETTINGS = Settings.model_validate({"slack": {"channel": "C0UNERI"}})
INCIDENTS = 12
EVERY = 300  # seconds between two of them
FAULTS = ("429", "500", "502", "503", "html", "drop before", "drop after", "drop after", "")


@pytest.mark.variants
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_slack_does_each_incident_is_one_message_in_its_last_state(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  picks faults
    clock, incidents = FakeClock(T0), Incidents(SETTINGS)
    async with SlackStandin(now=clock.now) as slack:
        slack.faults.extend(rng.choice(FAULTS) for _ in range(150))
        slack.faults.insert(rng.randrange(50), "hang")
        world = DeliveryWorld(slack, clock, Memory(), SETTINGS, patience=IMPATIENT)
        await world.courier.start()
        for number in range(INCIDENTS):
            at = T0 + EVERY * number
            clock.time = max(clock.time, float(at))
            about = scope("table", f"t{number}", account=f"{number:012}")
            first = table_finding(id=f"f{number}", scope=about, start=at - 120, seen=at, trace=None)
            opened = incidents.feed([first], at)
            await world.put(*opened, watermark=at)
            if rng.random() < 0.5:
                await world.settle()
            press = Command(
                id=f"k{number}",
                kind=CommandKind.ACKNOWLEDGE,
                at=at + 5,
                by="U1",
                incident=opened[-1].incident.id,
            )
            await world.courier.command(press)
            if rng.random() < 0.3:
                world = await world.restarted()
            over = replace(ended(first, at + 120), seen=at + 120)
            await world.put(*incidents.feed([over], at + 120), watermark=at + 120)
        end = T0 + EVERY * INCIDENTS + 7200
        await world.put(*incidents.feed([], end), watermark=end)
        await world.settle()
        await world.kill()
        assert not world.outbox.parked()
        seen = Counter(message.id for message in slack.messages)
        assert max(seen.values()) == 1
        titles = [parent.blocks[0]["text"]["text"] for parent in slack.parents]
        assert len(titles) == INCIDENTS
        assert all(title.startswith("RESOLVED") for title in titles)
        assert (
            sum("U1" in message.text for message in slack.messages if message.thread is not None) == INCIDENTS
        )
        assert all(later.at - earlier.at >= 1 for earlier, later in pairwise(slack.messages))
