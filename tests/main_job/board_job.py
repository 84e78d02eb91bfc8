"""Common parts of the tests of a whole daemon's board: the week of incidents, up to one that is open.

The scenario is shortened to a week and a day before its first incident, and ends now, a quarter of an
hour into that. What a page must show is counted from the events.
"""

import json
import time
import urllib.request
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.resources import files
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect
from ruamel.yaml import YAML

from streams.process.web.tokens import own_authorization
from tests.alerting.slack_standin import SlackStandin
from tests.main_job.job import pages_of, uneri, wait_until
from tests.main_job.query_job import hold_the_queries
from tests.streams.screens.board.shown import Shown

HOUR = 3600
WEEK = 7 * 86400
QUIET = WEEK + 86400 + 12 * HOUR  # seconds before the incident
LENGTH = QUIET + 15 * 60


def write_scenario(path: Path) -> int:
    """Write the week of incidents so that it ends at the last full minute; return its end."""
    yaml = YAML()
    known = yaml.load(
        files("streams.offline.simulate").joinpath("scenarios/week-of-incidents.yaml").read_text()
    )
    end = int(time.time()) // 60 * 60
    known["start"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end - LENGTH))
    known["length"] = f"{LENGTH}s"
    # traffic peaks now: at every hour of the day, the newest records carry event time equally far
    known["daily"]["peak"] = f"{datetime.fromtimestamp(end, ZoneInfo(known['time_zone'])):%H:%M}"
    known["incidents"] = [{**known["incidents"][0], "at": f"{QUIET}s"}]
    known["growth"] = []
    with path.open("w") as file:
        yaml.dump(known, file)
    return end


class Counted:
    """The requests of some hours, counted from the events."""

    def __init__(self, events: Path) -> None:
        records: list[dict[str, Any]] = [json.loads(line) for line in events.read_text().splitlines()]
        self._records = sorted(records, key=itemgetter("ts"))

    def between(self, first: int, end: int) -> list[dict[str, Any]]:
        left, right = (bisect_left(self._records, at, key=itemgetter("ts")) for at in (first, end))
        return self._records[left:right]

    def units(self, table: str, unit: str, first: int, end: int) -> float:
        return sum(units for units, _ in self._calls(table, unit, first, end))

    def by_function(self, table: str, unit: str, first: int, end: int) -> dict[str, float]:
        found: dict[str, float] = defaultdict(float)
        for units, function in self._calls(table, unit, first, end):
            found[function] += units
        return found

    def _calls(self, table: str, unit: str, first: int, end: int) -> Iterator[tuple[float, str]]:
        for record in self.between(first, end):
            for call in record.get("tables", ()):
                if call["name"] == table:
                    yield call.get(unit, 0.0), record["function"]

    def calls(self, table: str, first: int, end: int) -> dict[str, float]:
        """Return the calls to a table, by function."""
        found: dict[str, float] = defaultdict(float)
        for _, function in self._calls(table, "wcu", first, end):
            found[function] += 1
        return found

    def a_minute(self, first: int, end: int) -> list[int]:
        """Return the requests of each minute."""
        return [len(self.between(*minute)) for minute in pairwise(range(first, end + 60, 60))]


def known_of(scenario: Path, end: int) -> Counted:
    """Return the last five hours of the scenario, and those of the week before."""
    first = end - 5 * HOUR
    # on a slow machine, time goes on beyond the end before all is judged
    windows = (first - WEEK, end - WEEK + HOUR), (first, end)
    return Counted(events_of(scenario, scenario.with_suffix(".ndjson"), *windows))


def events_of(scenario: Path, into: Path, *windows: tuple[int, int]) -> Path:
    """Write the events of some stretches of time into a file."""
    with into.open("w") as file:
        for first, end in windows:
            part = into.with_suffix(".part")
            done = uneri("simulate", scenario, "--from", first, "--until", end, "--to", part)
            assert done.returncode == 0, done.stderr
            file.write(part.read_text())
    return into


def asked(port: int, path: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=own_authorization())
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - a URL of ours
        return json.load(answer)


