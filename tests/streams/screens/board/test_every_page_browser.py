"""Each page in both looks: its text stands out, axe finds nothing serious, and every screen holds it."""

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.streams.screens.board.board_server import BoardThread
from tests.streams.screens.board.incidents.incidents_given import busy_incidents
from tests.streams.screens.board.shown import Shown
from tests.streams.screens.board.wall_given import wall_given

PAGES: Final = {
    "/?": ".desk",
    "/?incidents": ".card .examples",
    "/?map&as=map": ".node",
    "/?map&as=list": ".listed li",
    "/?scope=table:items&account=123456789012": ".scope canvas",
    "/?scope=function:inventory-put-item&range=13mo": ".scope canvas",
    "/?wall": ".overview",
    "/?wall=map": ".tv-map .node",
}
"""The pages, and what each has once it is drawn."""

OF_INCIDENTS: Final = {"/?incidents&range=5w": "textarea", "/?incident=spike": "textarea"}
LOOKS: Final = pytest.mark.parametrize(
    ("look", "language"), [("light", "en"), pytest.param("dark", "ja", marks=pytest.mark.release)]
)


@pytest.fixture(scope="module")
def board() -> Iterator[BoardThread]:
    # the newest step ends with a minute, as those of a daemon do
    with BoardThread(wall_given("busy", int(time.time()) // 60 * 60 + 12)) as served:
        yield served


@pytest.fixture(scope="module")
def acted() -> Iterator[BoardThread]:
    """Serve a board with a week of incidents, ended ones too."""
    now = int(time.time())
    with BoardThread(wall_given("busy", now), service=busy_incidents(now)) as served:
        yield served


def pick_a_line(page: Page) -> None:
    """Open a group of the map, and show the figures of a line."""
    page.locator("button.node").first.click()
    page.locator(".edge.critical .hit").click(force=True)
    page.mouse.move(0, 0)  # what is not beside the pointer is dimmed
    expect(page.locator(".picked")).to_be_visible()


@LOOKS
@pytest.mark.parametrize("path", [*PAGES, *OF_INCIDENTS])
def test_every_page_stands_out_fits_every_screen_and_axe_finds_nothing_serious(
    browser: Browser, board: BoardThread, acted: BoardThread, *, path: str, look: Any, language: str
) -> None:
    served = acted if path in OF_INCIDENTS else board
    address = f"{served.url}{path}&look={look}&lang={language}"
    with Shown(browser, address, color_scheme=look, bypass_csp=True) as shown:
        shown.page.wait_for_selector((PAGES | OF_INCIDENTS)[path])
        if path.endswith("as=map"):
            pick_a_line(shown.page)
        shown.hold_to_looks()
        shown.hold_to_width(wide="map" in path or "wall" in path)
        assert shown.wrong == []
