"""The main job by the embedded driver and HTTP: who is paged, about which table, with which function on top.

Slack is a stand-in that refuses what Slack would refuse.
"""

from pathlib import Path

import pytest

from tests.alerting.slack_standin import SlackStandin
from tests.main_job.job import SCENARIO, SPIKE, Program, hold_to_the_main_job, wait_until

pytestmark = pytest.mark.release


def test_the_embedded_driver_pages_once_about_the_hammered_table(slack: SlackStandin, tmp_path: Path) -> None:
    program = Program(tmp_path, slack)
    with program.running():
        program.simulate(SCENARIO, "--until", SPIKE + 600)
    with program.running():  # a clean restart in the middle of the incident
        program.simulate(SCENARIO, "--from", SPIKE + 600)
        wait_until(program.caught_up, "catching up")
    hold_to_the_main_job(slack.messages)
    assert slack.files, "the chart is in the thread"
    assert slack.files[0][2].startswith(b"\x89PNG")
