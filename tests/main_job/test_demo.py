"""The demo, which a newcomer sees first."""

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.alerting.browser import chromium
from tests.main_job.board_job import asked
from tests.main_job.job import PATIENCE
from tests.streams.screens.board.shown import Shown

pytestmark = pytest.mark.release

UNERI = Path(sys.executable).with_name("uneri")


@pytest.fixture(autouse=True)
def _no_default_port() -> None:
    """Allow it: the demo takes another port where a daemon has the default one."""


def test_the_demo_pages_once_about_the_hammered_table_and_shows_it_on_the_board(tmp_path: Path) -> None:
    # tests that were started in the background ignore what Ctrl-C sends, and so does what they start
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    demo = subprocess.Popen(
        [UNERI, "demo", "--board", "--out", tmp_path / "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    patience = threading.Timer(PATIENCE, demo.kill)
    patience.start()
    try:
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if "until you press Ctrl-C" in line:
                break
        shown = "".join(lines)
        assert "until you press Ctrl-C" in shown, f"ended, or not there in {PATIENCE:.0f} s: {shown}"
        named = re.search(r"http://127\.0\.0\.1:(\d+)/", shown)
        assert named, shown
        hold_to_the_board(int(named[1]))
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    finally:
        patience.cancel()
        demo.kill()
        demo.communicate()
    hold_to_the_terminal(shown)
    assert f"The wall is red now: {named[0]}" in shown
    assert (tmp_path / "out" / "spike-items.png").read_bytes().startswith(b"\x89PNG")
    assert "table items" in (tmp_path / "out" / "report.html").read_text()
    incidents = [json.loads(line) for line in (tmp_path / "out" / "incidents.jsonl").read_text().splitlines()]
    assert [incident["scope"]["name"] for incident in incidents if incident["sent"] == "page"] == ["items"]


def hold_to_the_terminal(shown: str) -> None:
    assert "no pages in that time" in shown
    before, _, after = shown.partition("SPIKE · table items")
    assert "SPIKE" not in after, "one page"
    assert "inventory-put-item" in after
    assert "ios 3.2.1" in after
    assert "RESOLVED" in after
    digest = before.partition("DIGEST")[2]
    assert "Table ledger" in digest
    assert "limit in" in digest


def hold_to_the_board(port: int) -> None:
    wall = asked(port, "/board/wall")
    assert wall["state"] == "well"
    assert None not in wall["calls"]["observed"] + wall["calls"]["week_before"]
    with chromium() as browser, Shown(browser, f"http://127.0.0.1:{port}/") as board:
        expect(board.page.locator(".state")).to_have_text("All well")
        board.page.get_by_role("link", name="Incidents").click()
        assert board.wrong == []
