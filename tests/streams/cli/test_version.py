"""``uneri --version``."""

import tomllib
from pathlib import Path

from typer.testing import CliRunner

from streams.cli.commands import app

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_the_version_is_that_of_the_project() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (
        0,
        f"uneri {tomllib.loads(PROJECT.read_text())['project']['version']}\n",
    )
