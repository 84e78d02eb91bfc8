"""A lesson whose state is kept, so that the same call goes on after a stop or a crash."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from detectors.state.state import StateError, why
from streams.engine.stages.checkpoint import BACKFILL, Checkpoint
from streams.offline.backfill.lesson import Lesson, OtherHistoryError
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import OnProgress


class Store(Protocol):
    """Where it is kept."""

    def load(self, stage: str) -> Checkpoint | None:
        """Return what was saved under a key, None if nothing was."""

    def save(self, stage: str, checkpoint: Checkpoint) -> None:
        """Save it, all or nothing."""


class Watch(NamedTuple):
    """What is called on the way."""

    progress: OnProgress | None = None
    resuming: Callable[[float], None] = lambda _: None  # with the fraction that an earlier call has read
    stopping: Callable[[], bool] = lambda: False  # returns whether to stop


def run_kept(store: Store, place: object, lesson: Lesson, watch: Watch, *, restart: bool) -> bool:
    """Run a lesson from where an earlier call left it; return False if asked to stop before the end.

    Raises
    ------
    streams.offline.sources.source.ReplayError
        When the state of an earlier call in ``place`` is of another lesson or cannot be read, or the history
        cannot be read.
    """
    before = store.load(BACKFILL)
    if before is not None and before.parts and not restart:
        try:
            lesson.resume(before.parts)
        except OtherHistoryError:
            raise ReplayError(
                f"{place}: holds an unfinished backfill of another source, time range or configuration; run "
                "that one again, or start over with --restart"
            ) from None
        except (StateError, KeyError) as error:
            raise ReplayError(
                f"{place}: the unfinished backfill cannot be read: {why(error)}; start over with --restart"
            ) from error
        watch.resuming(lesson.done)

    def save() -> None:
        store.save(BACKFILL, Checkpoint({}, lesson.state()))

    return lesson.run(watch.progress, save, watch.stopping)
