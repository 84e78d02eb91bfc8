"""promtool, a client of Prometheus, asks the API and is answered."""

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from streams.record.query.promql import parse_query
from tests.streams.record.query.judged_hours import END, STEP, JudgedHours, served
from tests.streams.record.query.prometheus import program

NEWEST = END - STEP
TABLE = 'uneri_observed{kind="table",measure="wcu",source_kind=""}'
DOCS = Path(__file__).parents[4] / "docs" / "query.md"


async def promtool(*command: str) -> str:
    tool = program("promtool")
    done = await asyncio.to_thread(
        subprocess.run, [tool, *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def examples() -> list[str]:
    """Return the queries of the docs."""
    blocks = re.findall(r"```promql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


async def test_promtool_asks_for_one_time_and_for_a_range(judged: JudgedHours) -> None:
    async with served(judged.service()) as url:
        [(labels, amount)] = [
            (dict(labels), amount)
            for labels, amount in judged.known(NEWEST).items()
            if {("kind", "table"), ("measure", "wcu")} <= labels
        ]
        printed = json.loads(await promtool("query", "instant", "-o", "json", f"--time={NEWEST}", url, TABLE))
        assert (
            printed == [{"metric": {"__name__": "uneri_observed", **labels}, "value": [NEWEST, str(amount)]}]
            or float(printed[0]["value"][1]) == amount
        )
        over = ("query", "range", f"--start={NEWEST - 600}", f"--end={NEWEST}", "--step=60s")
        [series] = json.loads(await promtool(*over, "-o", "json", url, TABLE))
        assert [at for at, _ in series["values"]] == list(range(NEWEST - 600, END, STEP))
        known = [judged.known(at)[frozenset(labels.items())] for at in range(NEWEST - 600, END, STEP)]
        assert [float(value) for _, value in series["values"]] == known


async def test_promtool_lists_series_and_labels(judged: JudgedHours) -> None:
    async with served(judged.service()) as url:
        printed = await promtool("query", "series", f"--match={TABLE}", url)
        assert 'measure="wcu", name="items"' in printed
        assert (await promtool("query", "labels", url, "name")).split() == [
            "1",
            "POST",
            "/items",
            "ios",
            "items",
            "put-0",
            "put-1",
            "shop",
        ]


async def test_the_examples_of_the_docs_are_answered_and_are_rules_to_promtool(
    judged: JudgedHours, tmp_path: Path
) -> None:
    queries = examples()
    assert len(queries) >= 8
    rules = [{"record": f"example:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    YAML().dump({"groups": [{"name": "examples", "rules": rules}]}, file)
    assert f"{len(queries)} rules found" in await promtool("check", "rules", str(file))
    async with served(judged.service()) as url:
        for query in queries:
            parse_query(query)
            await promtool("query", "instant", f"--time={NEWEST}", url, query)
            await promtool(
                "query", "range", f"--start={END - 3600}", f"--end={END}", "--step=60s", url, query
            )


async def test_the_notebook_of_the_docs_shows_who_calls_a_table(
    judged: JudgedHours, capsys: pytest.CaptureFixture[str]
) -> None:
    [cell] = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    async with served(judged.service()) as url:
        cell = cell.replace("http://127.0.0.1:8765", url).replace("2026-11-27", "2025-11-27")
        await asyncio.to_thread(exec, cell, {})
    printed = capsys.readouterr().out.split()
    assert printed[::2] == ["put-0", "put-1"]
    assert all(float(wcu) > 0 for wcu in printed[1::2])
