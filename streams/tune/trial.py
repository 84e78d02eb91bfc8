"""One trial: a configuration over the recording, measured; many of them in processes of their own."""

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from alerting.commands.labels import Label
from alerting.evaluation.evaluation import Evaluation, evaluate
from config.settings import Settings
from streams.process.parent_watch import end_with_parent
from streams.tune.judge_recording import Verdicts, judge_recording
from streams.tune.recording import Recording
from streams.tune.space import Choice, Number, Space, changed
from streams.tune.stretch import Stretches

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What a configuration came to on one stretch."""

    missed: tuple[Label, ...]  # labels of incidents that were not told
    labels: int  # of incidents
    pages: int
    false_pages: int
    weeks: float
    delay: float | None  # median seconds until the labels that were found were paged
    fitting: int = 0  # labels that some incident is about, told or not

    @classmethod
    def of(cls, evaluation: Evaluation) -> "TrialOutcome":
        """Take from an evaluation what a search goes by."""
        total = evaluation.total
        missed = tuple(one.label for one in evaluation.missed)
        delay = total.delay.median if total.delay else None
        fitting = len(evaluation.found) + sum(bool(one.seen) for one in evaluation.missed)
        return cls(missed, total.labels, total.pages, total.false_pages, total.weeks, delay, fitting)

    @property
    def found(self) -> int:
        """How many labels were told."""
        return self.labels - len(self.missed)

    @property
    def recall(self) -> float:
        """The part of the labels that was told; 0 without labels."""
        return self.found / self.labels if self.labels else 0.0

    @property
    def pages_per_week(self) -> float:
        """Pages in a week."""
        return self.pages / self.weeks

    @property
    def false_pages_per_week(self) -> float:
        """Pages that nobody wanted, in a week."""
        return self.false_pages / self.weeks

    @property
    def f1(self) -> float:
        """The harmonic mean of recall and precision: ``2 found / (2 found + missed + false pages)``."""
        all_told = 2 * self.found + len(self.missed) + self.false_pages
        return 2 * self.found / all_told if all_told else 0.0

    def to_json(self, *, labelled: bool) -> dict[str, object]:
        """Return its form in ``tune.json``; without labels, None is what nothing is known of."""
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


class Ground(NamedTuple):
    """What trials are made on."""

    path: Path  # of the recording
    mark: str  # and its fingerprint
    settings: Settings
    labels: tuple[Label, ...]
    stretches: Stretches


class Both(NamedTuple):
    """The same configuration on both stretches."""

    searched: TrialOutcome
    unseen: TrialOutcome


def searched(ground: Ground, changes: Mapping[str, Number]) -> tuple[Verdicts, Evaluation]:
    """Judge up to the split, and not a step more, and measure what is told between warm-up and split."""
    at = ground.stretches
    settings = changed(ground.settings, changes)
    verdicts = judge_recording(Recording(ground.path, ground.mark), settings, at.split)
    return verdicts, evaluate(verdicts.incidents, ground.labels, at.first, at.split)


def on_both(ground: Ground, changes: Mapping[str, Number]) -> Both:
    """Judge all of it in one go; measure either stretch by what was told in it."""
    at = ground.stretches
    settings = changed(ground.settings, changes)
    verdicts = judge_recording(Recording(ground.path, ground.mark), settings)
    first, second = (
        TrialOutcome.of(evaluate(verdicts.incidents, ground.labels, *between))
        for between in ((at.first, at.split), (at.split, at.last))
    )
    return Both(first, second)


class Trials:
    """Makes trials, several at a time, each configuration once; how many changes no outcome.

    Parameters
    ----------
    jobs
        Processes; 1 makes them in this one.
    done
        Called for every configuration that was asked for, when it is known.
    """

    def __init__(
        self, ground: Ground, space: Space, jobs: int, done: Callable[[], None] = lambda: None
    ) -> None:
        self._ground, self._space, self._done = ground, space, done
        self.known: dict[Choice, TrialOutcome] = {}
        self._others = {process.name for process in multiprocessing.active_children()}
        self._pool = (
            ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin, (ground,))
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
        if kind is not None:  # nobody waits for trials that are under way
            for process in multiprocessing.active_children():
                if process.name not in self._others:
                    process.kill()
        self._pool.shutdown(cancel_futures=True)

    def outcomes(self, choices: Sequence[Choice]) -> list[TrialOutcome]:
        """Return what each of the configurations comes to on the searched stretch, in their order."""
        fresh = list(dict.fromkeys(one for one in choices if one not in self.known))
        for choice, outcome in zip(fresh, self._made(fresh), strict=True):
            self.known[choice] = outcome
            self._done()
        for _ in range(len(choices) - len(fresh)):
            self._done()
        return [self.known[one] for one in choices]

    def _made(self, choices: Sequence[Choice]) -> Iterator[TrialOutcome]:
        changes = [self._space.changes(one) for one in choices]
        if self._pool is None:
            return (TrialOutcome.of(searched(self._ground, one)[1]) for one in changes)
        return self._mapped(self._pool, _trial, changes)

    def both(self, choices: Iterable[Choice]) -> list[Both]:
        """Return what configurations come to on both stretches."""
        changes = [self._space.changes(one) for one in choices]
        if self._pool is None:
            return [on_both(self._ground, one) for one in changes]
        return list(self._mapped(self._pool, _both, changes))

    @staticmethod
    def _mapped(
        pool: ProcessPoolExecutor,
        of: Callable[[Mapping[str, Number]], T],
        changes: Sequence[dict[str, Number]],
    ) -> Iterator[T]:
        """Begin trials. The first of them starts the processes, which inherit that Ctrl-C is not for them."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return iter(pool.map(of, changes))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


_ground: Ground | None = None  # of a process that makes trials


def _begin(ground: Ground) -> None:
    global _ground  # noqa: PLW0603  # what a process of a pool is started with has no other place
    end_with_parent()
    _ground = ground


def _trial(changes: Mapping[str, Number]) -> TrialOutcome:
    assert _ground is not None  # noqa: S101  # the pool began with it
    return TrialOutcome.of(searched(_ground, changes)[1])


def _both(changes: Mapping[str, Number]) -> Both:
    assert _ground is not None  # noqa: S101  # the pool began with it
    return on_both(_ground, changes)
