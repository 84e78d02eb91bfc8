"""Whether neighbours in the graph separate true pages from false ones (docs/adr/0046).

python benchmarks/neighbours.py [shop b2b game partner growing]

Backends of ``benchmarks/incidents.py``, quiet and with incidents, are replayed. For every page, the step in
which its verdict opened lists what else deviated in the same direction, within two edges of the graph: a page
is *shared* if something did by at least half of what is reported, and otherwise *alone*.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from incidents import BACKENDS, Page, Result, replayed

from detectors.judge.judge import Judgement
from detectors.model.finding import Finding
from detectors.model.measures import LATENCIES
from detectors.model.scope import Edge, ScopeOrEdge
from streams.cli.main import main as uneri
from streams.engine.detect.explainer import Explainer
from streams.engine.detect.findings import Findings
from streams.engine.measure.step import MeasuredStep

HALF: Final = 0.5  # of what is reported
WEAK: Final = 1.35  # below it, a deviation is reported in its second minute
BEFORE, AFTER = 180, 120  # seconds around a page within which its verdict opened

Place = tuple[str, str, str]  # kind, account, name


def places(about: ScopeOrEdge) -> list[Place]:
    scopes = (about.source, about.target) if isinstance(about, Edge) else (about,)
    return [(scope.kind, scope.account, scope.name) for scope in scopes]


class Recording:
    """Writes the deviations of each step in which a verdict opened, and the edges; one line of JSON each."""

    def __init__(self, into: Path) -> None:
        self._file = into.open("w", encoding="utf-8")

    def install(self) -> None:
        """Write down what every shard of this process judges from now on."""
        feed, add = Findings.feed, Explainer.add

        def fed(shard: Findings, step: MeasuredStep, judgement: Judgement) -> list[Finding]:
            if judgement.opened.any():
                self._step(shard, judgement)
            return feed(shard, step, judgement)

        def added(explainer: Explainer, series: Any) -> None:
            for entry in series:
                if isinstance(entry.about, Edge):
                    self._write({"edge": places(entry.about)})
            add(explainer, series)

        Findings.feed, Explainer.add = fed, added  # type: ignore[method-assign]

    def _step(self, shard: Findings, judgement: Judgement) -> None:
        size = np.sqrt(judgement.score / np.maximum(1 - judgement.score, 1e-9))
        size *= np.where(judgement.observed >= judgement.expected, 1, -1)
        rows = np.flatnonzero((np.abs(size) >= HALF) | judgement.opened).tolist()
        deviating = []
        for row in rows:
            one = shard._series[row]  # noqa: SLF001
            deviating.append(
                (places(one.about), str(one.measure), float(size[row]), bool(judgement.opened[row]))
            )
        self._write({"at": judgement.start, "deviates": deviating})

    def _write(self, fields: dict[str, Any]) -> None:
        self._file.write(json.dumps(fields) + "\n")
        self._file.flush()


class Recorded:
    """Reads the neighbours of pages from a recording."""

    def __init__(self, path: Path) -> None:
        self._near: dict[Place, set[Place]] = {}
        self._steps: dict[int, list[tuple[list[Place], str, float, bool]]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            if "edge" in fields:
                one, other = (tuple(place) for place in fields["edge"])
                self._near.setdefault(one, set()).add(other)
                self._near.setdefault(other, set()).add(one)
            else:
                deviates = [([tuple(member) for member in step[0]], *step[1:]) for step in fields["deviates"]]
                self._steps.setdefault(fields["at"], []).extend(deviates)

    def size_and_shared(self, page: Page) -> tuple[float, bool] | None:
        """Return the size at which the verdict of a page opened, and whether neighbours share it."""
        scope = page["scope"]
        place = scope["kind"], scope["account"], scope.get("name", "") or scope["account"]
        for at in sorted(self._steps):
            if page["start"] - BEFORE <= at <= page["alerted"] + AFTER:
                for about, measure, size, opened in self._steps[at]:
                    if opened and about == [place] and measure == page["measure"]:
                        return abs(size), self._is_shared(place, at, size)
        return None

    def _is_shared(self, place: Place, at: int, size: float) -> bool:
        near = self._near.get(place, set())
        near = near.union(*(self._near.get(near_place, set()) for near_place in near)) - {place}
        return any(
            len(about) == 1 and about[0] in near and deviation * np.sign(size) >= HALF
            for about, _, deviation, _ in self._steps[at]
        )


def kind_of(measure: str) -> str:
    if measure in {str(latency) for latency in LATENCIES}:
        return "times"
    return "errors and throttles" if measure.startswith(("errors", "throttles")) else "counts and amounts"


def pages_of(result: Result) -> Iterator[tuple[Page, str]]:
    for outcome in result.outcomes:
        if outcome.page is not None:
            yield outcome.page, "true"
    for page in result.false:
        yield page, "false"


def main() -> int:
    if sys.argv[1:2] == ["--record"]:  # as the replay
        Recording(Path(sys.argv[2])).install()
        sys.argv = ["uneri", *sys.argv[3:]]
        return uneri()
    asked = argparse.ArgumentParser(description="whether neighbours separate true pages from false ones")
    asked.add_argument("backends", nargs="*", choices=[*BACKENDS, []], help="all when absent")
    found: Counter[tuple[str, str, str]] = Counter()
    for name in asked.parse_args().backends or BACKENDS:
        for troubled in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                into = Path(folder) / "deviates.jsonl"
                incidents = BACKENDS[name].incidents() if troubled else ()
                program = [sys.executable, __file__, "--record", into]
                drawn = BACKENDS[name].backend()
                result = replayed(drawn, incidents, 1 + 1000 * troubled, Path(folder), program=program)
                recorded = Recorded(into)
            for page, truth in pages_of(result):
                of = recorded.size_and_shared(page)
                if of is not None:
                    how = "shared" if of[1] else "alone"
                    found[kind_of(page["measure"]), truth, how] += 1
                    found["of these, weak" if of[0] < WEAK else "of these, others", truth, how] += 1
    print(f"{'pages about':24}{'true: shared':>14}{'alone':>8}{'false: shared':>15}{'alone':>8}")
    for kind in sorted({kind for kind, _, _ in found}):
        counts = [found[kind, truth, how] for truth in ("true", "false") for how in ("shared", "alone")]
        print(f"{kind:24}{counts[0]:>14}{counts[1]:>8}{counts[2]:>15}{counts[3]:>8}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
