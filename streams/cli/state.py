"""``uneri state export`` and ``import``: a backup of the state, from a running daemon."""

import shutil
import sqlite3
from pathlib import Path
from typing import Final

import typer

from config.settings import Settings
from detectors.state.state import StateError
from streams.cli.daemon_call import NoDaemonError, RefusedError, answer_of
from streams.drivers.local import state_transfer
from streams.drivers.local.state_files import explain
from streams.process.files.atomic_file import atomic_file
from streams.process.files.locks import FolderLockedError
from streams.process.files.state_archive import About, ArchiveError, check_archive
from streams.process.files.state_folder import OWN_NAMES, OpenFolderError
from streams.process.times import utc

PATIENCE: Final = 900.0  # seconds without a byte: a large state is copied and packed before it is sent


def export_state(settings: Settings, file: Path, url: str) -> int:
    """Write the state of the daemon at ``url``, or of the app in Kafka, to a file; return the exit code."""
    there = file.resolve().parent == Path(settings.local.state).resolve()
    if not settings.kafka and there and file.name.startswith(OWN_NAMES):
        typer.echo(f"uneri: {file} is a file of the state; write the backup elsewhere", err=True)
        return 2
    try:
        with atomic_file(file) as part:
            part.touch(mode=0o600)
            if settings.kafka:
                from streams.drivers.kafka.checkpoints.state_transfer import export_app

                export_app(settings, part)
            else:
                with (
                    answer_of("POST", f"{url}/state", b"{}", seconds=PATIENCE) as answer,
                    part.open("wb") as out,
                ):
                    shutil.copyfileobj(answer, out)
            about = check_archive(part)
    except (ArchiveError, StateError, RefusedError, NoDaemonError) as error:
        typer.echo(f"uneri: {error}", err=True)
        return 1
    typer.echo(f"{file}: {file.stat().st_size / 1e6:,.1f} MB, {_shown(about)}; checked")
    return 0


def import_state(settings: Settings, file: Path) -> int:
    """Restore a backup into the empty state that the settings name; return the exit code."""
    try:
        if settings.kafka:
            from streams.drivers.kafka.checkpoints.state_transfer import import_app

            about = import_app(settings, file)
            where = f"the topics of {settings.kafka.app}"
        else:
            folder = Path(settings.local.state)
            try:
                about = state_transfer.import_state(file, folder)
            except sqlite3.Error as error:
                raise ArchiveError(explain(error, folder)) from error
            where = settings.local.state
    except (ArchiveError, StateError, FolderLockedError, OpenFolderError) as error:
        typer.echo(f"uneri: {error}", err=True)
        return 1
    typer.echo(f"{where}: restored, {_shown(about)}; start the daemon with `uneri run`")
    return 0


def _shown(about: About) -> str:
    return f"the state of {utc(about.made)}, by uneri {about.version} ({about.driver})"
