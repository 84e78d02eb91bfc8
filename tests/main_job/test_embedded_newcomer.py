"""From an empty folder to the first true page: weeks of NDJSON first, then live records, in real time."""

from pathlib import Path

from tests.alerting.slack_standin import SlackStandin
from tests.main_job.job import Program
from tests.main_job.newcomer import Newcomer


def test_who_brings_history_is_paged_minutes_after_the_install(slack: SlackStandin, tmp_path: Path) -> None:
    newcomer, program = Newcomer(), Program(tmp_path, slack, notify={})
    history = tmp_path / "history.ndjson"
    newcomer.write_history(str(history))
    program.command("backfill", history)
    with program.running():
        newcomer.hammers_until_paged(slack, program)
        assert not program.status().get("learning")
