"""``uneri labels``: the labels that people gave by buttons, in the forms that replay and tune read."""

from pathlib import Path
from typing import Final

import typer

from alerting.commands.labels import Label
from alerting.evaluation.labels_file import labels_to_csv, labels_to_jsonl, labels_to_yaml
from streams.cli.daemon_call import DaemonCommand, run_daemon_command
from streams.process.command_error import UsageError

_WRITERS: Final = {
    ".yaml": labels_to_yaml,
    ".yml": labels_to_yaml,
    ".csv": labels_to_csv,
    ".jsonl": labels_to_jsonl,
}
"""By suffix, which also determines how the file is read."""

_LABELS: Final = DaemonCommand("GET", "/labels", list[Label], lambda _: [])


def export_labels(url: str, out: Path | None) -> None:
    """Print the labels of the daemon at ``url`` as YAML, or write them to a file as its suffix says."""
    write = _WRITERS.get(out.suffix.lower()) if out else labels_to_yaml
    if write is None:
        raise UsageError(f"--out {out}: the name must end with .yaml, .yml, .csv or .jsonl")
    labels = run_daemon_command(_LABELS, url)
    if out is None:
        typer.echo(write(labels), nl=False)
        return
    try:
        out.write_text(write(labels), "utf-8")
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror or error}") from None
    typer.echo(f"{len(labels)} labels written to {out}", err=True)
