"""Common parts of a newcomer's tests: three weeks of a small backend, which goes on while the daemon runs.

As soon as the daemon is ready, one build of its app hammers, and from then on the seconds are counted. A step
of a minute is judged when event time has passed its end by ``time.lateness``. So what is extraordinary within
seconds is paged half a minute after the end of the minute in which it began or, if it began in the last of
them, of the next: after 35 to 95 seconds. ``tests/streams/engine/stages/test_time_to_page.py`` holds the
engine to that; the rest of two minutes is for the machine.
"""

import time
from typing import Final

from streams.offline.simulate.deliver import SimulateOptions, simulate
from streams.offline.simulate.event_writer import open_writer
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation
from tests.alerting.slack_standin import Posted, SlackStandin
from tests.main_job.hammer import hammer
from tests.main_job.job import PATIENCE, SCENARIO, Program, pages_of

HISTORY: Final = 21 * 86400  # seconds
GOES_ON: Final = 7200  # seconds for which there are records from now on
PAGED_WITHIN: Final = 120.0  # seconds from the hammer's start to the page
INSTALLED_WITHIN: Final = 600.0  # seconds from the empty folder to the page


class Newcomer:
    """Somebody who has the records of the last three weeks, and now begins with Uneri."""

    def __init__(self) -> None:
        self.begun = time.time()
        self._scenario = _backend(int(self.begun) // 60 * 60 - HISTORY)
        found = Simulation(self._scenario).lines(self.begun)
        live = [row for lines in found for row in zip(lines.arrivals.tolist(), lines.lines, strict=True)]
        self._live = [(at / 1000, line) for at, line in live]
        self._sent = self.begun  # what happened until then was sent

    def write_history(self, to: str) -> None:
        """Write what happened until now to a target of ``uneri simulate``."""
        simulate(self._scenario, to, SimulateOptions(between=(None, self.begun)))

    def hammers_until_paged(self, slack: SlackStandin, program: Program) -> None:
        """Send what happens as it happens, and hammer once the history is judged, until a page names it."""
        hammered = None
        with open_writer(program.to) as writer:
            # an early evaluation may page about who calls a table, seconds before it is certain of the table
            while not any("table items" in _title_of(page) for page in pages_of(slack.messages)):
                now = time.time()
                assert now < self.begun + PATIENCE, [_title_of(page) for page in pages_of(slack.messages)]
                lines = self._happened(now, hammered)
                writer.write(lines, [int(now * 1000)] * len(lines))
                if hammered is None and program.judged_until() >= self.begun - 120:
                    hammered = now
                time.sleep(0.5)
        paged = time.time()
        assert hammered is not None, "paged although nothing had happened"
        assert paged - hammered < PAGED_WITHIN, f"paged {paged - hammered:.0f} s after the hammer began"
        assert paged - self.begun < INSTALLED_WITHIN, f"paged after {paged - self.begun:.0f} s"
        (page,) = pages_of(slack.messages)
        assert "inventory-put-item" in str(page.blocks)

    def _happened(self, now: float, hammered: float | None) -> list[bytes]:
        """Return the records since the last call."""
        since, self._sent = self._sent, now
        lines = [line for at, line in self._live if since <= at < now]
        if hammered is not None:
            lines += hammer([line for _, line in self._live], since, now)
        return lines


def _title_of(page: Posted) -> str:
    """Return the title of a page, as it is now."""
    title: str = page.blocks[0]["text"]["text"]
    return title


def _backend(start: int) -> Scenario:
    """Return the backend of the main job, without an incident."""
    given = load_scenario(SCENARIO).model_dump(by_alias=True)
    # whoever begins at the hour of the least traffic waits three times as long until event time is live
    busiest = given["daily"] | {"peak": time.strftime("%H:%M", time.gmtime(start))}
    calm = {"length": HISTORY + GOES_ON, "incidents": [], "daily": busiest}
    return Scenario.model_validate(given | calm).moved(start)
