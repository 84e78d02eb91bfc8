"""With Kafka, every process with the role board serves one and the same board."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerting.pipeline.pipeline import Pipeline
from config.links import Links
from config.settings import Settings
from detectors.model.finding import Verdict
from streams.engine.stages.detection_engine import DetectionEngine
from streams.engine.stages.rollup_engine import RollupEngine
from streams.notify.incidents_route import ongoing_incidents
from streams.process.web.tokens import hash_of, new_token
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.segments import HOUR, Segments
from streams.screens.board.board_data import BoardIncidents, StepSignal
from streams.screens.board.live_board import LiveBoard
from tests.faults.daemons import Supervisor
from tests.kafka import topic as topics
from tests.kafka.history_app import SHARDS, HistoryApp
from tests.kafka.kafka_app import PARTITIONS
from tests.streams.record.history.backend import START, arrivals, requests

SPIKE = 60 * 2 + 10  # the minute in which it begins; it goes on
FIRST = 60 * 2 + 40  # minutes: not on the hour, so that some steps are in no file
SECOND = 60 * 3 + 20
THIRD = SECOND + 20
SOON = [["streams.drivers.kafka.board.steps_reader", "CHECK_SECONDS", 0.1]]


def spiked(line: bytes) -> bytes:
    event = json.loads(line)
    if event["ts"] - START >= SPIKE * 60:
        event["tables"][0]["wcu"] *= 50
    return json.dumps(event).encode()


class OneEngine:
    """The board of an embedded daemon: the engine, the history and the pipeline in one process."""

    def __init__(self, place: Path, settings: Settings) -> None:
        self._rolling = RollupEngine(settings, ["one/0"], SHARDS)
        self._judging = DetectionEngine(settings, ["one/0"], SHARDS, records=True)
        self._held = Segments(SHARDS)
        self._keeper = HistoryKeeper(HistoryFolder(str(place)), HistoryBounds(35, 400, 1 << 40))
        self._pipeline = Pipeline(settings)
        self._links = Links(settings.links)
        self.board = LiveBoard(StepSignal(), lambda: settings, str(place), self._held.recent, self._incidents)

    def feed(self, lines: Sequence[bytes]) -> None:
        emitted = self._judging.judge(self._rolling.feed("one/0", lines, arrivals(lines)).blocks)
        assert emitted.watermark is not None
        self._held.feed(emitted.records)
        for segment in self._held.complete():
            self._keeper.write(segment)
            self._held.forget(segment)
        self._pipeline.feed(emitted.notices, emitted.watermark)

    def _incidents(self) -> BoardIncidents:
        shown = ongoing_incidents(self._pipeline, self._links)
        return BoardIncidents([incident.incident for incident in self._pipeline.ongoing()], shown)

    def wall(self) -> dict[str, Any]:
        return judged(json.loads(msgspec.json.encode(asyncio.run(self.board.wall()))))


def judged(wall: dict[str, Any]) -> dict[str, Any]:
    """Return a wall without the time at which it was made, and without what people have added."""
    people = ("memos", "acknowledged")
    incidents = [
        {name: incident[name] for name in incident if name not in people} for incident in wall["incidents"]
    ]
    left = ("now", "incidents_until")
    known = {name: value for name, value in wall.items() if name not in left}
    return known | {"incidents": incidents}


class Browser:
    """Asks a process of the board, as if all were behind one address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookie = self.proof = ""

    def ask(
        self, settings: Settings, path: str, body: Any = None, method: str | None = None, token: str = ""
    ) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://{settings.web.listen}{path}",
            None if body is None else json.dumps(body).encode(),
            {
                "Host": self.address,
                "Content-Type": "application/json",
                "Origin": f"http://{self.address}",
                "Sec-Fetch-Site": "same-origin",
                "X-Uneri-Proof": self.proof,
            },
            method=method,
        )
        if self.cookie:
            request.add_header("Cookie", self.cookie)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the address is ours
                if cookie := answer.headers.get("Set-Cookie"):
                    self.cookie = cookie.partition(";")[0]
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())
        except OSError:
            return 0, None

    def wall(self, settings: Settings) -> dict[str, Any]:
        status, wall = self.ask(settings, "/board/wall")
        return judged(wall) if status == 200 else {}


