"""The dashboards of backends in deploy/grafana, and their queries with the variables filled in."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from release.dashboards.make import FOLDER, MADE

DASHBOARDS: dict[str, dict[str, Any]] = {
    name: json.loads((FOLDER / name).read_text(encoding="utf-8")) for name in MADE
}


class PanelQuery(NamedTuple):
    """One query. An instant one is of the newest moment, the others are of a range."""

    dashboard: str
    panel: str
    legend: str
    text: str
    instant: bool


def queries(given: Mapping[str, Mapping[str, str]]) -> Iterator[PanelQuery]:
    """Yield every query of every panel and annotation, with the variables of its dashboard."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                text = filled(target["expr"], given[name])
                yield PanelQuery(
                    name, panel["title"], target["legendFormat"], text, target.get("instant", False)
                )
        for one in dashboard["annotations"]["list"]:
            yield PanelQuery(name, one["name"], "", filled(one["expr"], given[name]), instant=False)


def variables(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that are filled by queries."""
    listed = dashboard["templating"]["list"]
    return {one["name"]: one["query"] for one in listed if one["type"] == "query"}


def filled(text: str, given: Mapping[str, str]) -> str:
    """Return a query or an address as Grafana sends it."""
    for name, value in given.items():
        text = re.sub(rf"\${name}\b|\$\{{{name}(:\w+)*\}}", value.replace("\\", r"\\"), text)
    assert "$" not in text, text
    return text
