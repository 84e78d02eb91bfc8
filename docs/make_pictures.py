# ruff: noqa: INP001 - a script, not a package
"""Make the pictures of the README: the page and the digest of the demo as they look in Slack.

Usage: ``python docs/make_pictures.py``. Needs a Chromium in the path and the minute that the demo takes.
What is shown is what the engine told, nothing is made up for the picture.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.image
import numpy as np
from rich.console import Console

from alerting.notice import Action, Notice
from alerting.preview import Look, fragment, page
from streams.demo import Demo

FOLDER = Path(__file__).parent / "pictures"

CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=2",
)


def photograph(html: str, path: Path) -> None:
    """Write a picture of a page, cut off below its content."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium in the path: install one (apt-get install chromium) and run this again")
    with tempfile.TemporaryDirectory() as folder:
        source, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        source.write_text(html, encoding="utf-8")
        subprocess.run(  # noqa: S603  our own arguments
            [
                chromium,
                *CHROMIUM,
                f"--user-data-dir={folder}/profile",
                f"--screenshot={shot}",
                "--window-size=720,1600",
                source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        image = matplotlib.image.imread(shot)
    used = np.flatnonzero((image != image[-1, -1]).any(axis=(1, 2)))
    matplotlib.image.imsave(path, image[: used[-1] + 40])


def main() -> None:
    """Make all pictures."""
    demo = Demo(Console(file=io.StringIO()), pause=0.0)
    notices = demo.run().notices
    digest = [notice for notice in notices if notice.action is Action.DIGEST][-1]
    paged = _while_it_lasted(notices)
    FOLDER.mkdir(exist_ok=True)
    looks: tuple[tuple[str, Look], ...] = (("", "light"), ("-dark", "dark"))
    for suffix, look in looks:
        shown = fragment(demo.renderer(paged), demo.zone, at=paged.at, incident=paged.incident)
        photograph(page(shown, title="A page", look=look), FOLDER / f"page{suffix}.png")
        shown = fragment(demo.renderer(digest), demo.zone, at=digest.at)
        photograph(page(shown, title="A digest", look=look), FOLDER / f"digest{suffix}.png")


def _while_it_lasted(notices: list[Notice]) -> Notice:
    """Return the page as it stood a quarter of an hour after it left."""
    opened = next(notice for notice in reversed(notices) if notice.action is Action.OPEN)
    edits = [
        notice
        for notice in notices
        if notice.action is Action.UPDATE
        and notice.incident.id == opened.incident.id
        and notice.at <= opened.at + 900
        and notice.incident.primary.trace is not None
    ]
    return edits[-1] if edits else opened


if __name__ == "__main__":
    main()
