"""``uneri tune``: records steps, searches settings over them, validates the pick, and proposes changes."""

import itertools
import os
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from alerting.commands.labels import Label
from alerting.evaluation.labels_file import LabelsError, load_labels
from config.load import load_settings, read_alone
from config.settings import Settings
from detectors.state.state import StateError
from streams.drivers.compile_ahead import prepare_process
from streams.offline.replay.text_table import counted, remedy
from streams.offline.sources.open_source import Between, open_source
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import RecordSource
from streams.offline.tune.periods import check_labels, contradictions, periods_of
from streams.offline.tune.pick import Rule, pick
from streams.offline.tune.recording import NAME, Recording, fingerprint, load_recording, record_steps
from streams.offline.tune.result import TuneResult, lines, write_tuned
from streams.offline.tune.search import search
from streams.offline.tune.space import space_for_budget, space_for_labels
from streams.offline.tune.trial import Trials, TrialSetup, searched
from streams.process.files.locks import FolderLockedError, locked_output
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, StopRequested, raising_on_stop


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """The options of the command line."""

    sources: Sequence[str]
    out: Path
    config: Path | None = None
    labels: Path | None = None
    pages_per_week: float | None = None
    trials: int = 60
    seed: int = 1
    jobs: int | None = None  # None: one per core
    between: Between = (None, None)
    validate_share: float = 1 / 3


def run_tune(options: TuneOptions) -> int:
    """Search, write the results, and print them; return the exit code, 130 when stopped.

    Raises
    ------
    config.load.ConfigError
        When the configuration is invalid.
    ReplayError
        When the sources or the labels cannot be used, or the results cannot be written.
    """
    try:
        with raising_on_stop():
            return _run(options)
    except StopRequested:
        typer.echo("uneri: stopped without results; a complete recording will be reused", err=True)
        return INTERRUPTED


def _run(options: TuneOptions) -> int:
    text = read_alone(options.config) if options.config else ""
    settings = load_settings(options.config, text)
    labels = _labels(options)
    for note in contradictions(labels or (), ZoneInfo(settings.digest.timezone)):
        typer.echo(f"uneri: {options.labels}: {note}", err=True)
    source = open_source(options.sources, settings, options.between)
    for note in source.notes:
        typer.echo(f"uneri: {note}", err=True)
    try:
        with locked_output(options.out):
            tuned = tune(source, settings, labels, options)
            names = write_tuned(tuned, text, options.out)
    except FolderLockedError as error:
        raise ReplayError(str(error)) from error
    except BrokenProcessPool:
        raise ReplayError(
            "a trial process was killed, possibly out of memory; run fewer at a time with --jobs"
        ) from None
    except StateError as error:
        raise ReplayError(
            f"{options.out / NAME}: {error}; delete the file to read the history again"
        ) from error
    except OSError as error:
        raise ReplayError(
            f"{error.filename or options.out}: {error.strerror}; choose another folder with --out"
        ) from error
    for line in lines(tuned):
        typer.echo(line)
    typer.echo(f"{options.out}: {', '.join(names)}")
    return 0


def tune(
    source: RecordSource, settings: Settings, labels: Sequence[Label] | None, options: TuneOptions
) -> TuneResult:
    """Search the settings that matter over a source; without labels, tune to the budget of pages alone.

    Raises
    ------
    ReplayError
        When the source cannot be read or is too short; the text names what is missing.
    """
    recording, mark = _recording(source, settings, options)
    periods = periods_of(recording.totals, settings, labels, options.validate_share)
    setup = TrialSetup(recording.path, mark, settings, tuple(labels or ()), periods)
    rule = Rule(labels is not None, options.pages_per_week)
    if rule.labelled:
        judged, evaluation = searched(setup, {})
        space = space_for_labels(settings, evaluation, judged.incidents)
    else:
        space = space_for_budget(settings)
    jobs = options.jobs or os.cpu_count() or 1
    made = itertools.count(1)
    with Progress("tune", sys.stderr, unit="trials") as progress:

        def done() -> None:
            number = next(made)
            progress.show(number / max(options.trials, number), number, 0)

        with Trials(setup, space, jobs, done) as trials:
            progress.show(0.0, 0, 0)
            tried = search(space, rule, trials, options.trials, options.seed)
            best = pick(space, rule, trials)
            present, picked = trials.both([space.present, best.choice])
    return TuneResult(
        space=space,
        rule=rule,
        seed=options.seed,
        totals=recording.totals,
        periods=periods,
        tried=tried,
        known=trials.known,
        pick=best,
        present=present,
        picked=picked,
    )


def _labels(options: TuneOptions) -> list[Label] | None:
    if options.labels is None:
        if options.pages_per_week is None:
            raise ReplayError("nothing to tune for; give --labels with known incidents, or --pages-per-week")
        return None
    try:
        labels = load_labels(options.labels)
    except LabelsError as error:
        raise ReplayError(str(error)) from error
    try:
        check_labels(labels)
    except ReplayError as error:
        raise ReplayError(f"{options.labels}: {error}") from None
    return labels


def _recording(source: RecordSource, settings: Settings, options: TuneOptions) -> tuple[Recording, str]:
    mark = fingerprint(source, settings, options.between)
    found = load_recording(mark, options.out)
    if found is not None:
        typer.echo(f"uneri: reusing {found.path}, a recording of the same history", err=True)
    else:
        prepare_process()
        with Progress("read", sys.stderr) as progress:
            found = record_steps(source, settings, mark, options.out, progress.show)
    totals = found.totals
    if not totals.steps:
        some = any(options.between)
        raise ReplayError(
            f"{', '.join(options.sources)}: nothing to judge{' between --from and --to' * some} "
            f"({counted(totals.bad, 'bad record')}); {remedy(only_bad=totals.bad > 0, between=some)}"
        )
    return found, mark
