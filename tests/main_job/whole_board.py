"""What the board of a daemon of either driver must show, to people, assistants and Grafana."""

import subprocess
from collections.abc import Callable
from typing import Any, Final

from tests.alerting.browser import chromium
from tests.alerting.slack_standin import SlackStandin
from tests.main_job.assistant_job import ask
from tests.main_job.board_job import Loaded, Looked
from tests.main_job.dashboard_job import SCRAPED, hold_the_dashboards, hold_the_scrape
from tests.main_job.job import wait_until

SECTIONS: Final[dict[str, Any]] = {
    "scrape": SCRAPED,
    "time": {"idle": 3600},  # else time goes on by the clock past what was sent, on a slow machine
}


def hold_the_board(
    loaded: Loaded, slack: SlackStandin, daemon: subprocess.Popen[str], start: Callable[[], object]
) -> None:
    """Every page shows what was counted, also after the daemon was stopped and another started."""
    with chromium() as browser:
        looked = Looked(browser, loaded)
        wait_until(loaded.is_level, "the board")
        loaded.hold()
        ask(loaded)
        hold_the_scrape(loaded)
        hold_the_dashboards(loaded)
        looked.every_page()
        looked.act(slack)

        def stop() -> None:
            daemon.terminate()
            daemon.wait(90)

        looked.come_back(stop, start)
