"""The board of an app on a real broker that has judged the week of incidents, in a process of its own."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.alerting.slack_standin import SlackStandin
from tests.main_job.board_job import Loaded, known_of, write_scenario
from tests.main_job.job import Program, wait_until
from tests.main_job.whole_board import SECTIONS, hold_the_board

pytestmark = pytest.mark.release


def test_every_page_shows_what_the_engine_knows_and_goes_on_after_a_restart(
    kafka: str, slack: SlackStandin, tmp_path: Path
) -> None:
    history = {"place": str(tmp_path / "history")}
    judge = Program(tmp_path, slack, kafka, partitions=2, history=history, **SECTIONS)
    board = judge.beside("board")
    scenario = tmp_path / "scenario.yaml"
    end = write_scenario(scenario)
    loaded = Loaded(board.port, end, known_of(scenario, end))
    judge.simulate(scenario)
    with ExitStack() as daemons:
        daemons.enter_context(judge.running("--role", "rollup,detect,incidents,notify"))
        first = daemons.enter_context(board.running("--role", "board"))
        wait_until(lambda: judge.judged_until() >= end - 120 and judge.delivered(), "catching up")
        hold_the_board(loaded, slack, first, lambda: daemons.enter_context(board.running("--role", "board")))
