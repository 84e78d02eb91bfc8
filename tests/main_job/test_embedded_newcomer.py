"""From an empty folder to the first true page: weeks of NDJSON first, then live records, in real time."""

from pathlib import Path

from tests.alerting.slack_standin import SlackStandin
from tests.free_port import free_port
from tests.main_job.job import daemon, status, uneri, wait_until, write_config
from tests.main_job.newcomer import Newcomer


def test_who_brings_history_is_paged_minutes_after_the_install(slack: SlackStandin, tmp_path: Path) -> None:
    newcomer, port = Newcomer(), free_port()
    config = write_config(
        tmp_path / "uneri.yaml",
        slack,
        local={"listen": f"127.0.0.1:{port}", "state": str(tmp_path / "state")},
        notify={},
    )
    history = tmp_path / "history.ndjson"
    newcomer.write_history(str(history))
    learnt = uneri("backfill", history, "--config", config)
    assert learnt.returncode == 0, learnt.stderr
    with daemon(config):
        wait_until(lambda: bool(status(port)), "the start")
        newcomer.hammers_until_paged(slack, f"http://127.0.0.1:{port}/events", port)
        assert not status(port).get("learning")
