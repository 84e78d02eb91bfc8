"""What a newcomer sees first."""

import json
import subprocess
import sys
from pathlib import Path

UNERI = Path(sys.executable).with_name("uneri")


def test_the_demo_pages_once_about_the_hammered_table_and_puts_the_growing_one_into_the_digest(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [UNERI, "demo", "--out", tmp_path / "out"], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no pages in that time" in done.stdout
    before, _, after = done.stdout.partition("SPIKE · table items")
    assert "SPIKE" not in after, "one page"
    assert "inventory-put-item" in after
    assert "ios 3.2.1" in after
    assert "RESOLVED" in after
    digest = before.partition("DIGEST")[2]
    assert "Table ledger" in digest
    assert "limit in" in digest
    assert (tmp_path / "out" / "spike-items.png").read_bytes().startswith(b"\x89PNG")
    assert "table items" in (tmp_path / "out" / "report.html").read_text()
    incidents = [json.loads(line) for line in (tmp_path / "out" / "incidents.jsonl").read_text().splitlines()]
    assert [one["scope"]["name"] for one in incidents if one["sent"] == "page"] == ["items"]
