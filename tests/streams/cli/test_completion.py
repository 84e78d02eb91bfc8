"""A shell completes commands, as it does for other programs."""

from typer.testing import CliRunner

from streams.cli.commands import app


def completed(words: str) -> list[str]:
    asked = {"_UNERI_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    return CliRunner().invoke(app, [], prog_name="uneri", env=asked).output.split()


def test_a_shell_completes_commands_and_options() -> None:
    assert sorted(completed("uneri inc")) == ["incident", "incidents"]
    assert "--follow" in completed("uneri run --fo")


def test_the_help_says_how_completion_is_installed() -> None:
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output
