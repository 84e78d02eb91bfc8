"""``uneri tune``: records history once, searches settings over it, validates, and proposes changes."""

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
from config.load import load_settings
from config.settings import Settings
from detectors.state.state import StateError
from streams.history.open_history import Between, open_history
from streams.history.source import History, ReplayError
from streams.process.folder_lock import FolderHeldError, sole_use
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, StopAsked, interrupting
from streams.tune.labels import check_labels, contradictions
from streams.tune.pick import pick
from streams.tune.progress import TrialProgress
from streams.tune.record_history import record, recorded
from streams.tune.recording import NAME, Recording, fingerprint
from streams.tune.result import Tuned, lines, write_tuned
from streams.tune.rule import Rule
from streams.tune.search import search
from streams.tune.space import Space, space_for_budget, space_for_labels
from streams.tune.stretch import stretches
from streams.tune.trial import Ground, Trials, searched


@dataclass(frozen=True, slots=True)
class TuneAsked:
    """What the command line asks for."""

    sources: Sequence[str]
    out: Path
    config: Path | None = None
    labels: Path | None = None
    pages_per_week: float | None = None
    trials: int = 60
    seed: int = 1
    jobs: int | None = None  # all cores without
    between: Between = (None, None)
    validate_share: float = 1 / 3


def run_tune(asked: TuneAsked) -> int:
    """Search, leave the results, and say what they are; return the exit code, 130 when asked to stop.

    Raises
    ------
    config.load.ConfigError
        When the configuration is wrong.
    ReplayError
        When the history or the labels cannot be used, or the results not be written.
    """
    try:
        with interrupting():
            return _run(asked)
    except StopAsked:
        typer.echo("uneri: stopped without results; a recording that is whole is used again", err=True)
        return INTERRUPTED


def _run(asked: TuneAsked) -> int:
    settings = load_settings(asked.config)
    # not as text, which has all ends of lines alike
    text = asked.config.read_bytes().decode("utf-8-sig") if asked.config else ""
    labels = _labels(asked)
    for note in contradictions(labels or (), ZoneInfo(settings.digest.timezone)):
        typer.echo(f"uneri: {asked.labels}: {note}", err=True)
    history = open_history(asked.sources, settings, asked.between)
    for note in history.notes:
        typer.echo(f"uneri: {note}", err=True)
    try:
        with sole_use(asked.out):
            tuned = tune(history, settings, labels, asked)
            names = write_tuned(tuned, text, asked.out)
    except FolderHeldError as error:
        raise ReplayError(str(error)) from error
    except BrokenProcessPool:
        raise ReplayError(
            "a process that made trials was killed, for want of memory perhaps; make fewer at once (--jobs)"
        ) from None
    except StateError as error:
        raise ReplayError(f"{asked.out / NAME}: {error}; delete it, and history is read again") from error
    except OSError as error:
        raise ReplayError(
            f"{error.filename or asked.out}: {error.strerror}; choose another folder with --out"
        ) from error
    for line in lines(tuned):
        typer.echo(line)
    typer.echo(f"{asked.out}: {', '.join(names)}")
    return 0


def tune(history: History, settings: Settings, labels: Sequence[Label] | None, asked: TuneAsked) -> Tuned:
    """Search the settings that matter over a history.

    Parameters
    ----------
    labels
        What is known of it; None: nothing, and the budget of pages is gone by.

    Raises
    ------
    ReplayError
        When it cannot be read, or is too short; the text says what is missing.
    """
    recording, mark = _recording(history, settings, asked)
    cut = stretches(recording.totals, settings, labels, asked.validate_share)
    ground = Ground(recording.path, mark, settings, tuple(labels or ()), cut)
    rule = Rule(labels is not None, asked.pages_per_week)
    space = _space(ground, rule)
    jobs = asked.jobs or os.cpu_count() or 1
    with (
        TrialProgress(asked.trials, sys.stderr) as progress,
        Trials(ground, space, jobs, progress.done) as trials,
    ):
        tried = search(space, rule, trials, asked.trials, asked.seed)
        best = pick(space, rule, trials)
        present, picked = trials.both([space.present, best.choice])
    return Tuned(
        space=space,
        rule=rule,
        seed=asked.seed,
        totals=recording.totals,
        stretches=cut,
        tried=tried,
        known=trials.known,
        pick=best,
        present=present,
        picked=picked,
    )


def _labels(asked: TuneAsked) -> list[Label] | None:
    if asked.labels is None:
        if asked.pages_per_week is None:
            raise ReplayError(
                "nothing to tune by; give --labels, which say what happened, or --pages-per-week"
            )
        return None
    try:
        labels = load_labels(asked.labels)
    except LabelsError as error:
        raise ReplayError(str(error)) from error
    check_labels(labels)
    return labels


def _recording(history: History, settings: Settings, asked: TuneAsked) -> tuple[Recording, str]:
    mark = fingerprint(history, settings, asked.between)
    found = recorded(mark, asked.out)
    if found is not None:
        typer.echo(f"uneri: {found.path} is of this history: it is not read again", err=True)
    else:
        with Progress("read", sys.stderr) as progress:
            found = record(history, settings, mark, asked.out, progress.show)
    totals = found.totals
    if not totals.steps:
        raise ReplayError(
            f"{', '.join(asked.sources)}: nothing to judge"
            f"{' between --from and --to' if any(asked.between) else ''}, {totals.bad:,} bad records"
        )
    return found, mark


def _space(ground: Ground, rule: Rule) -> Space:
    if not rule.labelled:
        return space_for_budget(ground.settings)
    verdicts, evaluation = searched(ground, {})
    return space_for_labels(ground.settings, evaluation, verdicts.incidents)
