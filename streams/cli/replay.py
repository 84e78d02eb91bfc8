"""``uneri replay``: opens the source, shows progress, writes the results and prints a summary."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import typer

from alerting.commands.labels import Label, LabelKind
from alerting.evaluation.evaluation import FailOn, failures, unanswerable
from alerting.evaluation.labels_file import LabelsError, load_labels
from config.capacity import read_limits_of
from config.settings import Settings
from detectors.state.state import StateError
from streams.drivers.compile_ahead import prepare_process
from streams.offline.replay.output import ReplayOutput
from streams.offline.replay.post import post_replay, token_of
from streams.offline.replay.replay_pass import ReplayPass, Stopped
from streams.offline.replay.replayed import Replayed
from streams.offline.replay.state import drop_parts, drop_state, load_state, save_state
from streams.offline.replay.text_table import counted, nothing_read
from streams.offline.sources.open_source import Between, open_source
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import RecordSource
from streams.process.files.locks import FolderLockedError, locked_output
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, recording_stop
from streams.record.history.history_filling import FillingError, HistoryFilling
from streams.record.history.history_keeper import HistoryBounds

if TYPE_CHECKING:
    from streams.offline.replay.series_parquet import SeriesParquet

FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """The options of the command line."""

    sources: Sequence[str]
    out: Path
    settings: Settings
    against: Settings | None = None
    between: Between = (None, None)
    series: bool = False  # write series.parquet
    post: str | None = None  # Slack channel for the pages
    restart: bool = False  # discard an unfinished replay
    labels: Path | None = None  # file of known incidents
    fail_on: Sequence[str] = ()
    configs: tuple[str, str] = ("the defaults", "")  # as the user named them
    source: str | None = None  # entry of sources.inputs that describes the sources
    form: str | None = None  # the format of its payloads
    history: Path | None = None  # folder for the history of its steps

    @property
    def all_settings(self) -> list[Settings]:
        """The one configuration, or both."""
        return [self.settings] if self.against is None else [self.settings, self.against]

    @property
    def fingerprint(self) -> str:
        """Identifies the request, so that only the same one resumes an unfinished replay."""
        parts = [*self.sources, str(self.between), str(self.series)]
        parts += [f"{self.source} {self.form}"] if self.source or self.form else []
        parts += [f"history {self.history}"] if self.history else []
        parts += [settings.model_dump_json() for settings in self.all_settings]
        read = [read_limits_of(settings).limits for settings in self.all_settings]
        parts += [msgspec.json.encode(limits).decode() for limits in read if limits]
        return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def run_replay(options: ReplayOptions) -> int:
    """Replay, write the results, and return the exit code.

    It is 1 if a check of ``fail_on`` failed, or if the daemon would have stopped at too many bad records; the
    results then cover the remaining records.

    Raises
    ------
    ReplayError
        When a source cannot be read, or the results cannot be written.
    MissingExtraError
        When a source needs an extra that is not installed.
    """
    labels = _labels(options.labels)
    gates = _gates(options, labels)
    if options.post is not None:
        token_of(options.settings)  # fails now, not after hours of reading
    source = open_source(
        options.sources, options.settings, options.between, source=options.source, form=options.form
    )
    for note in source.notes:
        typer.echo(f"uneri: {note}", err=True)
    try:
        with locked_output(options.out):
            found = _read(options, source)
            if found is None:
                return INTERRUPTED
            try:
                results = ReplayOutput.of(found, labels)
                _write(options, results, source.notes)
            except KeyboardInterrupt:
                typer.echo(
                    "uneri: stopped while writing the results; run the same command again to write them",
                    err=True,
                )
                return INTERRUPTED
            drop_state(options.out)  # only once all results are complete
            drop_parts(options.out)
    except OSError as error:
        raise ReplayError(
            f"{error.filename or options.out}: {error.strerror}; choose another folder with --out"
        ) from error
    except (FolderLockedError, StateError, FillingError) as error:
        raise ReplayError(str(error)) from error
    failed = failures(
        gates,
        comparison=results.comparison,
        evaluation=results.evaluation,
        against=results.evaluation_against,
    )
    for line in failed:
        typer.echo(f"uneri: {line}", err=True)
    return FAILED if failed or found[0].stopped else 0


def _gates(options: ReplayOptions, labels: Sequence[Label] | None) -> list[FailOn]:
    known = [gate.value for gate in FailOn]
    for word in options.fail_on:
        if word not in known:
            raise ReplayError(f"--fail-on {word}: must be {' or '.join(known)}")
    gates = [FailOn(word) for word in options.fail_on]
    nothing = labels is not None and not any(label.kind == LabelKind.INCIDENT for label in labels)
    if FailOn.MISSED_LABELS in gates and nothing:
        raise ReplayError(
            f"--fail-on missed-labels: {options.labels} contains no labels of incidents; add one"
        )
    missing = unanswerable(gates, against=options.against is not None, labels=labels is not None)
    if missing:
        raise ReplayError(missing)
    return gates


def _labels(path: Path | None) -> list[Label] | None:
    try:
        return None if path is None else load_labels(path)
    except LabelsError as error:
        raise ReplayError(str(error)) from error


def _read(options: ReplayOptions, source: RecordSource) -> list[Replayed] | None:
    """Read the whole source; None if asked to stop, with the state saved."""
    if options.restart:
        drop_state(options.out)
    before = load_state(options.out, options.fingerprint)
    if before is None:
        drop_parts(options.out)  # of a replay killed after it had deleted its state
    rows = _series(options, before.series_parts if before else 0)
    filling = _filling(options, new=before is None)
    reading = ReplayPass(source, options.all_settings, rows, filling)
    if before is not None:
        reading.resume(before)
        typer.echo(f"uneri: resuming at {before.done:.0%} (--restart starts over)", err=True)

    def save() -> None:
        if rows:
            rows.flush()
        save_state(options.out, reading.state(options.fingerprint, rows.parts if rows else 0))

    if filling is not None and before is None:
        save()  # a kill before the next one must not leave hours without a replay that continues them
    prepare_process()
    with recording_stop() as stop:
        try:
            with Progress("replay", sys.stderr) as progress:
                found = reading.run(progress.show, save, lambda: bool(stop))
        except Stopped:
            typer.echo(
                f"uneri: stopped at {reading.done:.0%}; run the same command again to resume", err=True
            )
            return None
    _check_judged(options, found[0])
    if rows is not None:
        rows.close()
    if filling is not None:
        filling.finish()
    return found


def _series(options: ReplayOptions, parts: int) -> "SeriesParquet | None":
    if not options.series:
        return None
    from streams.offline.replay.series_parquet import SeriesParquet

    return SeriesParquet(options.out, options.settings.time.step, parts)


def _check_judged(options: ReplayOptions, first: Replayed) -> None:
    if not first.last:
        some = any(options.between)
        raise ReplayError(
            f"{', '.join(options.sources)}: nothing to judge{' between --from and --to' * some} "
            f"{nothing_read(first.records, first.bad, between=some)}"
        )


def _filling(options: ReplayOptions, *, new: bool) -> HistoryFilling | None:
    if options.history is None:
        return None
    filling = HistoryFilling(str(options.history), HistoryBounds.of(options.settings.history))
    if new and not filling.is_free():
        raise ReplayError(
            f"--history {options.history}: holds a history already; name another folder, or delete it"
        )
    return filling


def _write(options: ReplayOptions, results: ReplayOutput, notes: Sequence[str]) -> None:
    """Write the files, print the results, and post the pages if requested."""
    source = ", ".join(options.sources)
    files = results.write(
        options.out, source=source, names=options.configs, notes=notes, series=options.series
    )
    _print([*results.lines(options.configs), f"{options.out}: {', '.join(files)}"])
    if options.post is not None:
        _print([f"posted {counted(post_replay(results.found, options.post), 'message')} to {options.post}"])


def _print(lines: Sequence[str]) -> None:
    """Print a summary of the files; its reader may close the pipe early."""
    try:
        for line in lines:
            typer.echo(line)
    except BrokenPipeError:
        # for the rest, and Python's last flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
