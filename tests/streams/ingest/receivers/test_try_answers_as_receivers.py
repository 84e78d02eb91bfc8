"""``uneri try`` says of a body what ``POST /events`` answers, line by line."""

import json
from pathlib import Path
from typing import Any

import pytest

from config.load import load_settings
from config.settings import Settings
from streams.cli.try_format import try_files
from streams.engine.decode.parse import stamp_of
from streams.ingest.formats.inputs import Inputs
from tests.streams.ingest.formats.test_shapes import HELD, SHAPES, payload_of, shapes
from tests.streams.ingest.receivers.conftest import Serve, Serving
from tests.streams.ingest.receivers.test_events_receiver import ALB, SHOP

NATIVE = b'{"ts": 1760000000, "service": "shop", "status": 200}'
START = b"2026-01-01T00:00:10.400Z START RequestId: bf5f58db-ef7d-4cb2-b3c6-266eba1bbedb Version: 8"
STOPPED = b"2026-01-01T00:00:16.500Z bf5f58db-ef7d-4cb2-b3c6-266eba1bbedb Task timed out after 6.00 seconds"
REPORT = (
    b"2026-01-01T00:00:16.500Z REPORT RequestId: bf5f58db-ef7d-4cb2-b3c6-266eba1bbedb\tDuration: 6000.00 ms\t"
    b"Billed Duration: 6000 ms\tMemory Size: 512 MB\tMax Memory Used: 301 MB"
)
LAMBDA = Settings.model_validate(
    {"sources": {"inputs": [{"name": "log", "format": "lambda_report", "function": "orders-put"}]}}
)
BODIES = {
    "records and bad lines": (Settings(), None, NATIVE + b'\n\nnope\n{"service": "a"}\n[1]\n' + NATIVE),
    "all bad": (Settings(), None, b'nope\n{"ts": 1, "service": "a"}'),
    "formats in a row": (Settings(), None, NATIVE + b"\n" + ALB + b"\nnope\n" + NATIVE),
    "a list": (Settings(), None, b"[" + NATIVE + b',{"ts": 1760000000}]'),
    "a mapping": (
        SHOP,
        "own",
        b'{"time": 1760000000, "path": "GET /a"}\n{"time": "x"}\n{"time": 1760000000}',
    ),
    "a log of Lambda": (LAMBDA, "log", b"\n".join([START, STOPPED, REPORT, b"an application"])),
}
ALL = Settings(sources=load_settings(SHAPES / "mappings.yaml").sources)


async def answered(served: Serving, query: str, body: bytes) -> tuple[list[Any], list[Any]]:
    """Return the records that a body became, and the reasons for what it did not."""
    before = len(served.stored)
    async with served.http.post(f"{served.url}/events?{query}", data=body) as answer:
        said = await answer.json()
    records = [record for record in served.stored[before:] if record.get("kind") != "refused"]
    refused = [(bad["reason"], bad["detail"]) for bad in said.get("refused", ())]
    return [{**record, "ts": stamp_of(record["ts"])} for record in records], refused  # type: ignore[arg-type]


def shown(
    settings: Settings, source: str | None, body: bytes, file: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[list[Any], list[Any]]:
    file.write_bytes(body)
    try_files([file], Inputs(settings.sources).of(source), as_json=True, now=0)
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    refused = [found for line in err.splitlines() if "reason" in (found := json.loads(line))]
    return (
        [{**record, "ts": stamp_of(record["ts"])} for record in records],
        [(bad["reason"], bad["detail"]) for bad in refused],
    )


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_is_answered_alike(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    settings, source, body = BODIES[name]
    async with serve(settings) as served:
        query = "format=auto" if source is None else f"source={source}"
        assert shown(settings, source, body, tmp_path / "body", capsys) == await answered(served, query, body)


async def test_every_known_shape_is_answered_alike(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve(ALL) as served:
        for shape in [shape for name in HELD for shape in shapes(name)]:
            body = payload_of(shape)
            if body.strip():
                found = shown(ALL, None, body, tmp_path / "body", capsys)
                assert found == await answered(served, "format=auto", body), shape["is"]


async def test_a_report_is_a_timeout_as_its_neighbour_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ((record,), _) = shown(*BODIES["a log of Lambda"], tmp_path / "body", capsys)
    assert (record["error"], record["error_type"]) == ("backend", "timeout")
