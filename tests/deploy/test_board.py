"""The Grafana board of the daemon's own health: every query is one that Prometheus can answer."""

import json
import re
from pathlib import Path
from typing import Any

from tests.deploy.metric_names import named_in, served
from tests.deploy.tools import DEPLOY, run, tool

BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "uneri-health.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
ADDED = {"job", "instance"}  # by Prometheus


def targets() -> list[tuple[str, str]]:
    return [(target["expr"], target["legendFormat"]) for panel in PANELS for target in panel["targets"]]


def test_every_metric_of_the_board_exists() -> None:
    queries = [query for query, _ in targets()]
    queries += [annotation["expr"] for annotation in BOARD["annotations"]["list"]]
    queries += [
        variable["definition"] for variable in BOARD["templating"]["list"] if "definition" in variable
    ]
    used = set().union(*map(named_in, queries))
    assert used <= served().keys()


def test_the_board_shows_every_metric_of_the_daemon() -> None:
    shown = set().union(*(named_in(query) for query, _ in targets()))
    own = {name for name in served() if name.startswith("uneri_") and not name.endswith(("_count", "_sum"))}
    assert own - shown == {"uneri_watermark_timestamp_seconds"}, "its age is shown"


def test_a_query_groups_and_names_lines_by_labels_that_its_metrics_have() -> None:
    for query, legend in targets():
        there = ADDED.union(*(served()[name] for name in named_in(query)))
        grouped = {
            label.strip()
            for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", query)
            for label in labels.split(",")
        }
        assert grouped <= there, query
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= (grouped or there), query


def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    known = {"$__rate_interval": "5m", "$job": "uneri", "$instance": ".+"}
    queries = [query for query, _ in targets()] + [
        annotation["expr"] for annotation in BOARD["annotations"]["list"]
    ]
    for word, meaning in known.items():
        queries = [query.replace(word, meaning) for query in queries]
    assert not any("$" in query for query in queries)
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}), encoding="utf-8")
    run(tool("promtool"), "check", "rules", file)
