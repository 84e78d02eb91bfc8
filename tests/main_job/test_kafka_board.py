"""The board of an app on a real broker that has judged the week of incidents, in a process of its own."""

from contextlib import ExitStack
from pathlib import Path

from kafka.admin import NewTopic

from tests.alerting.browser import chromium
from tests.alerting.slack_standin import SlackStandin
from tests.free_port import free_port
from tests.kafka.topic import create, unique
from tests.main_job.assistant_job import ask
from tests.main_job.board_job import Loaded, Looked, known_of, write_scenario
from tests.main_job.dashboard_job import SCRAPED, hold_the_dashboards, hold_the_scrape
from tests.main_job.job import daemon, judged_until, status, uneri, wait_until, write_config


def test_every_page_shows_what_the_engine_knows_and_goes_on_after_a_restart(
    kafka: str, slack: SlackStandin, tmp_path: Path
) -> None:
    app, requests = unique("board"), unique("requests")
    judging, showing = free_port(), free_port()

    def configured(name: str, port: int) -> Path:
        return write_config(
            tmp_path / f"{name}.yaml",
            slack,
            kafka={"brokers": [kafka], "app": app, "requests": requests, "shards": 1},
            web={"listen": f"127.0.0.1:{port}"},
            time={"idle": 3600},  # else time goes on by the clock past what was sent, on a slow machine
            scrape=SCRAPED,
            history={"place": str(tmp_path / "history")},
        )

    judge, board = configured("judge", judging), configured("board", showing)
    create(kafka, NewTopic(requests, 2, 1, topic_configs={"retention.ms": "-1"}))
    assert uneri("setup", "--config", judge).returncode == 0
    scenario = tmp_path / "scenario.yaml"
    end = write_scenario(scenario)
    loaded = Loaded(showing, end, known_of(scenario, end))
    sent = uneri("simulate", scenario, "--to", f"kafka://{kafka}/{requests}")
    assert sent.returncode == 0, sent.stderr
    with ExitStack() as running, chromium() as browser:
        looked = Looked(browser, loaded)
        running.enter_context(daemon(judge, "--role", "rollup,detect,incidents,notify"))
        with daemon(board, "--role", "board") as first:
            wait_until(
                lambda: judged_until(judging) >= end - 120 and status(judging).get("outbox") == 0,
                "catching up",
            )
            wait_until(loaded.is_level, "the board")
            loaded.hold()
            ask(loaded)
            hold_the_scrape(loaded)
            hold_the_dashboards(loaded)
            looked.every_page()
            looked.act(slack)

            def stop() -> None:
                first.terminate()
                first.wait(90)

            looked.come_back(stop, lambda: running.enter_context(daemon(board, "--role", "board")))
