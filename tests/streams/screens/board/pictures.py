"""Makes the pictures of docs/board.md: ``python -m tests.streams.screens.board.pictures``; needs Chromium."""

import io
import time
from pathlib import Path
from typing import Final

from PIL import Image

from tests.alerting.browser import chromium
from tests.streams.screens.board.board_server import BoardThread
from tests.streams.screens.board.incidents.incidents_given import GivenIncidents, busy_incidents
from tests.streams.screens.board.shown import Shown
from tests.streams.screens.board.wall_given import wall_given

FOLDER: Final = Path(__file__).parents[4] / "docs" / "pictures"
COLOURS: Final = 96  # of a picture
AT: Final = 1_764_221_520  # 14:32 in Tokyo


def main() -> None:
    """Write the pictures."""
    with chromium() as browser:
        for name, kind, path, size in (
            ("wall", "busy", "/?wall", (1920, 1080)),
            ("board", "calm", "/?look=light", (1440, 1340)),
            ("scope", "busy", "/?scope=table:items&account=123456789012&look=light", (1920, 1480)),
            ("map", "busy", "/?map&look=light", (1440, 940)),
            ("incidents", "busy", "/?incidents&look=light", (1440, 940)),
            ("incident", "busy", "/?incident=spike&look=light", (1440, 1480)),
        ):
            with (
                BoardThread(wall_given(kind, AT), service=incidents_shown(path), now=lambda: AT) as board,
                Shown(browser, board.url + path, size=size) as shown,
            ):
                shown.page.wait_for_selector("canvas, .node, .bar")
                time.sleep(0.5)  # the chart is drawn
                picture = Image.open(io.BytesIO(shown.page.screenshot())).convert("RGB")
            picture.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


def incidents_shown(path: str) -> GivenIncidents | None:
    """Return the incidents of a page that shows more of them than the wall has."""
    return busy_incidents(AT) if "incident" in path else None


if __name__ == "__main__":
    main()
