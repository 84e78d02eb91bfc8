# ruff: noqa: INP001 - a script, not a package
"""Make the pictures of the README: a page and a digest as they look in Slack.

Usage: ``python docs/make_pictures.py``. Needs a Chromium in the path. The messages are rendered from findings
by the code that renders those of the daemon.
"""

import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib.image
import numpy as np

from alerting.incidents import Incidents
from alerting.preview import Look, fragment, page
from alerting.render import Renderer
from config.links import Links
from config.settings import Digest, Settings
from detectors.finding import Finding, Growth, Share, Trace, Verdict
from detectors.measures import Measure
from detectors.scope import Scope

FOLDER = Path(__file__).parent / "pictures"
ZONE = "Asia/Tokyo"
NOW = 1_760_078_400  # Fri 10 Oct 2025, 15:40 in Tokyo
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


def scope(kind: str, name: str, version: str = "") -> Scope:
    """Return a scope of the account that is shown."""
    return Scope(kind, "aws", "123456789012", "ap-northeast-1", name, version)


def share(of: Scope, part: float, more_calls: float) -> Share:
    """Return a part of the excess of 33 units a second."""
    return Share(
        scope=of,
        share=part,
        more_calls=more_calls,
        more_per_call=part - more_calls,
        observed=33 * part + 4,
        expected=4.0,
    )


def spike() -> Finding:
    """Return a finding as the detectors would tell it: one client version hammers one table."""
    minutes, noise = 240, np.random.default_rng(7)
    start = NOW - minutes * 60
    level = np.array([8.2 + 2.2 * math.sin((start + 60 * m) / 5200) for m in range(minutes)])
    now = level + noise.normal(0, 0.45, minutes)
    now[-13:] += 32.8 * (1 - np.exp(-np.arange(1, 14) / 2.5)) + noise.normal(0, 1.0, 13)
    last_week = 0.94 * level + noise.normal(0, 0.45, minutes)
    functions = [scope("function", f"inventory-{verb}-item") for verb in ("put", "get", "expire")]
    parts = ((0.91, 0.89), (0.06, 0.06), (0.03, 0.0))
    expected, observed = float(level[-1]), float(now[-1])
    return Finding(
        id="spike",
        revision=0,
        state="open",
        verdict=Verdict.SPIKE,
        scope=scope("table", "items"),
        measure=Measure.WCU,
        start=NOW - 13 * 60,
        seen=NOW,
        observed=observed,
        expected=expected,
        lower=expected - 2.1,
        upper=expected + 2.4,
        score=0.9993,
        weeks_used=[1, 2, 3, 4],
        limit=100.0,
        callers=[share(of, *part) for of, part in zip(functions, parts, strict=True)],
        suspects=[share(scope("client", "ios", "3.2.1"), 0.88, 0.88)],
        touches=[*functions, scope("route", "POST /items/{id}")],
        sentence=(
            f"Writes to items are at {observed:.0f} units a second where the same time in the last 4 weeks "
            f"and the last hour both lead to expect at most {expected + 2.4:.0f}, for 13 minutes in a row."
        ),
        trace=Trace(
            start=start,
            step=60,
            now=now.tolist(),
            last_week=last_week.tolist(),
            lower=(level - 2.1).tolist(),
            upper=(level + 2.4).tolist(),
        ),
    )


def front() -> Finding:
    """Return what is seen of it on the route in front."""
    return Finding(
        id="front",
        revision=0,
        state="open",
        verdict=Verdict.SPIKE,
        scope=scope("route", "POST /items/{id}"),
        measure=Measure.REQUESTS,
        start=NOW - 12 * 60,
        seen=NOW,
        observed=14.0,
        expected=3.1,
        lower=2.2,
        upper=4.2,
        score=0.99,
        touches=[scope("table", "items")],
        sentence="Requests rose.",
    )


def growth(of: Scope, measure: Measure, level: float, limit: float | None, per_day: float) -> Finding:
    """Return a finding of a series that grows; its days to the limit follow from its level and its rate."""

    def days(rate: float) -> float | None:
        return None if limit is None else math.log(limit / level) / math.log1p(rate)

    return Finding(
        id=f"growth-{of.name}",
        revision=0,
        state="open",
        verdict=Verdict.GROWTH,
        scope=of,
        measure=measure,
        start=NOW - 21 * 86400,
        seen=NOW,
        observed=level,
        expected=level * 0.6,
        lower=level * 0.55,
        upper=level * 0.65,
        score=0.98,
        limit=limit,
        growth=Growth(
            per_day=per_day,
            per_day_lower=per_day * 0.8,
            per_day_upper=per_day * 1.2,
            days=21,
            days_to_limit=days(per_day),
            days_to_limit_lower=days(per_day * 1.2),
            days_to_limit_upper=days(per_day * 0.8),
        ),
        sentence="It rises day over day.",
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
    settings = Settings(digest=Digest(at="09:00", timezone=ZONE))
    zone, renderer = ZoneInfo(ZONE), Renderer(Links(settings.links), ZoneInfo(ZONE))
    incidents = Incidents(settings)
    grows = [
        growth(scope("table", "quest-progress"), Measure.WCU, 74.0, 100.0, 0.031),
        growth(scope("function", "ranking-update"), Measure.BUSY, 212.0, 1000.0, 0.024),
        growth(scope("table", "audit-log"), Measure.WCU, 12.0, None, 0.012),
    ]
    [opened] = incidents.feed([spike(), front(), *grows], NOW)
    [digest] = incidents.feed([], NOW + 86400)
    FOLDER.mkdir(exist_ok=True)
    looks: tuple[tuple[str, Look], ...] = (("", "light"), ("-dark", "dark"))
    for suffix, look in looks:
        shown = fragment(renderer(opened), zone, at=opened.at, incident=opened.incident)
        photograph(page(shown, title="A page", look=look), FOLDER / f"page{suffix}.png")
        shown = fragment(renderer(digest), zone, at=digest.at)
        photograph(page(shown, title="A digest", look=look), FOLDER / f"digest{suffix}.png")


if __name__ == "__main__":
    main()
