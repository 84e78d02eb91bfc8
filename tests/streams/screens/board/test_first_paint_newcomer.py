"""How soon somebody who opens the board sees numbers, by the clock."""

import time
from typing import Final

from tests.alerting.browser import chromium
from tests.streams.screens.board.board_server import BoardThread
from tests.streams.screens.board.shown import Shown
from tests.streams.screens.board.wall_given import wall_given

PAINTED: Final = """
  new MutationObserver((_, watching) => {
    if (!document.querySelector(".desk .value")) return;
    watching.disconnect();
    requestAnimationFrame(() => { window.painted = performance.now(); });
  }).observe(document, { childList: true, subtree: true });
"""


def test_the_first_useful_paint_comes_within_a_second() -> None:
    """The best of some: a busy machine is slow at times."""
    taken: list[float] = []
    with chromium() as browser, BoardThread(wall_given("calm", int(time.time()), language="en")) as board:
        while len(taken) < 10 and min(taken, default=1000) >= 1000:
            with Shown(browser, board.url, init=PAINTED) as shown:
                shown.page.wait_for_function("() => window.painted")
                taken.append(shown.page.evaluate("painted") / shown.slowness())
    assert min(taken) < 1000, f"numbers appeared after {min(taken):.0f} ms"
