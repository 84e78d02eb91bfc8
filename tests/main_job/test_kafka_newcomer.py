"""From a topic that reaches back weeks to the first true page, in real time: a real broker and Faust."""

from pathlib import Path

from tests.alerting.slack_standin import SlackStandin
from tests.main_job.job import Program, wait_until
from tests.main_job.newcomer import Newcomer


def test_who_has_history_in_the_topic_is_paged_minutes_after_the_install(
    kafka: str, slack: SlackStandin, tmp_path: Path
) -> None:
    newcomer, program = Newcomer(), Program(tmp_path, slack, kafka, notify={})
    newcomer.write_history(program.to)
    with program.running():
        wait_until(lambda: "learning" in program.status(), "the lesson")
        newcomer.hammers_until_paged(slack, program)
        assert "learning" not in program.status()
