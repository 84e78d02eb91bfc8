"""The board of an embedded daemon that has judged the week of incidents: every page, by a real browser."""

from contextlib import ExitStack
from pathlib import Path

from tests.alerting.browser import chromium
from tests.alerting.slack_standin import SlackStandin
from tests.free_port import free_port
from tests.main_job.assistant_job import ask
from tests.main_job.board_job import Loaded, Looked, known_of, write_scenario
from tests.main_job.dashboard_job import SCRAPED, hold_the_dashboards, hold_the_scrape
from tests.main_job.job import daemon, status, uneri, wait_until, write_config


def test_every_page_shows_what_the_engine_knows_and_goes_on_after_a_restart(
    slack: SlackStandin, tmp_path: Path
) -> None:
    port = free_port()
    config = write_config(
        tmp_path / "uneri.yaml",
        slack,
        scrape=SCRAPED,
        time={"idle": 3600},  # else time goes on by the clock past what was sent, on a slow machine
        local={"listen": f"127.0.0.1:{port}", "state": str(tmp_path / "state")},
    )
    scenario = tmp_path / "scenario.yaml"
    end = write_scenario(scenario)
    loaded = Loaded(port, end, known_of(scenario, end))
    with chromium() as browser:
        looked = Looked(browser, loaded)
        with daemon(config) as first:
            wait_until(lambda: bool(status(port)), "the start")
            done = uneri("simulate", scenario, "--to", f"http://127.0.0.1:{port}/events")
            assert done.returncode == 0, done.stderr
            wait_until(
                lambda: status(port).get("lag") == 0 and status(port).get("outbox") == 0, "catching up"
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

            with ExitStack() as running:
                looked.come_back(stop, lambda: running.enter_context(daemon(config)))
