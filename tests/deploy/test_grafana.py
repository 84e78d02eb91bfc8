"""The dashboards of backends are what Grafana's own types say, and ask what is there."""

import itertools
import json
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard, DataTransformerConfig, Panel
from pydantic import ConfigDict, TypeAdapter
from ruamel.yaml import YAML

from config.settings import Settings
from release.dashboards.make import FOLDER, MADE, main, text_of
from streams.record.query.promql import parse_query
from streams.record.query.query_bounds import QueryError
from streams.record.query.query_routes import COMPATIBLE
from tests.deploy.dashboards import DASHBOARDS, followed, links, queries
from tests.deploy.tools import run, tool

HEALTH = "uneri-health.json"
GIVEN = {name: {"account": "1", "name": "items"} for name in MADE}

register_default_plugins()


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value, cls=JSONEncoder))


def untyped(value: Any, at: str = "$") -> list[str]:
    """Return where something is not of the type that Grafana gives it."""
    if isinstance(value, list):
        return [text for place, entry in enumerate(value) for text in untyped(entry, f"{at}[{place}]")]
    if not type(value).__module__.startswith("grafana_foundation_sdk") or isinstance(value, Enum):
        return []
    hints = get_type_hints(type(value))
    wrong = []
    for name, field in vars(value).items():
        adapter: TypeAdapter[Any] = TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True))
        try:
            adapter.validate_python(field)
        except ValueError as error:
            wrong.append(f"{at}.{name}: {error}")
        wrong += untyped(field, f"{at}.{name}")
    return wrong


def read_of(dashboard: dict[str, Any]) -> Dashboard:
    """Return a dashboard as Grafana's types read it."""
    read = Dashboard.from_json(dashboard)
    for panel in read.panels or []:  # which they leave as they are
        if isinstance(panel, Panel) and panel.transformations:
            given: list[Any] = panel.transformations
            panel.transformations = [
                DataTransformerConfig.from_json(transformation) for transformation in given
            ]
    return read


def lost(kept: Any, read: Any, at: str = "$") -> list[str]:
    """Return the places of values that are missing, or have become something else."""
    if isinstance(kept, dict) and isinstance(read, dict):
        gone = [f"{at}.{name}" for name in kept.keys() - read.keys()]
        return gone + [
            text
            for name in kept.keys() & read.keys()
            for text in lost(kept[name], read[name], f"{at}.{name}")
        ]
    if isinstance(kept, list) and isinstance(read, list) and len(kept) == len(read):
        return [
            text
            for place, pair in enumerate(zip(kept, read, strict=True))
            for text in lost(*pair, f"{at}[{place}]")
        ]
    return [] if kept == read else [f"{at}: {read}"]


@pytest.mark.parametrize("name", MADE)
def test_grafana_knows_all_that_is_in_a_dashboard_and_all_has_its_type(name: str) -> None:
    read = read_of(DASHBOARDS[name])
    assert lost(DASHBOARDS[name], plain(read)) == ["$.annotations.list[0].titleFormat"], "that of Prometheus"
    assert untyped(read) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [("panels/1/fieldConfig/defaults/unit", 5), ("refresh", 60), ("templating/list/0/type", "any")],
)
def test_a_wrong_type_is_found(path: str, value: object) -> None:
    dashboard = json.loads(json.dumps(DASHBOARDS["uneri-wall.json"]))
    *parts, last = path.split("/")
    part = dashboard
    for key in parts:
        part = part[int(key) if key.isdigit() else key]
    part[last] = value
    assert untyped(read_of(dashboard))


def test_the_dashboard_of_the_daemon_has_the_types_of_grafana() -> None:
    assert untyped(read_of(json.loads((FOLDER / HEALTH).read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("name", MADE)
def test_what_is_kept_is_what_is_made(name: str, tmp_path: Path) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == text_of(MADE[name])
    main(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(MADE)


@pytest.mark.parametrize("name", [*MADE, HEALTH])
def test_panels_have_an_explanation_and_a_place_of_their_own(name: str) -> None:
    panels = json.loads((FOLDER / name).read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["description"] for panel in panels if panel["type"] != "row")
    for first, second in itertools.combinations((panel["gridPos"] for panel in panels), 2):
        apart = (
            first["x"] + first["w"] <= second["x"]
            or second["x"] + second["w"] <= first["x"]
            or first["y"] + first["h"] <= second["y"]
            or second["y"] + second["h"] <= first["y"]
        )
        assert apart, (first, second)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


@pytest.mark.parametrize("name", ["POST /items/{id}", "a&b=c", "100%", "50%25", "a+b", "a#b", "é?", ""])
@pytest.mark.parametrize("dashboard", MADE)
def test_a_link_leads_to_what_it_names_whatever_its_name_is(dashboard: str, name: str) -> None:
    given = {
        "board": "https://uneri.example.com:8765",
        **dict.fromkeys(("name", "__field.labels.name", "__data.fields.name"), name),
        **dict.fromkeys(("account", "__field.labels.account", "__data.fields.account"), "1&2"),
        "__data.fields.kind": "table",
    }
    kind = dashboard.removeprefix("uneri-").removesuffix(".json")
    kinds = {"table", "route"} if kind == "wall" else {kind}
    found = [followed(address, given) for address in links(DASHBOARDS[dashboard])]
    assert {entry.get("scope") for entry in found} - {None} == {f"{kind}:{name}" for kind in kinds}
    assert all(entry["account"] == "1&2" for entry in found if "scope" in entry)
    assert all(entry.keys() <= {"scope", "account", "from", "to"} for entry in found)


def test_all_accounts_are_those_without_one_too() -> None:
    [account] = [
        variable
        for variable in DASHBOARDS["uneri-wall.json"]["templating"]["list"]
        if variable["name"] == "account"
    ]
    assert (account["includeAll"], account["allValue"]) == (True, ".*")


def test_prometheus_parses_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{place}", "expr": query.text} for place, query in enumerate(queries(GIVEN))]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}), encoding="utf-8")
    assert f"{len(rules)} rules found" in run(tool("promtool"), "check", "rules", file)


def test_the_daemon_understands_every_query_and_refuses_others_by_name() -> None:
    for query in queries(GIVEN):
        parse_query(query.text)
    with pytest.raises(QueryError, match=r"rate\(\) is not supported: values are per second already"):
        parse_query('rate(uneri_observed{kind="table"}[5m])')


def test_the_data_source_is_a_prometheus_and_the_dashboards_are_found() -> None:
    folder = FOLDER / "provisioning"
    yaml = YAML(typ="safe")
    [source] = yaml.load(folder / "datasources" / "uneri.yaml")["datasources"]
    assert (source["type"], source["jsonData"]["prometheusType"]) == ("prometheus", "Prometheus")
    assert source["url"] == f"http://{Settings().local.listen}"
    assert source["jsonData"]["prometheusVersion"] == COMPATIBLE
    assert source["jsonData"]["timeInterval"] == f"{Settings().time.step}s"
    assert source["secureJsonData"]["httpHeaderValue1"] == "Bearer $UNERI_TOKEN"
    [provider] = yaml.load(folder / "dashboards" / "uneri.yaml")["providers"]
    page = (FOLDER.parents[1] / "docs" / "grafana.md").read_text(encoding="utf-8")
    assert provider["options"]["path"] in page
    assert all(f"../deploy/grafana/{name}" in page for name in MADE)
