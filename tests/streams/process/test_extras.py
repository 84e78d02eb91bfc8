"""A missing package of an extra is reported in one line with its remedy, before any work is done."""

import subprocess
import sys
from pathlib import Path

import pytest

from streams.process import extras
from streams.process.extras import MissingExtraError

WITHOUT_OPTUNA = """
import sys
sys.modules["optuna"] = None
from streams.cli.main import main
main(["tune", "events", "--out", "tuned", "--pages-per-week", "1"])
"""


def test_a_command_without_its_extra_ends_in_one_line_with_the_remedy() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_OPTUNA], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("uneri: this command needs optuna, of the extra uneri[tune]; install it with: ")
    assert f"{sys.executable} -m pip install" in line
    assert "optuna" in line.rpartition("pip install")[2]


@pytest.mark.parametrize(
    ("marker", "command"),
    [
        ("pipx_metadata.json", "pipx inject uneri"),
        ("uv-receipt.toml", f"uv pip install --python {sys.executable}"),
        ("pyvenv.cfg", f"{sys.executable} -m pip install"),
    ],
)
def test_the_remedy_is_that_of_the_tool_that_installed_uneri(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, marker: str, command: str
) -> None:
    home = tmp_path / "uneri"
    home.mkdir()
    (home / marker).touch()
    monkeypatch.setattr(sys, "prefix", str(home))
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setattr(
        extras, "requires", lambda _: ["numpy>=2.0", "optuna>=4.1; extra == 'tune'", "x; extra == 'all'"]
    )
    with pytest.raises(MissingExtraError) as refused:
        extras.need("optuna", "tune")
    assert str(refused.value).endswith(f"install it with: {command} 'optuna>=4.1'")


def test_a_module_of_no_extra_that_is_missing_stays_a_defect() -> None:
    assert extras.missing(ModuleNotFoundError("no", name="numpy.core")) is None