@dataclass
class Boards:
    """An app that judges the same as one engine, and what a browser sees of its processes."""

    app: HistoryApp
    engine: OneEngine
    browser: Browser
    token: str
    lines: list[bytes]

    def feed(self, first: int, end: int) -> dict[str, Any]:
        """Have both judge some minutes; return the wall of the one engine."""
        kafka = self.app.kafka
        some = self.lines[first * 6 : end * 6]
        parts = [some[number::PARTITIONS] for number in range(PARTITIONS)]
        topics.fill(kafka.brokers[0], kafka.requests, parts)
        self.engine.feed(some)
        return self.engine.wall()

    def shows(self, process: Settings, expected: dict[str, Any]) -> None:
        try:
            self.app.until(lambda: self.browser.wall(process) == expected)
        except AssertionError:
            assert self.browser.wall(process) == expected  # which shows the difference
            raise

    def ask(self, process: Settings, path: str, body: Any = None) -> tuple[int, Any]:
        return self.browser.ask(process, path, body, token=self.token)

    def knows(self, process: Settings, incident: str, who: str, memo: str) -> None:
        def there() -> bool:
            status, said = self.ask(process, f"/incidents/{incident}")
            known = said["incident"] if status == 200 else {}
            deals = known.get("acknowledged", {}).get("by")
            return deals == who and [shown["text"] for shown in known["memos"]] == [memo]

        self.app.until(there)

    def shows_change(self, process: Settings, change: str) -> None:
        """Wait until the page of incidents has this change, and no other."""

        def there() -> bool:
            status, known = self.browser.ask(process, "/board/incidents")
            return status == 200 and [shown["version"] for shown in known["changes"]] == [change]

        self.app.until(there)


@pytest.fixture
def boards(kafka: str, tmp_path: Path, supervisor: Supervisor) -> Iterator[Boards]:
    token = new_token()
    (tmp_path / "tokens").write_text(f"operate {hash_of(token)}\n")
    lines = list(map(spiked, requests(THIRD, late=False)))
    lines.insert(SPIKE * 6, deployed(SPIKE))
    lines.pop()  # six records a minute, still
    with HistoryApp(kafka, supervisor, tmp_path, tokens={"file": str(tmp_path / "tokens")}) as app:
        engine = OneEngine(tmp_path / "other", app.settings)
        yield Boards(app, engine, Browser(app.settings.web.listen), token, lines)


def deployed(minute: int) -> bytes:
    """Return the record of a change, which goes to all partitions."""
    of = {"kind": "function", "name": "put-0"}
    change = {"kind": "change", "ts": START + minute * 60, "of": of, "what": "deploy", "version": "42"}
    return json.dumps(change).encode()


@pytest.mark.release
def test_two_processes_show_one_board_and_one_goes_on_when_the_other_is_killed(boards: Boards) -> None:
    app, a = boards.app, boards.app.settings
    b, stages, notify = (app.elsewhere() for _ in range(3))
    app.start("rollup", "detect", settings=stages, worker="stages")
    teller = app.start("incidents", "notify", settings=notify, worker="notify")
    writes = app.board("a", a, constants=SOON)
    app.until(lambda: boards.browser.ask(a, "/board/session", {"token": boards.token})[0] == 204)
    assert writes.logged("key=board/0")
    app.board("b", b, constants=SOON)

    expected = boards.feed(0, FIRST)
    assert Verdict.SPIKE in {incident["verdict"] for incident in expected["incidents"]}
    for process in (a, b):  # with the cookie of the first
        boards.shows(process, expected)

    for process in (a, b):
        boards.shows_change(process, change="42")

    # What is done on one is known to the process that notifies, and seen on the other.
    boards.browser.proof = boards.browser.ask(a, "/board/session")[1]["proof"]
    incident = expected["incidents"][0]["id"]
    acknowledge = f"/board/incidents/{incident}/acknowledge"
    assert boards.browser.ask(b, acknowledge, {"by": "ana"})[0] == 200
    memo = {"incident": incident, "text": "a sale, see #shop", "by": "ana"}
    assert boards.ask(b, "/memos", memo)[1]["said"] == "done"
    for process in (notify, a, b):
        boards.knows(process, incident, "ana", "a sale, see #shop")
    assert boards.ask(b, "/memos", {**memo, "incident": "ffff"})[0] == 404

    writes.kill()
    expected = boards.feed(FIRST, SECOND)
    boards.shows(b, expected)
    app.until(lambda: app.written() == START + SECOND * 60 // HOUR * HOUR)
    app.board("a", a, constants=SOON)
    boards.shows(a, expected)

    assert teller.stop() == 0
    at = boards.feed(SECOND, THIRD)["at"]
    app.until(lambda: boards.browser.wall(b).get("at") == at)
    until = boards.ask(b, "/board/wall")[1]["incidents_until"]
    assert at - until == 1200
    said = boards.ask(b, "/status")[1]["board_trouble"]
    assert "incidents are 1200 s behind: is a process with the roles incidents and notify" in said
    assert boards.browser.ask(b, acknowledge, {"by": "ana"})[0] == 503
