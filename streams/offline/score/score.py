"""``uneri score``: judges plain series as live buckets are judged; writes one CSV of verdicts per file."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import numpy as np
import typer

from config.settings import JudgeSettings
from detectors.score.score import score
from streams.drivers.compile_ahead import compile_score
from streams.offline.sources.csv_series import SeriesError, read_series, unpacked_name, write_verdicts
from streams.process.files.atomic_file import unreadable
from streams.process.machine import cores
from streams.process.progress import Progress

_NO_FOLDER: Final = (FileExistsError, NotADirectoryError)


class Done(NamedTuple):
    """The result of one file."""

    source: Path
    rows: int = 0
    alerts: int = 0
    late: int = 0  # rows not judged, because they are not later than all earlier ones
    problem: str = ""


def targets(sources: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Return the output path of each file: below ``out``, relative to the common parent folder of all files.

    So equal names in different folders stay apart.

    Raises
    ------
    SeriesError
        When two files have the same output path, or an input would be overwritten.

    Examples
    --------
    >>> here = Path(__file__)
    >>> targets([here], Path("out"))[here].as_posix()
    'out/score.py.csv'
    """
    if not sources:
        return {}
    absolute = {source: Path(os.path.abspath(source)) for source in sources}  # noqa: PTH100  # symbolic links are kept
    shared = os.path.commonpath([path.parent for path in absolute.values()])
    found: dict[Path, Path] = {}
    source_of: dict[Path, Path] = {}
    for source, path in absolute.items():
        target = out / path.parent.relative_to(shared) / unpacked_name(path)
        other = source_of.setdefault(target, source)
        if absolute[other] == path:
            found.setdefault(other, target)
            continue
        raise SeriesError(f"{other} and {source} would both be written to {target}; score them separately")
    inputs = {path.resolve() for path in absolute.values()}
    for source, target in found.items():
        if target.resolve() in inputs:
            raise SeriesError(f"{source}: would be overwritten; choose another folder with --out")
    return found


def score_file(source: Path, target: Path, settings: JudgeSettings) -> Done:
    """Judge one file and write its verdicts; errors are returned in the result."""
    try:
        series = read_series(source)
        usable = series.rising()
        found = score(np.maximum.accumulate(series.times), series.values, settings)
        for bound in (found.expected, found.lower, found.upper):
            bound[~usable] = np.nan
        write_verdicts(target, series, found)
    except SeriesError as error:
        return Done(source, problem=str(error))
    except OSError as error:
        why = (
            "a file is in the place of a folder" if isinstance(error, _NO_FOLDER) else error.strerror or error
        )
        return Done(source, problem=f"{target}: cannot be written: {why}; choose another folder with --out")
    return Done(source, len(usable), int(found.alert.sum()), int((~usable).sum()))


def run_score(sources: Sequence[Path], out: Path, settings: JudgeSettings, jobs: int | None = None) -> int:
    """Judge the files in ``jobs`` processes (None: one per core), print a summary, and return the exit code.

    Raises
    ------
    SeriesError
        When no file can be judged at all.
    """
    began = perf_counter()
    problems = list(dict.fromkeys(filter(None, map(unreadable, sources))))
    missing = len(problems)
    tasks = targets([source for source in sources if not unreadable(source)], out)
    sizes = {source: source.stat().st_size for source in tasks}
    rows = alerts = size = 0
    compile_score()  # once, and not in every process
    with _unwound_by_sigterm(), Progress("score", sys.stderr, unit="rows") as progress:
        for done in _all_done(tasks, sizes, settings, max(min(jobs or cores(), len(tasks)), 1)):
            rows, alerts, size = rows + done.rows, alerts + done.alerts, size + sizes[done.source]
            progress.show(size / max(sum(sizes.values()), 1), rows, 0)
            if done.problem:
                problems.append(done.problem)
            if done.late:
                typer.echo(
                    f"{done.source}: {done.late:,} of {done.rows:,} rows were not judged: "
                    "their timestamps are not later than those of all earlier rows",
                    err=True,
                )
    seconds = perf_counter() - began
    for problem in sorted(problems):
        typer.echo(f"uneri: {problem}", err=True)
    given = len(tasks) + missing
    typer.echo(
        f"{out}: {given - len(problems)} of {given} files, {rows:,} rows, {alerts:,} alerts, {seconds:.1f} s"
    )
    return 2 if problems else 0


def _all_done(
    tasks: dict[Path, Path], sizes: dict[Path, int], settings: JudgeSettings, jobs: int
) -> Iterator[Done]:
    """Yield each result when done; large files start first, so that none runs alone at the end."""
    order = sorted(tasks, key=lambda source: -sizes[source])
    if jobs == 1:
        for source in order:
            yield score_file(source, tasks[source], settings)
        return
    # spawned: a process with threads and compiled code cannot be forked safely
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_exit_on_interrupt)
    try:
        for future in as_completed([pool.submit(score_file, path, tasks[path], settings) for path in order]):
            yield future.result()
    except BrokenProcessPool:
        raise SeriesError(
            "a process was killed, possibly out of memory; run fewer at a time with --jobs"
        ) from None
    except SystemExit:
        for child in active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _unwound_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that shared resources are released."""

    def end(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    usual = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


def _exit_on_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # at once and without a traceback; the parent reports it
