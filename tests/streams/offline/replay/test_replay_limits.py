"""A replay judges by the limits of the daemon."""

import json
from pathlib import Path

from typer.testing import CliRunner

from config.capacity import NO_LIMITS
from streams.cli.commands import app
from streams.ingest.limits.reading import FoundLimit, PartReading, merged, save_limits

START = 1_790_000_000


def write_history(folder: Path) -> Path:
    """Write half an hour in which a table takes 9 wcu a second."""
    path = folder / "events.ndjson"
    call = {"name": "items", "op": "UpdateItem", "wcu": 90.0}
    event = {"function": "put", "account": "1", "region": "eu-west-1", "tables": [call]}
    path.write_text("".join(json.dumps(event | {"ts": START + at}) + "\n" for at in range(0, 1800, 10)))
    return path


def test_a_replay_judges_by_the_file_of_limits(tmp_path: Path) -> None:
    config, file, out = (tmp_path / name for name in ("uneri.yaml", "limits.json", "out"))
    config.write_text(f"limits: {{file: {file}}}\n")
    command = ["replay", str(write_history(tmp_path)), "--out", str(out), "--config", str(config)]
    missing = CliRunner().invoke(app, command)
    assert missing.exit_code == 2
    assert missing.stderr.startswith(f"uneri: {file}:1:1: does not exist; write it with: uneri limits --aws")
    found = (FoundLimit("table", "items", "wcu", 10.0, "provisioned"),)
    save_limits(file, merged(NO_LIMITS, [PartReading("1", "eu-west-1", "dynamodb", found)], START))
    assert CliRunner().invoke(app, command).exit_code == 0
    findings = [json.loads(line) for line in (out / "findings.jsonl").read_text().splitlines()]
    assert [(finding["verdict"], finding["limit"]) for finding in findings] == [("limit", 10.0)]
