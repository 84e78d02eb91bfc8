"""The examples of docs/notebooks.md run, and print what stands there."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from alerting.evaluation.labels_file import labels_to_yaml, read_labels
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation
from tests.streams.engine.stages.engine_run import gathered

pytestmark = pytest.mark.release

ROOT = Path(__file__).parent.parent.parent
BACKEND = ROOT / "tests" / "main_job" / "backend.yaml"
PAGE = ROOT / "docs" / "notebooks.md"
DAY, HOUR = 86400, 3600
KNOWN = "- {start: 2025-09-02T02:00:00Z, end: 2025-09-02T02:25:00Z, kind: spike, scope: 'table:items'}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    incident = {
        "at": DAY + 2 * HOUR, "for": "25m", "kind": "hammer", "function": "inventory-put-item",
        "client": "ios", "version": "3.2.1", "table": "items", "times": 15,
    }  # fmt: skip
    given = load_scenario(BACKEND).model_dump(by_alias=True)
    changes = {"length": DAY + 4 * HOUR, "incidents": [incident], "growth": []}
    simulation = Simulation(Scenario.model_validate(given | changes))
    (folder / "history").mkdir()
    lines = gathered(line for _, _, some in simulation.lines() for line in some)
    (folder / "history" / "events.ndjson").write_bytes(b"\n".join(lines))
    (folder / "uneri.yaml").write_text("judge: {young: 43200}\n")
    (folder / "known.yaml").write_text(labels_to_yaml(read_labels(KNOWN, "known.yaml")))
    return folder


def examples() -> list[tuple[str, str]]:
    """Return each example with its documented output."""
    blocks = re.findall(r"```python\n(.*?)```.*?```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    return blocks


def test_the_examples_print_what_the_page_shows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for code, shown in examples():
        names: dict[str, Any] = {}  # each stands alone
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 - our own page
        assert printed.getvalue() == shown
