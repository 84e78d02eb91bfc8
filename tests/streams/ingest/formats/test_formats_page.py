"""The page docs/formats.md names every format, and its example is true."""

import json
import re
from pathlib import Path

from config.load import load_settings
from streams.ingest.formats.format import Surroundings, to_json_line
from streams.ingest.formats.formats import FORMATS, with_mappings

PAGE = (Path(__file__).parents[4] / "docs" / "formats.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_format_stands_in_the_table() -> None:
    first = {line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert set(re.findall(r"`([a-z_]+)`", " ".join(first))) == set(FORMATS)


def test_the_example_becomes_what_the_page_says() -> None:
    (config, _), (payload, record) = blocks("yaml"), blocks("json")
    orders = with_mappings(load_settings(None, config).sources.mappings)["orders"]
    reading = orders.read(payload.encode(), Surroundings())
    assert [json.loads(to_json_line(found)) for found in reading.records] == [json.loads(record)]
    assert (reading.refused, reading.skipped.total()) == ([], 1)


def test_the_example_of_a_registry_is_a_configuration() -> None:
    sources = load_settings(None, blocks("yaml")[1]).sources
    assert sources.registry is not None
    assert sources.topics == ("orders",)


def test_the_guess_that_the_page_shows_is_a_configuration() -> None:
    shown = PAGE.partition("With this in uneri.yaml it reads")[2].partition("\n\n")[2].partition("```")[0]
    sources = load_settings(None, shown).sources
    line = {
        "t": 1760000000250,
        "req": {"method": "GET", "url": "/items/17?x=1"},
        "code": 200,
        "latency": 0.0412,
    }
    shop = with_mappings(sources.mappings)[sources.inputs[0].format]
    (record,) = shop.read(json.dumps(line).encode(), Surroundings()).records
    assert json.loads(to_json_line(record))["ms"] == {"total": 41.2}
