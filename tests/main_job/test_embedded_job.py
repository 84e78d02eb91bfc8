"""The main job by the embedded driver and HTTP: who is paged, about which table, with which function on top.

Slack is a stand-in that refuses what Slack would refuse.
"""

from pathlib import Path

from tests.alerting.slack_standin import SlackStandin
from tests.free_port import free_port
from tests.main_job.job import (
    SCENARIO,
    SPIKE,
    daemon,
    hold_to_the_main_job,
    status,
    uneri,
    wait_until,
    write_config,
)


def test_the_embedded_driver_pages_once_about_the_hammered_table(slack: SlackStandin, tmp_path: Path) -> None:
    port = free_port()
    config = write_config(
        tmp_path / "uneri.yaml",
        slack,
        local={"listen": f"127.0.0.1:{port}", "state": str(tmp_path / "state")},
    )
    with daemon(config):
        wait_until(lambda: bool(status(port)), "the start")
        half = uneri("simulate", SCENARIO, "--to", f"http://127.0.0.1:{port}/events", "--until", SPIKE + 600)
        assert half.returncode == 0, half.stderr
    with daemon(config):  # a clean restart in the middle of the incident
        wait_until(lambda: bool(status(port)), "the restart")
        rest = uneri("simulate", SCENARIO, "--to", f"http://127.0.0.1:{port}/events", "--from", SPIKE + 600)
        assert rest.returncode == 0, rest.stderr
        wait_until(lambda: status(port).get("lag") == 0 and status(port).get("outbox") == 0, "catching up")
    hold_to_the_main_job(slack.messages)
    assert slack.files, "the chart is in the thread"
    assert slack.files[0][2].startswith(b"\x89PNG")
