"""Grafana in tests of whole daemons: every query and every link of the dashboards is answered."""

import re
import urllib.parse
import urllib.request
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.process.web.tokens import own_authorization
from tests.deploy.dashboards import DASHBOARDS, PanelQuery, filled, queries, variables
from tests.main_job.board_job import HOUR, Loaded

ACCOUNT = "123456789012"
NAMES = {"table": "items", "function": "inventory-put-item", "service": "inventory"}
GIVEN = {
    "uneri-wall.json": {"account": f"({ACCOUNT}|uneri-analysis)"},
    **{f"uneri-{kind}.json": {"account": ACCOUNT, "name": name} for kind, name in NAMES.items()},
}
OTHERS = {"uneri-function.json": {"account": ACCOUNT, "name": "inventory-get-items"}}
"""A function that reads: the other one only writes."""

SCRAPED = {"series": [{"scopes": ["table:*"], "measures": ["wcu"]}]}
UNTIL_THROTTLED = {"{{measure}}"}
"""Legends of what is there once a table has throttled, which it has not in the first incident."""


def hold_the_dashboards(loaded: Loaded) -> None:
    """Every query of every panel has data during an incident, and every variable offers what is asked for."""
    at = loaded.asked("/board/wall")["at"]
    for name, dashboard in DASHBOARDS.items():
        for label, query in variables(dashboard).items():
            assert set(re.split(r"[()|]", GIVEN[name][label])) - {""} <= _values(
                loaded, query, GIVEN[name], at
            )
    pairs = zip(queries(GIVEN), queries(GIVEN | OTHERS), strict=True)
    empty = [
        first for first, second in pairs if not _answer(loaded, first, at) and not _answer(loaded, second, at)
    ]
    assert {query.legend for query in empty} <= UNTIL_THROTTLED, empty
    _hold_the_links(loaded, at)


def hold_the_scrape(loaded: Loaded) -> None:
    """Scraped values equal what was counted; ``SCRAPED`` is in the configuration."""
    request = urllib.request.Request(f"{loaded.url}scrape", headers=own_authorization())  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - a URL of ours
        families = text_string_to_metric_families(answer.read().decode())
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, sample.labels.get("name", "")): sample for sample in samples}
    written = found["uneri_observed", "items"]
    at = int(float(str(written.timestamp)))
    assert written.value == pytest.approx(loaded.counted.units("items", "wcu", at, at + 60) / 60)
    assert found["uneri_upper", "items"].value < written.value
    assert found["uneri_state", "items"].labels["verdict"] == "spike"


def _hold_the_links(loaded: Loaded, at: int) -> None:
    """The links of a dashboard lead to the page of its scope, over the range that is looked at."""
    span = {"__from": str(at - HOUR), "__to": str(at)}
    for name, dashboard in DASHBOARDS.items():
        [link] = [entry for entry in dashboard["links"] if entry["type"] == "link"]
        address = filled(link["url"], {**GIVEN[name], **span, "board": loaded.url.removesuffix("/")})
        query = urllib.parse.urlsplit(address).query
        if "scope=" not in query:
            continue
        page = loaded.asked(f"/board/scope?{query}")
        assert (page["label"], page["first"], page["end"]) == (GIVEN[name]["name"], at - HOUR, at)


def _values(loaded: Loaded, query: str, given: dict[str, str], at: int) -> set[str]:
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
    assert found is not None, query
    asked = {"match[]": filled(found[1], given), "start": str(at - HOUR), "end": str(at)}
    return set(_data(loaded, f"label/{found[2]}/values", asked))


def _answer(loaded: Loaded, one: PanelQuery, at: int) -> list[dict[str, Any]]:
    if one.instant:
        found = _data(loaded, "query", {"query": one.text, "time": str(at)})
    else:
        span = {"start": str(at - 4 * HOUR), "end": str(at), "step": "60"}
        found = _data(loaded, "query_range", {"query": one.text, **span})
    result: list[dict[str, Any]] = found["result"]
    return result


def _data(loaded: Loaded, path: str, asked: dict[str, str]) -> Any:
    answer = loaded.asked(f"/api/v1/{path}?{urllib.parse.urlencode(asked)}")
    assert answer["status"] == "success"
    return answer["data"]
