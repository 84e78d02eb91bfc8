"""What happens to a backend, and what people are told of it: tests/alerting/scenarios/*.txt, each once."""

from pathlib import Path

import pytest

from tests.alerting.scenario_language import Scenario, read
from tests.alerting.scenario_stage import play

FOLDER = Path(__file__).parent / "scenarios"
SCENARIOS = [scenario for path in sorted(FOLDER.glob("*.txt")) for scenario in read(path)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one.name for one in SCENARIOS])
async def test_people_are_told_what_the_scenario_expects(scenario: Scenario) -> None:
    await play(scenario)
