"""Scraped values are the engine's, at the times of their steps, and no more than wanted."""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from ruamel.yaml import YAML

from config.settings import Settings
from streams.record.query.query_service import QueryService
from streams.record.query.query_times import QueryTimes
from tests.deploy.tools import run
from tests.streams.record.history.backend import START
from tests.streams.record.query.prometheus import program, prometheus
from tests.streams.screens.board.scraped import STEP, Scraped, served_scrape

END = START + 3 * 3600
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
EVERYTHING = {"scopes": ["account:*", "service:*", "route:*", "function:*", "table:*", "client:*"]}


@pytest.fixture(scope="module")
def backend() -> Scraped:
    return Scraped(END)


@pytest.fixture
def scraped(backend: Scraped) -> Scraped:
    backend.choose(EVERYTHING)
    return backend


async def text_of(url: str, headers: dict[str, str] | None = None) -> str:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()


async def samples(scraped: Scraped, place: Path) -> dict[str, list[Sample]]:
    """Return the samples by metric, as a parser of OpenMetrics reads them."""
    async with served_scrape(scraped, str(place)) as url:
        text = await text_of(url, OPENMETRICS)
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {family.name: family.samples for family in families}


def amounts(found: list[Sample]) -> dict[tuple[str, str, str], float]:
    return {
        (sample.labels["kind"], sample.labels["name"], sample.labels["measure"]): sample.value
        for sample in found
    }


def of_judged(found: list[Sample]) -> list[Sample]:
    return [sample for sample in found if not sample.labels["measure"].endswith(("_p50", "_p99"))]


async def test_every_number_is_that_of_the_engine_at_the_time_of_its_step(
    scraped: Scraped, tmp_path: Path
) -> None:
    found = await samples(scraped, tmp_path)
    observed = of_judged(found["uneri_observed"])
    assert amounts(observed) == pytest.approx(scraped.amounts("observed"), rel=1e-6)  # kept as float32
    for name in ("expected", "lower", "upper"):  # rounded to within 0.013 %
        exact = scraped.amounts(name)
        served = amounts(found[f"uneri_{name}"])
        assert served.keys() == exact.keys()
        assert served == pytest.approx(exact, rel=2e-3, abs=1e-3)
    times = {
        float(str(sample.timestamp))
        for name, samples in found.items()
        if name.count("_") == 1
        for sample in samples
    }
    assert times == {float(scraped.start)}


async def test_labels_are_the_columns_of_the_history_and_empty_ones_are_absent(
    scraped: Scraped, tmp_path: Path
) -> None:
    scraped.choose({"scopes": ["table:items"], "measures": ["wcu"], "callers": True})
    found = (await samples(scraped, tmp_path))["uneri_observed"]
    table = {
        "kind": "table",
        "cloud": "aws",
        "account": "1",
        "region": "eu-west-1",
        "name": "items",
        "measure": "wcu",
    }
    assert found[0].labels == table
    ios = {"source_kind": "client", "source_cloud": "aws", "source_account": "1", "source_name": "ios"}
    assert found[1].labels == {**table, **ios, "source_version": "3.2.1"}
    by_kind = {
        kind: [sample for sample in found if sample.labels.get("source_kind") == kind]
        for kind in ("function", None)
    }
    assert sum(sample.value for sample in by_kind["function"]) == by_kind[None][0].value


async def test_what_is_scraped_is_what_the_read_api_answers_at_that_time(
    scraped: Scraped, tmp_path: Path
) -> None:
    scraped.choose({**EVERYTHING, "callers": True})
    found = await samples(scraped, tmp_path)
    exported = {
        (("__name__", sample.name), *sorted(sample.labels.items())): sample.value
        for family, some in found.items()
        if family != "uneri_scrape_left_out"
        for sample in some
    }
    queries = QueryService(str(tmp_path), scraped.held.recent, lambda: STEP)
    answer = json.loads(await queries.instant('{__name__=~"uneri_.+"}', QueryTimes(scraped.start * 1000)))
    answered = {
        tuple(sorted(sample["metric"].items())): float(sample["value"][1])
        for sample in answer["data"]["result"]
    }
    assert answered == {tuple(sorted(labels)): value for labels, value in exported.items()}


