"""Presets: what well-known products write becomes the requests that were made.

``presets/NAME.ndjson`` is what the product wrote; ``presets/NAME.txt`` are the requests in it, by hand:
service, route, client, status and milliseconds. pino-http 11, express-winston 4.2 and Caddy 2.8 wrote their
lines themselves; the others follow the documentation of their products.
"""

from pathlib import Path

import pytest

from config.load import ConfigError, load_settings
from config.presets import PRESETS
from config.sections.sources import SourcesSettings
from streams.engine.decode.event import Event
from streams.ingest.formats.format import Reading
from streams.ingest.formats.inputs import Inputs

FOLDER = Path(__file__).parent / "presets"


def said(reading: Reading) -> list[str]:
    """Return each request as one line."""
    found = []
    for record in reading.records:
        assert isinstance(record, Event)
        client = "-" if record.client is None else f"{record.client.name} {record.client.version}"
        total = None if record.ms is None else record.ms.total
        found.append(f"{record.service or '-'} | {record.route} | {client} | {record.status} | {total:g}")
    return found


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_product_writes_becomes_the_requests_that_were_made(name: str) -> None:
    written = (FOLDER / f"{name}.ndjson").read_bytes()
    reading = Inputs(SourcesSettings()).of(None, name).read(written)
    assert said(reading) == (FOLDER / f"{name}.txt").read_text().splitlines()
    assert reading.refused == []


@pytest.mark.parametrize("name", PRESETS)
def test_auto_knows_the_requests_of_a_product_by_themselves(
    name: str,
) -> None:
    auto = Inputs(SourcesSettings()).of(None)
    written = (FOLDER / f"{name}.ndjson").read_bytes()
    assert said(auto.read(written)) == (FOLDER / f"{name}.txt").read_text().splitlines()


@pytest.mark.parametrize(
    "line", [b'{"time":1,"level":30,"msg":"up"}', b'{"timestamp":"2026-11-02T10:00:04Z"}']
)
def test_a_line_that_is_no_request_is_refused_by_auto_and_skipped_where_the_preset_is_named(
    line: bytes,
) -> None:
    inputs = Inputs(SourcesSettings())
    assert [refused.reason for refused in inputs.of(None).read(line).refused] == ["unknown_format"]
    reading = inputs.of(None, "pino_http").read(line)
    assert (reading.records, reading.refused, reading.skipped.total()) == ([], [], 1)


def test_a_mapping_extends_a_preset_by_a_line_or_two() -> None:
    settings = load_settings(
        None,
        "sources: {mappings: [{name: ours, extends: pino_http, "
        "fields: {service: {const: shop}, client.tenant: $.tenant}}]}",
    )
    line = (
        (FOLDER / "pino_http.ndjson")
        .read_bytes()
        .splitlines()[0]
        .replace(b'{"level"', b'{"tenant":"acme","level"')
    )
    [record] = Inputs(settings.sources).of(None, "ours").read(line).records
    assert isinstance(record, Event)
    assert record.client is not None
    assert (record.service, record.route, record.client.tenant) == ("shop", "GET /items/{id}", "acme")


def test_a_mapping_with_the_name_of_a_preset_takes_its_place() -> None:
    settings = load_settings(
        None, "sources: {mappings: [{name: pino_http, fields: {ts: $.at, function: {const: f}}}]}"
    )
    [record] = Inputs(settings.sources).of(None, "pino_http").read(b'{"at": 1760000000}').records
    assert isinstance(record, Event)
    assert record.function == "f"


def test_a_preset_that_does_not_exist_is_a_mistake_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"no preset 'pino'; did you mean 'pino_http'\?"):
        load_settings(None, "sources:\n  mappings:\n    - {name: ours, extends: pino}")
