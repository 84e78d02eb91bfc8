"""The alerts on Uneri itself: the file, its stories and the table of docs/operate.md."""

import re
from pathlib import Path
from typing import Any

from config.yaml_tree import read_tree
from tests.deploy.metric_names import named_in, served
from tests.deploy.tools import DEPLOY, ROOT, run, tool

FOLDER = DEPLOY / "prometheus"
RULES = FOLDER / "uneri.rules.yaml"
STORIES = FOLDER / "uneri.rules.test.yaml"


def alerts() -> list[dict[str, Any]]:
    (group,) = read_tree(RULES.read_text(encoding="utf-8")).data["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def test_prometheus_reads_the_rules() -> None:
    assert f"{len(alerts())} rules found" in run(tool("promtool"), "check", "rules", RULES)


def test_each_alert_fires_in_its_story_and_no_other_does() -> None:
    assert "SUCCESS" in run(tool("promtool"), "test", "rules", STORIES, cwd=FOLDER)


def test_each_alert_has_a_story_in_which_it_fires() -> None:
    fired = re.findall(r'alertname="(\w+)"\}\', value: 1', STORIES.read_text(encoding="utf-8"))
    assert set(fired) == {alert["alert"] for alert in alerts()}


def test_every_metric_of_an_alert_exists() -> None:
    used = set().union(*(named_in(alert["expr"]) for alert in alerts()))
    assert used <= served().keys()


def test_prometheus_takes_the_configuration_of_the_page_for_operators(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    file = tmp_path / "prometheus.yml"
    file.write_text(page.partition("# prometheus.yml\n")[2].partition("```")[0], encoding="utf-8")
    (tmp_path / RULES.name).symlink_to(RULES)
    (tmp_path / "uneri-read-token").touch()
    assert f"{len(alerts())} rules found" in run(tool("promtool"), "check", "config", file)


def test_the_table_for_operators_lists_the_alerts_as_they_are() -> None:
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `Uneri")]
    assert rows == [
        f"| `{alert['alert']}` | {alert['labels']['severity']} | {alert.get('for', 'at once')} "
        f"| {alert['annotations']['summary']} | {alert['annotations']['remedy']} |"
        for alert in alerts()
    ]
