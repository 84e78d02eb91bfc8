"""Ranks the nodes of a call graph by what explains each issue, over data in the layout of PetShop.

A folder holds, for each scenario, ``graph.csv`` (square 0/1 matrix; the row calls the column), normal
operation in ``noissue/metrics.csv[.xz]``, and issues in ``PART/issue_N/`` with ``metrics.csv[.xz]`` and
``target.json``, of which ``target`` alone is read: the node and the metric that were seen to misbehave. Only
``explain/graph_walk.py`` decides. The layout is that of Hardt, Orchard, Blöbaum, Kasiviswanathan and
Kirschbaum, "The PetShop Dataset: Finding Causes of Performance Issues across Microservices".
"""

import csv
import json
import lzma
from pathlib import Path

import numpy as np

from detectors.explain.graph_walk import Behaviour, Signal, walk
from detectors.model.array_types import Floats

Metrics = dict[tuple[str, str, str], Floats]
"""By node, metric and statistic."""


def rankings(data: Path) -> dict[str, list[str]]:
    """Return, by issue, the nodes of the graph, best explanation first."""
    found = {}
    for graph_path in sorted(data.glob("*/graph.csv")):
        graph, normal = _graph(graph_path), _metrics(graph_path.with_name("noissue"))
        for place in sorted(graph_path.parent.glob("*/issue_*/target.json")):
            target = json.loads(place.read_text(encoding="utf-8"))["target"]
            signal = Signal.LATENCY if target["metric"] == "latency" else Signal.ERRORS
            before, during = (
                _behaviours(metrics, target["agg"]) for metrics in (normal, _metrics(place.parent))
            )
            ranked = walk(graph, before, during, target["node"], signal)
            found[place.parent.relative_to(data).as_posix()] = [candidate.node for candidate in ranked]
    return found


def _metrics(folder: Path) -> Metrics:
    """Return every column of a metrics file; an empty cell is NaN."""
    packed = folder / "metrics.csv.xz"
    body = lzma.decompress(packed.read_bytes()) if packed.exists() else (folder / "metrics.csv").read_bytes()
    nodes, metrics, statistics, *rows = csv.reader(body.decode("utf-8").splitlines())
    if rows and not rows[0][0].strip().replace(".", "", 1).isdigit():
        rows = rows[1:]  # some writers name the index in a row of its own
    table = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows])
    columns = zip(nodes[1:], metrics[1:], statistics[1:], strict=True)
    return dict(zip(columns, table.reshape(len(rows), len(nodes) - 1).T, strict=True))


def _graph(path: Path) -> dict[str, list[str]]:
    """Return for each node what it calls."""
    with path.open(newline="", encoding="utf-8") as lines:
        (_, *columns), *rows = csv.reader(lines)
    graph: dict[str, list[str]] = {name: [] for name in columns}
    for name, *cells in rows:
        graph[name] = [callee for callee, cell in zip(columns, cells, strict=True) if float(cell or 0) > 0]
    return graph


def _behaviours(metrics: Metrics, statistic: str) -> dict[str, Behaviour]:
    """Return the measurements of each node; ``statistic`` of the latency where there is no mean."""
    windows = max((len(column) for column in metrics.values()), default=0)

    def of(node: str, metric: str, *statistics: str) -> Floats:
        found = (metrics.get((node, metric, which)) for which in statistics)
        return next((column for column in found if column is not None), np.full(windows, np.nan))

    return {
        node: Behaviour(
            calls=of(node, "requests", "Sum"),
            latency=of(node, "latency", "Average", statistic),
            failed=1 - of(node, "availability", "Average") / 100,
        )
        for node in sorted({node for node, _, _ in metrics})
    }