class Loaded:
    """A daemon that has judged the scenario up to its end, and what it was given."""

    def __init__(self, port: int, end: int, counted: Counted) -> None:
        self.port = port
        self.end = end
        self.counted = counted
        self.url = f"http://127.0.0.1:{port}/"

    def asked(self, path: str) -> Any:
        return asked(self.port, path)

    def is_level(self) -> bool:
        """Return whether the board has the newest steps and the incident."""
        try:
            wall = self.asked("/board/wall")
        except OSError:
            return False
        return (wall["at"] or 0) >= self.end - 120 and bool(wall["incidents"])

    def hold(self) -> None:
        """The daemon's answers equal what was counted."""
        self._hold_the_wall()
        self._hold_the_map()
        self._hold_the_table()
        hold_the_queries(self.asked, self.url, self.end, self.counted)

    def _hold_the_wall(self) -> None:
        wall, counted = self.asked("/board/wall"), self.counted
        at = wall["at"]
        numbers = {number["id"]: number for number in wall["numbers"]}
        newest, before = counted.between(at - 60, at), counted.between(at - WEEK - 60, at - WEEK)
        assert numbers["requests"]["value"] == len(newest) / 60
        assert numbers["requests"]["week_before"] == len(before) / 60
        failed = sum(record["error"] == "user" for record in newest)
        assert numbers["errors_user"]["value"] == pytest.approx(failed / len(newest))
        calls = wall["calls"]
        assert calls["start"] == at - 4 * HOUR
        for shown, first in (
            (calls["observed"], calls["start"]),
            (calls["week_before"], calls["start"] - WEEK),
        ):
            minutes = [round(value * 60) for value in shown]
            usual = counted.a_minute(first, first + 4 * HOUR)
            pairs = enumerate(zip(minutes, usual, strict=True))
            other = [(at, one, of) for at, (one, of) in pairs if one != of]
            assert not other, f"(minute, shown, counted) from {first} on: {other}"
        tables = {table["label"]: table for table in wall["tables"]}
        assert tables["items"]["verdict"] == "spike"
        assert tables["items"]["used"] == pytest.approx(counted.units("items", "wcu", at - 60, at) / 60)
        incident = self.incident()
        assert (incident["scope"]["name"], incident["verdict"]) == ("items", "spike")
        assert incident["callers"][0]["name"] == "inventory-put-item"

    def incident(self) -> dict[str, Any]:
        """Return the one incident for which people are called."""
        [incident] = [entry for entry in self.asked("/board/wall")["incidents"] if entry["sent"] == "page"]
        found: dict[str, Any] = incident
        return found

    def _hold_the_map(self) -> None:
        answer = self.asked("/board/map")
        at, seconds = answer["at"], answer["seconds"]
        places = {(node["kind"], node["label"]): place for place, node in enumerate(answer["nodes"])}
        calls = self.counted.calls("items", at - seconds, at)
        items = places["table", "items"]
        assert answer["nodes"][items]["requests"] == pytest.approx(sum(calls.values()) / seconds)
        into = {
            answer["nodes"][edge["source"]]["label"]: edge["requests"] * seconds
            for edge in answer["edges"]
            if edge["target"] == items and answer["nodes"][edge["source"]]["kind"] == "function"
        }
        assert into == pytest.approx({name: count for name, count in calls.items() if count})

    def _hold_the_table(self) -> None:
        first, end = self.end - HOUR, self.end - 2 * 60
        answer = self.asked(f"/board/scope?scope=table:items&from={first}&to={end}")
        assert (answer["first"], answer["end"], answer["step"]) == (first, end, 60)
        wcu = next(measure for measure in answer["measures"] if measure["measure"] == "wcu")
        counted = self.counted
        for shown, ago in ((wcu["curve"]["observed"], 0), (wcu["curve"]["before"], WEEK)):
            known = [counted.units("items", "wcu", at - ago, at - ago + 60) for at in range(first, end, 60)]
            assert [value * 60 for value in shown] == pytest.approx(known, rel=0.01, abs=0.06)
        functions = next(caller for caller in answer["callers"] if caller["kind"] == "function")
        units = counted.by_function("items", "wcu", first, end)
        assert {
            function["label"]: function["amounts"]["wcu"]["share"] for function in functions["neighbours"]
        } == (pytest.approx({name: amount / sum(units.values()) for name, amount in units.items()}, abs=1e-3))


