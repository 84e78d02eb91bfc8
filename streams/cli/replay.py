"""``uneri replay``: finds the history, shows progress, leaves the results and says what was found."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import typer

from alerting.commands.labels import Label, LabelKind
from alerting.evaluation.fail_on import FailOn, unanswerable
from alerting.evaluation.labels_file import LabelsError, load_labels
from config.settings import Settings
from detectors.state.state import StateError
from streams.history.open_history import Between, open_history
from streams.history.source import History, ReplayError
from streams.process.folder_lock import FolderHeldError, sole_use
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, noting
from streams.replay.post import PostError, post_replay, token_of
from streams.replay.replay_pass import ReplayPass, Stopped
from streams.replay.replayed import Replayed
from streams.replay.results import Results
from streams.replay.series import SeriesParquet, drop_parts
from streams.replay.state import ReplayStateError, drop_state, load_state, save_state

FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class ReplayAsked:
    """What the command line asks for."""

    sources: Sequence[str]
    out: Path
    settings: Settings
    against: Settings | None = None
    between: Between = (None, None)
    series: bool = False  # leave series.parquet
    post: str | None = None  # a Slack channel for what would have been told; nothing is posted without
    restart: bool = False  # throw an unfinished replay away
    labels: Path | None = None  # a file of what is known of the stretch
    fail_on: Sequence[str] = ()
    configs: tuple[str, str] = ("the defaults", "")  # as the user named the two

    @property
    def all_settings(self) -> list[Settings]:
        """The one configuration, or both."""
        return [self.settings] if self.against is None else [self.settings, self.against]

    @property
    def fingerprint(self) -> str:
        """Tells whether an unfinished replay was asked for the same."""
        said = [*self.sources, str(self.between), str(self.series)]
        said += [settings.model_dump_json() for settings in self.all_settings]
        return blake2b("\x1f".join(said).encode(), digest_size=16).hexdigest()


def run_replay(asked: ReplayAsked) -> int:
    """Replay and leave the results; return the exit code.

    It is 1 when what ``fail_on`` names happened, or when so much was bad that the daemon would have stopped:
    the results are then of what was left.

    Raises
    ------
    ReplayError
        When the history cannot be read, or its results not be written.
    """
    labels = _labels(asked.labels)
    gates = _gates(asked, labels)
    if asked.post is not None:
        _check_token(asked.settings)
    history = open_history(asked.sources, asked.settings, asked.between)
    for note in history.notes:
        typer.echo(f"uneri: {note}", err=True)
    try:
        with sole_use(asked.out):
            found = _read(asked, history)
            if found is None:
                return INTERRUPTED
            try:
                results = Results.of(found, labels)
                _leave(asked, results, history.notes)
            except KeyboardInterrupt:
                typer.echo(
                    "uneri: stopped while the results were written; the same command writes them", err=True
                )
                return INTERRUPTED
            drop_state(asked.out)  # not before all is there, and after it only what it needs
            drop_parts(asked.out)
    except OSError as error:
        raise ReplayError(
            f"{error.filename or asked.out}: {error.strerror}; choose another folder with --out"
        ) from error
    except (FolderHeldError, PostError, ReplayStateError, StateError) as error:
        raise ReplayError(str(error)) from error
    failed = results.failures(gates)
    for line in failed:
        typer.echo(f"uneri: {line}", err=True)
    return FAILED if failed or found[0].stopped else 0


def _gates(asked: ReplayAsked, labels: Sequence[Label] | None) -> list[FailOn]:
    known = [gate.value for gate in FailOn]
    for word in asked.fail_on:
        if word not in known:
            raise ReplayError(f"--fail-on {word}: write {' or '.join(known)}")
    gates = [FailOn(word) for word in asked.fail_on]
    nothing = labels is not None and not any(label.kind == LabelKind.INCIDENT for label in labels)
    if FailOn.MISSED_LABELS in gates and nothing:
        raise ReplayError(f"--fail-on missed-labels: {asked.labels} has no incident that could be missed")
    missing = unanswerable(gates, against=asked.against is not None, labels=labels is not None)
    if missing:
        raise ReplayError(missing)
    return gates


def _labels(path: Path | None) -> list[Label] | None:
    try:
        return None if path is None else load_labels(path)
    except LabelsError as error:
        raise ReplayError(str(error)) from error


def _check_token(settings: Settings) -> None:
    """Raise where nothing can be posted at the end: reading may take hours."""
    try:
        token_of(settings)
    except PostError as error:
        raise ReplayError(str(error)) from error


def _read(asked: ReplayAsked, history: History) -> list[Replayed] | None:
    """Read all of it; None when asked to stop, with the state kept."""
    if asked.restart:
        drop_state(asked.out)
    before = load_state(asked.out, asked.fingerprint)
    if before is None:
        drop_parts(asked.out)  # of one that was killed when it had forgotten its state
    rows = None
    if asked.series:
        rows = SeriesParquet(asked.out, asked.settings.time.step, before.series_parts if before else 0)
    reading = ReplayPass(history, asked.all_settings, rows)
    if before is not None:
        reading.resume(before)
        typer.echo(
            f"uneri: goes on at {before.done:.0%}, where it was left (--restart begins anew)", err=True
        )

    def save() -> None:
        if rows:
            rows.flush()
        save_state(asked.out, reading.state(asked.fingerprint, rows.parts if rows else 0))

    with noting() as stop:
        try:
            with Progress("replay", sys.stderr) as progress:
                found = reading.run(progress.show, save, lambda: bool(stop))
        except Stopped:
            typer.echo(f"uneri: stopped at {reading.done:.0%}; the same command goes on from there", err=True)
            return None
    first = found[0]
    if not first.last:
        raise ReplayError(
            f"{', '.join(asked.sources)}: nothing to judge in {first.records:,} records"
            f"{' between --from and --to' if any(asked.between) else ''}, {first.bad.total():,} of them bad"
        )
    if rows:
        rows.close()
    return found


def _leave(asked: ReplayAsked, results: Results, notes: Sequence[str]) -> None:
    """Write the files, say what is in them, and post it where that is asked for."""
    source = ", ".join(asked.sources)
    files = results.write(asked.out, source=source, names=asked.configs, notes=notes, series=asked.series)
    for line in results.lines(asked.configs):
        typer.echo(line)
    typer.echo(f"{asked.out}: {', '.join(files)}")
    if asked.post is not None:
        typer.echo(f"{post_replay(results.found, asked.post)} messages posted to {asked.post}")
