"""What the tests of the board of a whole daemon share: the week of incidents, up to an incident that is open.

The scenario ends now, a quarter of an hour into its first incident. What a page must show is counted
from the events.
"""

import json
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from streams.process.tokens import own_authorization
from tests.main_job.job import uneri

LENGTH = 21 * 86400 + 12 * 3600 + 15 * 60  # three weeks, and a quarter of an hour of the first incident
HOUR = 3600
WEEK = 7 * 86400


def write_scenario(path: Path) -> int:
    """Write the week of incidents so that it ends at the last full minute; return its end."""
    yaml = YAML()
    known = yaml.load(files("streams.simulate").joinpath("scenarios/week-of-incidents.yaml").read_text())
    end = int(time.time()) // 60 * 60
    known["start"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end - LENGTH))
    known["length"] = f"{LENGTH}s"
    known["incidents"] = known["incidents"][:1]
    known["growth"] = []
    with path.open("w") as file:
        yaml.dump(known, file)
    return end


class Counted:
    """The requests of some hours, counted from the events."""

    def __init__(self, events: Path, since: int) -> None:
        self.records: list[dict[str, Any]] = [
            record for record in map(json.loads, events.read_text().splitlines()) if record["ts"] >= since
        ]

    def between(self, first: int, end: int) -> list[dict[str, Any]]:
        return [record for record in self.records if first <= record["ts"] < end]

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

    def a_minute(self, first: int, end: int) -> list[int]:
        """Return the requests of each minute."""
        return [len(self.between(*minute)) for minute in pairwise(range(first, end + 60, 60))]


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

    def wall(self) -> dict[str, Any]:
        found: dict[str, Any] = asked(self.port, "/board/wall")
        return found


def hold_to_the_events(loaded: Loaded) -> None:
    """The wall's figures are those of the events."""
    wall, counted = loaded.wall(), loaded.counted
    at = wall["at"]
    assert loaded.end - 120 <= at <= loaded.end
    numbers = {one["id"]: one for one in wall["numbers"]}
    newest, before = counted.between(at - 60, at), counted.between(at - WEEK - 60, at - WEEK)
    assert numbers["requests"]["value"] == len(newest) / 60
    assert numbers["requests"]["week_before"] == len(before) / 60
    failed = sum(record["error"] == "user" for record in newest)
    assert numbers["errors_user"]["value"] == pytest.approx(failed / len(newest))
    calls = wall["calls"]
    assert calls["start"] == at - 4 * HOUR
    for shown, first in ((calls["observed"], calls["start"]), (calls["week_before"], calls["start"] - WEEK)):
        assert [round(value * 60) for value in shown] == counted.a_minute(first, first + 4 * HOUR)
    tables = {one["label"]: one for one in wall["tables"]}
    assert tables["items"]["verdict"] == "spike"
    assert tables["items"]["used"] == pytest.approx(counted.units("items", "wcu", at - 60, at) / 60)
    [incident] = [one for one in wall["incidents"] if one["sent"] == "page"]
    assert (incident["scope"]["name"], incident["verdict"]) == ("items", "spike")
    assert incident["callers"][0]["name"] == "inventory-put-item"
