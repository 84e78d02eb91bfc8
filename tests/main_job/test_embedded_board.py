"""The board of an embedded daemon that has judged the week of incidents: every page, by a real browser."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.alerting.slack_standin import SlackStandin
from tests.main_job.board_job import Loaded, known_of, write_scenario
from tests.main_job.job import Program, wait_until
from tests.main_job.whole_board import SECTIONS, hold_the_board

pytestmark = pytest.mark.release


def test_every_page_shows_what_the_engine_knows_and_goes_on_after_a_restart(
    slack: SlackStandin, tmp_path: Path
) -> None:
    program = Program(tmp_path, slack, **SECTIONS)
    scenario = tmp_path / "scenario.yaml"
    end = write_scenario(scenario)
    loaded = Loaded(program.port, end, known_of(scenario, end))
    with ExitStack() as daemons:
        first = daemons.enter_context(program.running())
        program.simulate(scenario)
        wait_until(program.caught_up, "catching up")
        hold_the_board(loaded, slack, first, lambda: daemons.enter_context(program.running()))
