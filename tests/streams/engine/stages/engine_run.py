"""Runs of an engine over generated records, and the scenario that most of them use."""

import re
from collections.abc import Iterable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Final, NamedTuple

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Notice
from config.settings import Settings
from detectors.model.finding import Finding
from detectors.model.scope import Scope
from streams.engine.stages.detection_engine import Emitted
from streams.engine.stages.engine import Engine
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation
from tests.laws.arrivals import prompt

DAY: Final = 86400
HOUR: Final = 3600
START: Final = 1_756_684_800  # of the backend
SOURCE: Final = "law/0"
LEARNT: Final = 8 * HOUR  # what a judge whose `young` is six hours needs before an incident, and some more
HAMMER: Final = {
    "at": LEARNT + HOUR,
    "for": "25m",
    "kind": "hammer",
    "function": "inventory-put-item",
    "client": "ios",
    "version": "3.2.1",
    "table": "items",
    "times": 15,
}
BUCKET: Final = 10
_TS: Final = re.compile(rb'"ts":\s*([0-9.]+)')
_BACKEND: Final = Path(__file__).parents[3] / "main_job" / "backend.yaml"


def backend(*incidents: dict[str, Any], hours: int = 4, before: int = DAY, **changes: Any) -> Scenario:
    """Return a day of the backend, or as much ``before``, and some hours with incidents, without growth."""
    given = load_scenario(_BACKEND).model_dump(by_alias=True) | {
        "length": before + hours * HOUR,
        "incidents": incidents,
        "growth": [],
    }
    return Scenario.model_validate(given | changes)


def label_of(finding: Finding) -> str:
    assert isinstance(finding.about, Scope)
    return finding.about.label


def records(scenario: Scenario) -> list[bytes]:
    return [line for _, _, lines in Simulation(scenario).lines() for line in lines]


def gathered(lines: Iterable[bytes], step: int = 60) -> list[bytes]:
    """Return records with those of each step in its first bucket, in the same order.

    A step is judged by the sums of its buckets: with one of six filled, a run takes about a fifth less time.
    """

    def moved(found: re.Match[bytes]) -> bytes:
        within = float(found[1]) % step
        return b'"ts":%.6f' % (float(found[1]) - within + within * BUCKET / step)

    return [_TS.sub(moved, line, count=1) for line in lines]


class _Kept(NamedTuple):
    parts: dict[str, bytes]
    findings: int  # emitted before
    notices: int


class EngineRun:
    """The output of an engine that was fed all records.

    If asked, it was restarted after a fraction of them, or reloaded in place, to go on with other settings.

    Parameters
    ----------
    lines, settings, chunk, shards
        What it is fed and by what it judges.
    restart, then, in_place
        After which fraction it starts again, or goes on, by which settings.
    keep
        Fractions after which its state is kept, for ``restarted``.
    """

    def __init__(
        self,
        lines: Sequence[bytes],
        settings: Settings,
        *,
        chunk: int = 100_000,
        shards: int = 1,
        restart: float | None = None,
        then: Settings | None = None,
        in_place: bool = False,
        keep: Iterable[float] = (),
    ) -> None:
        self.findings: list[Finding] = []
        self.notices: list[Notice] = []
        self._lines, self._chunk, self._arrived = lines, chunk, prompt(lines)
        self._settings, self._shards = then or settings, shards
        self._kept: dict[int, _Kept] = {}
        engine = Engine(settings, [SOURCE], shards)
        last_chunk = None if restart is None else self._last_chunk(restart)
        keeps = {self._last_chunk(fraction) for fraction in keep}
        for number in range(self._chunks):
            self._feed(engine, number)
            if number == last_chunk and in_place:
                engine.judge_by(then or settings)
            elif number == last_chunk:
                parts = engine.snapshot()
                engine = self._engine()
                engine.restore(parts)
            if number in keeps:
                self._kept[number] = _Kept(engine.snapshot(), len(self.findings), len(self.notices))
        self._end(engine)

    def restarted(self, fraction: float) -> "EngineRun":
        """Return the output of one that was restarted there, whose state is one of those to ``keep``."""
        last = self._last_chunk(fraction)
        kept, engine, other = self._kept[last], self._engine(), copy(self)
        engine.restore(kept.parts)
        other.findings, other.notices = self.findings[: kept.findings], self.notices[: kept.notices]
        for number in range(last + 1, self._chunks):
            other._feed(engine, number)
        other._end(engine)
        return other

    def _engine(self) -> Engine:
        return Engine(self._settings, [SOURCE], self._shards)

    @property
    def _chunks(self) -> int:
        return -(-len(self._lines) // self._chunk)

    def _last_chunk(self, fraction: float) -> int:
        return int(fraction * len(self._lines)) // self._chunk

    def _feed(self, engine: Engine, number: int) -> None:
        run = slice(number * self._chunk, (number + 1) * self._chunk)
        self._add(engine.feed(SOURCE, self._lines[run], self._arrived[run]))

    def _end(self, engine: Engine) -> None:
        self._add(engine.finish(SOURCE))
        self.incidents: list[Incident] = engine.incidents.all()

    def _add(self, emitted: Emitted) -> None:
        self.findings += emitted.findings
        self.notices += emitted.notices

    @property
    def pages(self) -> list[Notice]:
        return [notice for notice in self.notices if notice.is_page]
