"""Put faults into the normal period of data in the PetShop layout, one node after the other, and rank.

python benchmarks/petshop_injected.py DATA_DIR [RUNS]

A few incidents with three root causes say little of others. Here every node behind the symptom that is
called at least 30 times a window is struck in turn: it becomes slow, or fails, or becomes so slow that
its callers give up and fail while it does not. The extra time and the failures are handed on to its
callers by their calls (with a part lost or added on the way), the level of every node is moved by 10 % for
the incident, and faults that are lost in the noise of the symptom are left out. The symptom is the node
that the issues of the scenario name.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from petshop import SHOWN, behaviours, read_graph, read_metrics

from detectors.explain.graph_walk import Behaviour, Signal, excess, stands_out, walk
from detectors.model.array_types import Floats

WINDOWS = 5
BUSY = 30.0
MOVED = 0.1
SHAPES = np.array([[0, 0.4, 1, 0.9, 0.2], [0, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 1, 1, 1, 1]])
KINDS = ("slow", "failing", "given up on")


class Scenario:
    """The normal period of one scenario, and who calls whom in it."""

    def __init__(self, folder: Path) -> None:
        self.graph = read_graph(folder / "graph.csv")
        self.normal = behaviours(read_metrics(folder / "noissue"), "Average")
        target = json.loads(next(iter(sorted(folder.glob("*/issue_*/target.json")))).read_text())["target"]
        self.symptom: str = target["node"]
        self.calls = {node: float(np.nanmedian(behaviour.calls)) for node, behaviour in self.normal.items()}
        self.callers = {
            node: [caller for caller in self.normal if node in self.graph.get(caller, ())]
            for node in self.graph
        }
        behind, ahead = {self.symptom}, [self.symptom]
        while ahead:
            fresh = set(self.graph[ahead.pop()]) - behind
            behind |= fresh
            ahead += sorted(fresh)
        self.struck = sorted(node for node in behind - {self.symptom} if self.calls.get(node, 0.0) >= BUSY)

    def handed_on(
        self, draw: np.random.Generator, node: str, amount: Floats, lost: float
    ) -> dict[str, Floats]:
        """Return the effect of a fault at a node there and at everything above it."""
        added: dict[str, Floats] = {}

        def hand(at: str, more: Floats, way: frozenset[str]) -> None:
            added[at] = added.get(at, np.zeros(WINDOWS)) + more
            callers = [other for other in self.callers[at] if other not in way]
            whole = sum(min(self.calls[other], self.calls[at]) for other in callers)
            for caller in callers:
                part = min(self.calls[caller], self.calls[at]) / whole if whole else 0.0
                hand(caller, more * part * draw.uniform(lost, 1.05), way | {caller})

        hand(node, amount, frozenset({node}))
        return added

    def incident(self, draw: np.random.Generator, node: str, kind: str) -> dict[str, Behaviour]:
        """Return five windows of the normal period with a fault in them."""
        first = int(draw.integers(0, len(self.normal[node].calls) - WINDOWS))
        now = {
            name: [
                behaviour.calls[first : first + WINDOWS],
                behaviour.latency[first : first + WINDOWS] * np.exp(draw.normal(0, MOVED)),
                behaviour.failed[first : first + WINDOWS].copy(),
            ]
            for name, behaviour in self.normal.items()
        }
        shape = draw.choice(SHAPES)
        slower, failing = draw.choice([2, 5, 10, 30]), draw.choice([0.05, 0.2, 0.5, 1.0])
        if kind != "failing":
            many = 10 if kind == "given up on" else 1
            time = now[node][0] * shape * slower * many * np.nanmedian(self.normal[node].latency)
            for name, more in self.handed_on(draw, node, time, 0.8).items():
                now[name][1] = now[name][1] + more / np.maximum(now[name][0], 1)
        if kind != "slow":
            makers = [node] if kind == "failing" else self.callers[node]
            for maker in makers:
                failed = now[maker][0] * shape * failing
                for name, more in self.handed_on(draw, maker, failed, 0.6).items():
                    now[name][2] = np.minimum(1, now[name][2] + more / np.maximum(now[name][0], 1))
        return {name: Behaviour(*behaviour) for name, behaviour in now.items()}


def main() -> int:
    data, runs = Path(sys.argv[1]), int((sys.argv[2:] or ["8"])[0])
    for path in sorted(data.glob("*/graph.csv")):
        scenario = Scenario(path.parent)
        for number, kind in enumerate(KINDS):
            places: Counter[str] = Counter()
            for at, node in enumerate(scenario.struck):
                if kind == "given up on" and not set(scenario.callers[node]) - {scenario.symptom}:
                    continue
                for run in range(runs):
                    draw = np.random.default_rng([number, at, run])
                    during = scenario.incident(draw, node, kind)
                    signal = Signal.LATENCY if kind == "slow" else Signal.ERRORS
                    seen = excess(scenario.normal[scenario.symptom], during[scenario.symptom], signal)
                    if seen is None or not stands_out(seen.values, seen.deviation):
                        continue
                    ranked = walk(scenario.graph, scenario.normal, during, scenario.symptom, signal)
                    place = [candidate.node for candidate in ranked].index(node)
                    places += Counter(all=1, first=place == 0, of_three=place < SHOWN)
            if places["all"]:
                top1, top3 = (places[name] / places["all"] for name in ("first", "of_three"))
                print(f"{path.parent.name}, {kind}: top-1 {top1:.3f}, top-3 {top3:.3f}, n={places['all']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
