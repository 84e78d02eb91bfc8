"""Runs of an engine over generated records, and the scenario that most of them use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from config.settings import Settings
from detectors.model.finding import Finding
from detectors.model.scope import Scope
from streams.engine.engine import Engine
from streams.engine.judging import Emitted
from streams.simulate.scenario import Scenario
from streams.simulate.scenario_load import load_scenario
from streams.simulate.simulation import Simulation
from tests.laws.arrivals import prompt

DAY: Final = 86400
HOUR: Final = 3600
START: Final = 1_756_684_800  # of the backend
SOURCE: Final = "law/0"
HAMMER: Final = {
    "at": DAY + HOUR,
    "for": "25m",
    "kind": "hammer",
    "function": "inventory-put-item",
    "client": "ios",
    "version": "3.2.1",
    "table": "items",
    "times": 15,
}
_BACKEND: Final = Path(__file__).parents[2] / "main_job" / "backend.yaml"


def backend(*incidents: dict[str, Any], hours: int = 4, **changes: Any) -> Scenario:
    """Return a day of the backend and some hours with these incidents, without growth."""
    given = load_scenario(_BACKEND).model_dump(by_alias=True) | {
        "length": DAY + hours * HOUR,
        "incidents": incidents,
        "growth": [],
    }
    return Scenario.model_validate(given | changes)


def label_of(finding: Finding) -> str:
    assert isinstance(finding.about, Scope)
    return finding.about.label


def records(scenario: Scenario) -> list[bytes]:
    return [line for _, lines in Simulation(scenario).lines() for line in lines]


class EngineRun:
    """The output of an engine that was fed all records.

    If asked to, it was restarted after a fraction of them, or told in place, to go on with other settings.
    """

    def __init__(
        self,
        lines: Sequence[bytes],
        settings: Settings,
        *,
        chunk: int = 100_000,
        shards: int = 1,
        restart: float | None = None,
        then: Settings | None = None,
        in_place: bool = False,
    ) -> None:
        self.findings: list[Finding] = []
        self.notices: list[Notice] = []
        engine = Engine(settings, [SOURCE], shards)
        last_chunk = None if restart is None else int(restart * len(lines)) // chunk
        arrived = prompt(lines)
        for number, first in enumerate(range(0, len(lines), chunk)):
            run = slice(first, first + chunk)
            self._add(engine.feed(SOURCE, lines[run], arrived[run]))
            if number == last_chunk and in_place:
                engine.judge_by(then or settings)
            elif number == last_chunk:
                parts = engine.snapshot()
                engine = Engine(then or settings, [SOURCE], shards)
                engine.restore(parts)
        self._add(engine.finish(SOURCE))
        self.incidents: list[Incident] = engine.incidents.all()

    def _add(self, emitted: Emitted) -> None:
        self.findings += emitted.findings
        self.notices += emitted.notices

    @property
    def pages(self) -> list[Notice]:
        return [notice for notice in self.notices if notice.action is Action.OPEN]
