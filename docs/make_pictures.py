# ruff: noqa: INP001 - a script, not a package
"""Make the pictures of the README and of docs/messages.md: messages as they look in Slack.

Usage: ``python docs/make_pictures.py [demo] [messages]``. Needs Chromium on the path and a Japanese font: on
Debian, ``apt-get install -y chromium fonts-noto-cjk fonts-noto-color-emoji``. The pictures of the demo show
what the engine reports, and take the minute that the demo takes; those of the messages show every verdict and
state, in both languages.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from alerting.commands.dispatch import Form
from alerting.incidents.notice import Action, Notice
from alerting.messages import examples as made
from alerting.messages.examples import AT, ZONE
from alerting.messages.render import Renderer
from alerting.preview.preview import Theme, fragment, page
from alerting.words.locales import LANGUAGES
from config.links import Links
from config.settings import LinksSettings
from streams.offline.simulate.demo import Demo

FOLDER = Path(__file__).parent / "pictures"
SCALE = 1.25  # of the pictures of messages, which are many
STRONG = bytes.fromhex("1d1c1d 616061 1264a3 007a5a 0072b2 0b5cad e69f00")  # ink, links, buttons, curves
DARK = 64  # number of colours of a dark picture
LIGHT = bytes.fromhex("ececec e3e3e4 d5ebf9 faeed9 d0ddd5 ffb32c")  # lines, the band, the incident, both

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
)


def photograph(html: str, path: Path, scale: float = 2.0) -> None:
    """Write a picture of a page at ``scale`` dots a pixel, cropped below its content."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium not found on the path; install it (apt-get install chromium) and run this again")
    with tempfile.TemporaryDirectory() as folder:
        source, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        source.write_text(html, encoding="utf-8")
        subprocess.run(  # noqa: S603  our own arguments
            [
                chromium,
                *CHROMIUM,
                f"--force-device-scale-factor={scale}",
                f"--user-data-dir={folder}/profile",
                f"--screenshot={shot}",
                "--window-size=720,1600",
                source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        with Image.open(shot) as picture:
            image = np.asarray(picture.convert("RGB"))
    used = np.flatnonzero((image != image[-1, -1]).any(axis=(1, 2)))
    Image.fromarray(image[: used[-1] + 40]).save(path)


def shrink(path: Path, look: Theme = "light") -> None:
    """Rewrite a picture with few colours.

    A light message has known colours, each taken in three steps to white; for a dark one they are chosen from
    the picture.
    """
    if look == "dark":
        with Image.open(path) as picture:
            chosen = picture.convert("RGB").quantize(DARK, dither=Image.Dither.NONE)
        chosen.save(path, optimize=True)
        return
    few = [255, 255, 255, *LIGHT]
    for strong in zip(*[iter(STRONG)] * 3, strict=True):
        few += [round(255 - (255 - part) * step / 3) for step in (1, 2, 3) for part in strong]
    palette = Image.new("P", (1, 1))
    palette.putpalette(few)
    with Image.open(path) as picture:
        shown = picture.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    shown.save(path, optimize=True)


def main() -> None:
    """Make the pictures named on the command line, by default all."""
    asked = sys.argv[1:] or ["demo", "messages"]
    if "demo" in asked:
        of_the_demo()
    if "messages" in asked:
        of_the_messages()


def of_the_messages() -> None:
    """Make a picture of every verdict and state in each language."""
    folder = FOLDER / "messages"
    folder.mkdir(parents=True, exist_ok=True)
    for words in LANGUAGES:
        render = Renderer(Links(LinksSettings()), ZONE, words)
        for example in made.examples():
            sent = example.dispatch
            shown = fragment(
                render(sent, example.earlier),
                ZONE,
                at=AT,
                incident=sent.notice.incident if sent.form is Form.PARENT else None,
                words=words,
            )
            path = folder / f"{example.name}-{words.locale}.png"
            photograph(page(shown, title=example.name, theme="light"), path, SCALE)
            shrink(path)


def of_the_demo() -> None:
    """Make the pictures of the page and the digest of the demo."""
    demo = Demo(Console(file=io.StringIO()), pause=0.0)
    notices = demo.run().notices
    digest = [notice for notice in notices if notice.action is Action.DIGEST][-1]
    paged = _during_incident(notices)
    FOLDER.mkdir(exist_ok=True)
    looks: tuple[tuple[str, Theme], ...] = (("", "light"), ("-dark", "dark"))
    for suffix, look in looks:
        shown = fragment(demo.renderer(paged), demo.zone, at=paged.at, incident=paged.incident)
        photograph(page(shown, title="A page", theme=look), FOLDER / f"page{suffix}.png")
        shrink(FOLDER / f"page{suffix}.png", look)
        shown = fragment(demo.renderer(digest), demo.zone, at=digest.at)
        photograph(page(shown, title="A digest", theme=look), FOLDER / f"digest{suffix}.png")
        shrink(FOLDER / f"digest{suffix}.png", look)


def _during_incident(notices: list[Notice]) -> Notice:
    """Return the page as of 15 minutes after it was sent."""
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