class Looked:
    """A browser at the board; figures are written as the page writes them."""

    def __init__(self, browser: Browser, loaded: Loaded) -> None:
        self._browser = browser
        self._loaded = loaded

    def come_back(self, stop: Callable[[], None], start: Callable[[], object]) -> None:
        """An open board says that the daemon is gone, and goes on when it is back: what these two do."""
        with self.open() as shown:
            expect(shown.page.locator(".desk")).to_be_visible()
            stop()
            banner = shown.page.get_by_role("alert")
            expect(banner).to_contain_text("No connection", timeout=60_000)
            start()
            wait_until(self._loaded.is_level, "the board of the daemon that is back")
            expect(banner).not_to_contain_text("No connection", timeout=60_000)
            expect(shown.tile("open")).to_contain_text("acknowledged by mika", timeout=60_000)
            self._loaded.hold()

    def open(self, query: str = "") -> Shown:
        return Shown(self._browser, self._loaded.url + query)

    def every_page(self) -> None:
        """Every page shows what the daemon answers, and one leads to the next."""
        with self.open() as shown:
            wall = self._loaded.asked("/board/wall")
            numbers = {number["id"]: number["value"] for number in wall["numbers"]}
            [requests] = written(shown.page, [(numbers["requests"], "1/s")])
            expect(shown.tile("requests").locator(".value")).to_have_text(requests)
            expect(shown.tile("table-items")).to_contain_text("spike")
            expect(shown.tile("open")).to_contain_text("inventory-put-item")
            shown.page.get_by_role("link", name="Map").click()
            self._map(shown.page)
            assert shown.wrong == []

    def _map(self, page: Page) -> None:
        answer = self._loaded.asked("/board/map")
        [items] = [node for node in answer["nodes"] if node["label"] == "items"]
        [rate] = written(page, [(items["requests"], "1/s")])
        page.get_by_role("button", name="list").click()
        row = page.locator(".listed li", has=page.locator(".what", has_text="items")).last
        expect(row).to_contain_text(f"{rate}/s")
        expect(row).to_contain_text("spike")
        row.get_by_role("link", name="items").click()
        self._table(page)

    def _table(self, page: Page) -> None:
        expect(page.get_by_role("heading", level=1)).to_have_text("table items")
        expect(page.locator("[data-state]")).to_have_text("spike")
        answer = self._loaded.asked("/board/scope?scope=table:items")
        functions = next(caller for caller in answer["callers"] if caller["kind"] == "function")
        first = page.locator('[data-neighbours="function"] li').first
        expect(first.locator(".what")).to_have_text("inventory-put-item")
        share = max(function["amounts"]["wcu"]["share"] for function in functions["neighbours"])
        [part] = written(page, [(share, "share")])
        expect(first.locator(".part").first).to_contain_text(part)
        for name in ("1 week", "5 weeks", "4 hours"):
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.locator('[data-measure="wcu"] canvas')).to_be_visible()
        first.get_by_role("link", name="inventory-put-item").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("function inventory-put-item")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("table items")

    def act(self, slack: SlackStandin) -> None:
        """An action on one board is on all of them, and in Slack."""
        incident = self._loaded.incident()["id"]
        with self.open(f"?incident={incident}") as mine, self.open() as wall:
            mine.page.get_by_label("Your name").fill("mika")
            mine.page.get_by_role("button", name="Acknowledge").click()
            expect(mine.page.locator(".ack")).to_have_text("acknowledged by mika")
            expect(wall.tile("open")).to_contain_text("acknowledged by mika")
            mine.page.get_by_label("What should the next one know?").fill("ios 3.2.1 retries")
            mine.page.get_by_role("button", name="Note", exact=True).click()
            expect(mine.page.locator(".memos .memo")).to_contain_text("ios 3.2.1 retries")
            assert mine.wrong == wall.wrong == []
        [page] = [post for post in pages_of(slack.messages) if "table items" in post.text]
        wait_until(lambda: "mika" in json.dumps(page.blocks), "Slack's page")
        assert self._loaded.incident()["acknowledged"]["by"] == "mika"


def written(page: Page, values: list[tuple[float, str]]) -> list[str]:
    """Return numbers as the page writes them, without their units."""
    shown: list[str] = page.evaluate(
        """async (values) => {
          const main = document.querySelector("script[type=module]").src;
          const { Figures } = await import(new URL("figures.js", main));
          const figures = new Figures("en", "UTC");
          return values.map(([value, unit]) => figures.parts(value, unit)[0]);
        }""",
        values,
    )
    return shown
