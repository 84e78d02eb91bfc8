"""Trials: configurations judged over the recording and measured, several at a time in own processes."""

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from alerting.commands.labels import Label
from alerting.evaluation.evaluation import Evaluation, evaluate
from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.pipeline.pipeline import Pipeline
from config.capacity import Capacity, read_limits_of
from config.settings import Settings
from streams.engine.detect.detect import Detect
from streams.engine.detect.gather import Gather
from streams.offline.replay.replay_judge import with_fate
from streams.offline.tune.periods import Periods
from streams.offline.tune.recording import Recording
from streams.offline.tune.space import Choice, Number, Space, changed
from streams.process.watchdog import end_with_parent

T = TypeVar("T")


class JudgedRecording(NamedTuple):
    """The incidents that a configuration finds in a recording. Times are epoch seconds."""

    incidents: list[Incident]  # each in its last state, ordered by start
    first: int  # start of the first judged step; 0 without steps
    last: int  # end of the last one


def judge_recording(recording: Recording, settings: Settings, until: int | None = None) -> JudgedRecording:
    """Judge the steps of a recording, up to ``until`` (epoch seconds), as the daemon would have."""
    capacity = Capacity(settings.limits, read_limits_of(settings))
    detect, gather = Detect(0, (), settings, capacity=capacity), Gather(1)
    incidents = Incidents(settings, remember_all=True)
    pipeline = Pipeline(settings, keep=True)
    first = last = 0
    for step in recording.steps(until):
        for gathered in gather.feed([detect.judge(step)]):
            watermark = gathered.watermark
            pipeline.feed(incidents.feed(gathered.findings, watermark), watermark)
            first, last = first or step.start, watermark
    return JudgedRecording([with_fate(incident, pipeline) for incident in incidents.all()], first, last)


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """The figures of a configuration in one period."""

    missed: tuple[Label, ...]  # labels of incidents that were not found
    labels: int  # labels of incidents
    pages: int
    false_pages: int
    weeks: float
    delay: float | None  # median seconds from the start of a found label to its page
    fitting: int = 0  # labels that some incident matches, reported or not

    @classmethod
    def of(cls, evaluation: Evaluation) -> "TrialOutcome":
        """Return the figures of an evaluation that a search compares."""
        total = evaluation.total
        missed = tuple(miss.label for miss in evaluation.missed)
        delay = total.delay.median if total.delay else None
        fitting = len(evaluation.found) + sum(bool(miss.seen) for miss in evaluation.missed)
        return cls(missed, total.labels, total.pages, total.false_pages, total.weeks, delay, fitting)

    @property
    def found(self) -> int:
        """Number of labels found."""
        return self.labels - len(self.missed)

    @property
    def recall(self) -> float:
        """The share of labels that were found; 0 without labels."""
        return self.found / self.labels if self.labels else 0.0

    @property
    def pages_per_week(self) -> float:
        """Pages per week."""
        return self.pages / self.weeks

    @property
    def false_pages_per_week(self) -> float:
        """False pages per week."""
        return self.false_pages / self.weeks

    @property
    def f1(self) -> float:
        """The harmonic mean of recall and precision: ``2 found / (2 found + missed + false pages)``."""
        total = 2 * self.found + len(self.missed) + self.false_pages
        return 2 * self.found / total if total else 0.0

    def to_json(self, *, labelled: bool) -> dict[str, object]:
        """Return the content for ``tune.json``; without labels, the figures that need them are None."""
        known = {
            "labels": self.labels,
            "found": self.found,
            "recall": round(self.recall, 4),
            "false_pages": self.false_pages,
            "false_pages_per_week": round(self.false_pages_per_week, 4),
            "f1": round(self.f1, 4),
            "delay": self.delay,
        }
        pages = {"pages": self.pages, "pages_per_week": round(self.pages_per_week, 4)}
        return {**pages, **(known if labelled else dict.fromkeys(known))}


class TrialSetup(NamedTuple):
    """The common part of all trials of a search."""

    path: Path  # of the recording
    fingerprint: str  # of the recording
    settings: Settings
    labels: tuple[Label, ...]
    periods: Periods


class OutcomePair(NamedTuple):
    """One configuration in both periods."""

    searched: TrialOutcome
    unseen: TrialOutcome


def searched(setup: TrialSetup, changes: Mapping[str, Number]) -> tuple[JudgedRecording, Evaluation]:
    """Judge up to the split, and not a step further; measure the search period."""
    at = setup.periods
    settings = changed(setup.settings, changes)
    judged = judge_recording(Recording(setup.path, setup.fingerprint), settings, at.split)
    return judged, evaluate(judged.incidents, setup.labels, at.first, at.split)


def in_search_period(setup: TrialSetup, changes: Mapping[str, Number]) -> TrialOutcome:
    """Return the figures of the search period."""
    return TrialOutcome.of(searched(setup, changes)[1])


def in_both_periods(setup: TrialSetup, changes: Mapping[str, Number]) -> OutcomePair:
    """Judge the whole recording in one pass; measure each period on its own."""
    at = setup.periods
    settings = changed(setup.settings, changes)
    judged = judge_recording(Recording(setup.path, setup.fingerprint), settings)
    first, second = (
        TrialOutcome.of(evaluate(judged.incidents, setup.labels, *between))
        for between in ((at.first, at.split), (at.split, at.last))
    )
    return OutcomePair(first, second)


class Trials:
    """Runs trials, each configuration once. The number of processes does not change any outcome.

    With 1 of ``jobs``, trials run in this process. ``done`` is called for each requested configuration once
    its outcome is known.
    """

    def __init__(
        self, setup: TrialSetup, space: Space, jobs: int, done: Callable[[], None] = lambda: None
    ) -> None:
        self._setup, self._space, self._done = setup, space, done
        self.known: dict[Choice, TrialOutcome] = {}
        self._others = {process.name for process in multiprocessing.active_children()}
        self._pool = (
            ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), end_with_parent)
            if jobs > 1
            else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        if kind is not None:  # no one needs the trials still running
            for process in multiprocessing.active_children():
                if process.name not in self._others:
                    process.kill()
        self._pool.shutdown(cancel_futures=True)

    def outcomes(self, choices: Sequence[Choice]) -> list[TrialOutcome]:
        """Return the outcome of each configuration in the search period, in order."""
        fresh = list(dict.fromkeys(choice for choice in choices if choice not in self.known))
        for choice, outcome in zip(fresh, self._run(in_search_period, fresh), strict=True):
            self.known[choice] = outcome
            self._done()
        for _ in range(len(choices) - len(fresh)):
            self._done()
        return [self.known[choice] for choice in choices]

    def both(self, choices: Iterable[Choice]) -> list[OutcomePair]:
        """Return the outcomes of configurations in both periods."""
        return list(self._run(in_both_periods, choices))

    def _run(
        self, trial: Callable[[TrialSetup, Mapping[str, Number]], T], choices: Iterable[Choice]
    ) -> Iterator[T]:
        """Start trials. The first call starts the worker processes, which inherit the blocked SIGINT."""
        changes = [self._space.changes(choice) for choice in choices]
        run = partial(trial, self._setup)
        if self._pool is None:
            return map(run, changes)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return iter(self._pool.map(run, changes))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
