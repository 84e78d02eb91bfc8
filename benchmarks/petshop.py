"""Rank the nodes of a call graph by what explains each incident, over data in the layout of PetShop.

python benchmarks/petshop.py DATA_DIR --out rankings.json

DATA_DIR holds, for each scenario, ``graph.csv`` (square 0/1 matrix; the row calls the column), normal
operation in ``noissue/metrics.csv[.xz]``, and issues in ``PART/issue_N/`` with ``metrics.csv[.xz]`` and
``target.json``, of which ``target`` alone is read: the node and the metric that were seen to misbehave. Only
``explain/graph_walk.py`` decides. The layout is that of Hardt, Orchard, Blöbaum, Kasiviswanathan and
Kirschbaum, "The PetShop Dataset: Finding Causes of Performance Issues across Microservices".
"""

import argparse
import csv
import json
import lzma
import sys
import time
from pathlib import Path

import numpy as np

from detectors.explain.graph_walk import Behaviour, Ranked, Signal, walk
from detectors.model.array_types import Floats

SHOWN = 3
Column = tuple[str, str, str]  # node, metric, statistic
Metrics = dict[Column, Floats]


def read_metrics(folder: Path) -> Metrics:
    """Return every column of a metrics file; an empty cell is NaN."""
    packed = folder / "metrics.csv.xz"
    body = packed.read_bytes() if packed.exists() else (folder / "metrics.csv").read_bytes()
    text = (lzma.decompress(body) if packed.exists() else body).decode("utf-8")
    rows = list(csv.reader(text.splitlines()))
    heads, rows = rows[:3], rows[3:]
    if rows and not rows[0][0].strip().replace(".", "", 1).isdigit():
        rows = rows[1:]  # some writers name the index in a row of its own
    table = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows])
    table = table.reshape(len(rows), len(heads[0]) - 1)
    columns = zip(*(head[1:] for head in heads), strict=True)
    return {(node, metric, which): table[:, at] for at, (node, metric, which) in enumerate(columns)}


def read_graph(path: Path) -> dict[str, list[str]]:
    """Return for each node what it calls."""
    with path.open(newline="", encoding="utf-8") as lines:
        (_, *columns), *rows = csv.reader(lines)
    graph: dict[str, list[str]] = {name: [] for name in columns}
    for name, *cells in rows:
        graph[name] = [callee for callee, cell in zip(columns, cells, strict=True) if float(cell or 0) > 0]
    return graph


def behaviours(metrics: Metrics, statistic: str) -> dict[str, Behaviour]:
    """Return the measurements of each node; ``statistic`` of the latency where there is no mean."""
    windows = max((len(column) for column in metrics.values()), default=0)
    unknown = np.full(windows, np.nan)
    return {
        node: Behaviour(
            calls=metrics.get((node, "requests", "Sum"), unknown),
            latency=metrics.get(
                (node, "latency", "Average"), metrics.get((node, "latency", statistic), unknown)
            ),
            failed=1 - metrics.get((node, "availability", "Average"), unknown) / 100,
        )
        for node in sorted({node for node, _, _ in metrics})
    }


def rank(graph: dict[str, list[str]], normal: Metrics, issue: Path) -> tuple[str, list[Ranked]]:
    """Return the target's metric and the nodes of the graph, best explanation first."""
    target = json.loads((issue / "target.json").read_text(encoding="utf-8"))["target"]
    signal = Signal.LATENCY if target["metric"] == "latency" else Signal.ERRORS
    before, during = (behaviours(metrics, target["agg"]) for metrics in (normal, read_metrics(issue)))
    return target["metric"], walk(graph, before, during, target["node"], signal)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with one folder a scenario")
    parser.add_argument("--out", type=Path, required=True, help="rankings: issue id to node names")
    arguments = parser.parse_args()
    began, rankings = time.perf_counter(), {}
    for graph_path in sorted(arguments.data.glob("*/graph.csv")):
        scenario = graph_path.parent
        graph, normal = read_graph(graph_path), read_metrics(scenario / "noissue")
        for target in sorted(scenario.glob("*/issue_*/target.json")):
            issue = target.parent.relative_to(arguments.data).as_posix()
            metric, ranked = rank(graph, normal, target.parent)
            rankings[issue] = [candidate.node for candidate in ranked]
            best = ", ".join(f"{candidate.node} {candidate.score:.2f}" for candidate in ranked[:SHOWN])
            print(f"{issue} ({metric}): {best}")
    if not rankings:
        print(f"{arguments.data}: no SCENARIO/graph.csv with issues below it", file=sys.stderr)
        return 2
    arguments.out.write_text(json.dumps(rankings, indent=1) + "\n", encoding="utf-8")
    print(f"{len(rankings)} issues in {time.perf_counter() - began:.1f} s, written to {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
