"""A lesson whose state is kept in a file, so that the same call goes on after a stop or a crash."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from detectors.state.state import StateError, why
from streams.backfill.lesson import Lesson, OtherHistoryError
from streams.engine.checkpoint import Checkpoint
from streams.history.source import OnProgress, ReplayError
from streams.local.learnt_file import BACKFILL
from streams.local.sqlite_store import SqliteStore


class Watch(NamedTuple):
    """What is called on the way."""

    progress: OnProgress | None = None
    resuming: Callable[[float], None] = lambda _: None  # with the fraction that an earlier call has read
    stopping: Callable[[], bool] = lambda: False  # returns whether to stop


def run_kept(store: SqliteStore, place: Path, lesson: Lesson, watch: Watch, *, restart: bool) -> bool:
    """Run a lesson from where an earlier call left it; return False if asked to stop before the end.

    Raises
    ------
    streams.history.source.ReplayError
        When the state of an earlier call in ``place`` is of another lesson or cannot be read, or the history
        cannot be read.
    """
    before = store.load(BACKFILL)
    if before is not None and not restart:
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