async def test_an_open_finding_is_a_state_with_its_verdict(scraped: Scraped, tmp_path: Path) -> None:
    found = (await samples(scraped, tmp_path))["uneri_state"]
    assert all(sample.value == 1 for sample in found)
    verdicts = {
        (sample.labels["kind"], sample.labels["measure"]): sample.labels["verdict"] for sample in found
    }
    assert verdicts["table", "wcu"] == "spike"
    assert ("table", "latency") not in verdicts


async def test_beyond_the_most_series_the_others_are_counted_and_the_same_ones_stay(
    scraped: Scraped, tmp_path: Path
) -> None:
    whole = await samples(scraped, tmp_path)
    scraped.choose(EVERYTHING, most=7)
    cut = await samples(scraped, tmp_path)
    assert cut["uneri_observed"] == whole["uneri_observed"][:7]
    assert whole["uneri_scrape_left_out"][0].value == 0
    assert cut["uneri_scrape_left_out"][0].value == len(whole["uneri_observed"]) - 7


async def test_accounts_and_measures_narrow_what_is_exported(scraped: Scraped, tmp_path: Path) -> None:
    scraped.choose({"scopes": ["table:*"], "accounts": ["2"]})
    assert (await samples(scraped, tmp_path))["uneri_observed"] == []
    scraped.choose({"scopes": ["table:it*"], "accounts": ["1"], "measures": ["latency*"]})
    found = amounts((await samples(scraped, tmp_path))["uneri_observed"])
    assert {measure for _, _, measure in found} == {"latency", "latency_p50", "latency_p99"}


async def test_nothing_is_exported_until_series_are_chosen(scraped: Scraped, tmp_path: Path) -> None:
    scraped.choose()
    async with (
        served_scrape(scraped, str(tmp_path)) as url,
        aiohttp.ClientSession() as session,
        session.get(url) as answer,
    ):
        assert answer.status == 404
        assert "scrape.series" in (await answer.json())["error"]


async def test_promtool_finds_nothing_to_correct_in_the_older_format(
    scraped: Scraped, tmp_path: Path
) -> None:
    async with served_scrape(scraped, str(tmp_path)) as url:
        text = await text_of(url)
    file = tmp_path / "metrics.txt"
    file.write_text(text, "utf-8")
    checked = run("sh", "-c", f"{program('promtool')} check metrics < {file}")
    assert checked == ""


def test_the_settings_of_the_page_are_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "grafana.md").read_text("utf-8")
    _, ours, theirs = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    settings = Settings.model_validate(YAML(typ="safe").load(ours))
    assert [selector.callers for selector in settings.scrape.series] == [False, False, True]
    (tmp_path / "prometheus.yml").write_text(theirs, "utf-8")
    run(program("promtool"), "check", "config", "--syntax-only", tmp_path / "prometheus.yml")


async def test_a_real_prometheus_has_what_it_scraped_at_the_times_of_the_steps(tmp_path: Path) -> None:
    scraped = Scraped(int(time.time()) // 60 * 60)
    scraped.choose(EVERYTHING)
    (tmp_path / "prometheus").mkdir()
    async with served_scrape(scraped, str(tmp_path)) as url:
        target = url.removeprefix("http://").removesuffix("/scrape")
        job: dict[str, Any] = {"job_name": "uneri", "metrics_path": "/scrape", "scrape_interval": "1s"}
        job["static_configs"] = [{"targets": [target]}]
        with prometheus(tmp_path / "prometheus", scraped=[job]) as running:

            async def query(text: str) -> list[dict[str, Any]]:
                answer = await asyncio.to_thread(running.ask, "query", query=text)
                found: list[dict[str, Any]] = answer["data"]["result"]
                return found

            async with asyncio.timeout(60):
                while not (found := await query('uneri_observed{kind="table"}')):
                    await asyncio.sleep(0.1)
            exact = scraped.amounts("observed")
            served = {
                ("table", entry["metric"]["name"], entry["metric"]["measure"]): float(entry["value"][1])
                for entry in found
            }
            known = {key: exact[key] for key in served if key in exact}
            assert known
            assert {key: served[key] for key in known} == pytest.approx(known, rel=1e-6)
            [stamp] = await query('timestamp(uneri_observed{kind="table",measure="wcu"})')
            assert float(stamp["value"][1]) == scraped.start
            [state] = await query('uneri_state{kind="table",measure="wcu"}')
            assert state["metric"]["verdict"] == "spike"
