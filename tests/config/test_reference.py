"""The reference page agrees with the settings."""

import subprocess
import sys
from pathlib import Path

from config.load import sections_of, value_type
from config.reference import reference
from config.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: make docs"


def test_every_setting_stands_on_the_page_with_its_meaning() -> None:
    page = reference()
    for name, field in Settings.model_fields.items():
        assert f"\n## {name}\n" in page
        section = sections_of(field.annotation) or sections_of(value_type(field.annotation))
        for key, setting in section[0].model_fields.items():
            assert f"| `{key}` |" in page
            assert setting.description or sections_of(setting.annotation), f"{name}.{key} is not described"


def test_a_stale_page_is_reported_and_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "configuration.md"
    page.write_text("old", encoding="utf-8")
    command = [sys.executable, "-m", "config.reference", str(page)]
    stale = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)
    assert stale.returncode == 1
    assert stale.stderr == f"{page} is stale; run: make docs\n"
    assert page.read_text(encoding="utf-8") == "old"
    subprocess.run(command, check=True)
    assert subprocess.run([*command, "--check"], check=False).returncode == 0
