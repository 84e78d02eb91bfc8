"""Recorded events on their way into a daemon: judged as if live, without notifications.

The state of a lesson is kept, so that the same call goes on after a stop or a crash.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec
import typer

from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.state.declared import Owned, Stateful, StatePart
from detectors.state.state import StateError, why
from streams.engine.stages.checkpoint import BACKFILL, Checkpoint
from streams.engine.stages.detection_engine import DetectionEngine
from streams.engine.stages.rollup_engine import RollupEngine
from streams.offline.sources.reading import Read, reader_of
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import OnProgress, RecordSource

if TYPE_CHECKING:
    from streams.record.history.history_filling import HistoryFilling


class _Place(msgspec.Struct, kw_only=True):
    """The point at which reading continues."""

    asked: str
    bounds: dict[str, Any]
    places: dict[str, Any]
    records: int
    bad: dict[str, int]
    done: float


_PLACE: Final = StatePart("place", _Place)


def fingerprint(request: str, settings: Settings) -> str:
    """Return the identity of a backfill: its request and the configuration."""
    return blake2b(f"{request}\x1f{settings.model_dump_json()}".encode(), digest_size=16).hexdigest()


class Learnt(NamedTuple):
    """The state that a daemon starts from."""

    engine: dict[str, bytes]  # parts of ``streams.engine.stages.engine.Engine``
    pipeline: dict[str, bytes]
    records: int
    bad: Counter[str]  # by reason
    late: int  # records that came after their time, and were left out
    until: int  # event time up to which it is judged, epoch seconds; 0 if nothing was


class OtherHistoryError(ValueError):
    """The saved state belongs to another source or configuration."""


class Lesson(Stateful):
    """Reads a source once and judges it.

    Parameters
    ----------
    since
        The event time from which the daemon notifies, epoch seconds.
    request
        Only the same request, with the same configuration, goes on from a saved state.
    latest
        The event time that the source may reach, epoch seconds.
    filling
        Gets the record of each step, for the history of the daemon.
    """

    STATE = (
        Owned("_rollup", "rolling|"),
        Owned("_detection", "judging|"),
        Owned("_pipeline", "pipeline|"),
        Owned("_filling", "history|"),
    )

    def __init__(
        self,
        settings: Settings,
        source: RecordSource,
        since: int,
        request: str = "",
        *,
        shards: int = 1,
        latest: float = inf,
        filling: "HistoryFilling | None" = None,
    ) -> None:
        self._settings = settings
        self._source = source
        self._fingerprint = fingerprint(request, settings)
        self._shards = shards
        self._latest = latest
        self._rollup = RollupEngine(settings, source.partitions, shards, whole_steps=True)
        self._filling = filling
        self._detection = DetectionEngine(settings, source.partitions, shards, records=filling is not None)
        self._pipeline = Pipeline(settings, since=since)
        self._places: dict[str, Any] = {}
        self._records = 0
        self._bad = Counter[str]()
        self.done = 0.0

    def run(
        self,
        progress: OnProgress | None = None,
        save: Callable[[], None] | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Read to the end; return False if ``stopping`` ended it before, after a last ``save``.

        Raises
        ------
        ReplayError
            When the source cannot be read, goes beyond ``latest``, or is not in the order of its times.
        """

        def show(read: Read) -> None:
            if progress:
                progress(read.done, self._records, self._detection.judged_until or 0)

        if not reader_of(self._source, [self._rollup]).run(self._judge, show, save, stopping):
            return False
        late = self._rollup.totals.late
        if 2 * late > self._records:
            raise ReplayError(
                f"{late:,} of {self._records:,} records came after their time and would teach nothing: each "
                "file must be in the order of its times; sort them by ts"
            )
        if self._filling is not None and self._detection.judged_until:
            self._filling.finish()
        return True

    def _judge(self, read: Read) -> None:
        (rolled,) = read.rolled
        self._records += read.parts
        if (reached := read.watermark) > self._latest:
            raise ReplayError(
                f"the history goes on to {datetime.fromtimestamp(reached, UTC):%Y-%m-%d %H:%M} UTC, which is "
                "still to come: no live record would be judged until then; end it with --to, or correct its "
                "times"
            )
        emitted = self._detection.judge(rolled.blocks, rolled.rejected)
        if self._filling is not None:
            self._filling.feed(emitted.records)
        self._bad.update(bad.reason.value for bad in emitted.rejected)
        if emitted.watermark is not None:
            self._pipeline.feed(emitted.notices, emitted.watermark)
        self._places[read.partition] = read.place
        self.done = read.done

    def learnt(self, sources: Sequence[str]) -> Learnt:
        """Return the initial state of a daemon that reads ``sources``; the lesson is over."""
        until = self._detection.judged_until or 0
        self._detection.hand_over(sources)
        engine = RollupEngine(self._settings, sources, self._shards).snapshot() | self._detection.snapshot()
        late = self._rollup.totals.late
        return Learnt(engine, self._pipeline.snapshot(), self._records, self._bad, late, until)

    def state(self) -> dict[str, bytes]:
        """Return the state to go on from, as parts."""
        place = _Place(
            asked=self._fingerprint,
            bounds=dict(self._source.bounds),
            places=self._places,
            records=self._records,
            bad=dict(self._bad),
            done=self.done,
        )
        return _PLACE.pack(place) | self.snapshot()

    def resume(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a state.

        Raises
        ------
        OtherHistoryError
            When it is that of another source or configuration.
        ReplayError
            When the source has changed.
        StateError
            When it is damaged or another version wrote it.
        """
        place = _PLACE.unpack(parts)
        if place.asked != self._fingerprint:
            raise OtherHistoryError
        self._source.resume(place.bounds, place.places)
        self.restore(parts)
        self._places, self._records, self._bad = place.places, place.records, Counter(place.bad)
        self.done = place.done


class LessonStore(Protocol):
    """Keeps the state of a lesson."""

    def load(self, stage: str) -> Checkpoint | None:
        """Return the checkpoint of a key, None if there is none."""

    def save(self, stage: str, checkpoint: Checkpoint) -> object:
        """Save a checkpoint, all or nothing."""


class Watch(NamedTuple):
    """The callbacks of a lesson."""

    progress: OnProgress | None = None
    stopping: Callable[[], bool] = lambda: False  # returns whether to stop


def run_kept(store: LessonStore, place: object, lesson: Lesson, watch: Watch, *, restart: bool) -> bool:
    """Run a lesson from where an earlier call left it; return False if asked to stop before the end.

    Raises
    ------
    ReplayError
        When the state of an earlier call in ``place`` is of another lesson or cannot be read, or the source
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
        typer.echo(f"uneri: resuming at {lesson.done:.0%} (--restart starts over)", err=True)

    def save() -> None:
        store.save(BACKFILL, Checkpoint({}, lesson.state()))

    return lesson.run(watch.progress, save, watch.stopping)
