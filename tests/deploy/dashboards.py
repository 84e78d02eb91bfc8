"""The dashboards of backends in deploy/grafana, and their queries with the variables filled in."""

import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from release.dashboards.make import FOLDER, MADE

DASHBOARDS: dict[str, dict[str, Any]] = {
    name: json.loads((FOLDER / name).read_text(encoding="utf-8")) for name in MADE
}


_LEFT_IN_LINKS: Final = ";,/?:@&=+$#~"
"""Reserved characters of RFC 3986, which Grafana leaves as they are unless a link asks for more."""


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
        for annotation in dashboard["annotations"]["list"]:
            yield PanelQuery(
                name, annotation["name"], "", filled(annotation["expr"], given[name]), instant=False
            )


def variables(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that are filled by queries."""
    listed = dashboard["templating"]["list"]
    return {variable["name"]: variable["query"] for variable in listed if variable["type"] == "query"}


def filled(text: str, given: Mapping[str, str]) -> str:
    """Return a query or an address as Grafana sends it."""
    for name, value in given.items():
        text = re.sub(rf"\${name}\b|\$\{{{name}(:\w+)*\}}", value.replace("\\", r"\\"), text)
    assert "$" not in text, text
    return text


def links(part: Any) -> Iterator[str]:
    """Yield the addresses of all links in a dashboard."""
    if isinstance(part, dict):
        if isinstance(address := part.get("url"), str) and address:
            yield address
        part = list(part.values())
    if isinstance(part, list):
        for entry in part:
            yield from links(entry)


def followed(address: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters with which a link arrives, as Grafana writes it.

    Of a variable with ``:percentencode``, every character is encoded, otherwise all but those that may stand
    in an address, ``&`` and ``#`` among them.
    """

    def written(found: re.Match[str]) -> str:
        name, form = found.groups()
        value = "1" if name.startswith(("__from", "__to")) else given[name]
        return urllib.parse.quote(value, safe="" if form == "percentencode" else _LEFT_IN_LINKS)

    made = re.sub(r"\$\{([\w.]+)(?::([^}]+))?\}", written, address)
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(made).query, keep_blank_values=True))
