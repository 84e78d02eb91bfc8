"""History on its way into a daemon: judged as it would have been live, with nobody notified."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.state.state import pack, unpack
from streams.engine.stages.checkpoint import parts_of, parts_under
from streams.engine.stages.detection_engine import DetectionEngine
from streams.engine.stages.rollup_engine import RollupEngine
from streams.offline.sources.reading import Read, reading_of
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import History, OnProgress

if TYPE_CHECKING:
    from streams.record.history.history_filling import HistoryFilling

_PLACE: Final = "place"
_VERSION: Final = 1


class _Place(msgspec.Struct, kw_only=True):
    """Where the reading of the history continues."""

    asked: str
    bounds: dict[str, Any]
    places: dict[str, Any]
    records: int
    bad: dict[str, int]
    done: float


def fingerprint(asked: str, settings: Settings) -> str:
    """Return what identifies a backfill: what was asked for, and the configuration."""
    return blake2b(f"{asked}\x1f{settings.model_dump_json()}".encode(), digest_size=16).hexdigest()


class Learnt(NamedTuple):
    """What a daemon starts from."""

    engine: dict[str, bytes]  # parts of ``streams.engine.stages.engine.Engine``
    pipeline: dict[str, bytes]
    records: int
    bad: Counter[str]  # by reason
    late: int  # records that came after their time, and taught nothing
    until: int  # event time up to which it is judged, epoch seconds; 0 if nothing was


class OtherHistoryError(ValueError):
    """The saved state belongs to another history or configuration."""


class Lesson:
    """Reads a history once and judges it.

    Parameters
    ----------
    settings
        The configuration of the daemon.
    history
        What it learns from.
    since
        The event time from which the daemon notifies, epoch seconds.
    asked
        What was asked for: only the same, with the same configuration, goes on from a saved state.
    shards
        Those of the daemon.
    latest
        The event time that a history may reach, epoch seconds.
    filling
        Gets the record of each step, for the history of the daemon.
    """

    def __init__(
        self,
        settings: Settings,
        history: History,
        since: int,
        asked: str = "",
        *,
        shards: int = 1,
        latest: float = inf,
        filling: "HistoryFilling | None" = None,
    ) -> None:
        self._settings = settings
        self._history = history
        self._asked = fingerprint(asked, settings)
        self._shards = shards
        self._latest = latest
        self._rolling = RollupEngine(settings, history.partitions, shards, at_once=True)
        self._filling = filling
        self._judging = DetectionEngine(settings, history.partitions, shards, records=filling is not None)
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
        """Read to the end; return False if ``stopping`` said so before, after a last ``save``.

        Raises
        ------
        streams.offline.sources.source.ReplayError
            When the history cannot be read, goes beyond ``latest``, or is not in the order of its times.
        """

        def told(read: Read) -> None:
            if progress:
                progress(read.done, self._records, self._judging.watermark or 0)

        if not reading_of(self._history, [self._rolling]).run(self._take, told, save, stopping):
            return False
        self._check_order()
        if self._filling is not None and self._judging.watermark:
            self._filling.finish()
        return True

    def _check_order(self) -> None:
        late = self._rolling.late
        if 2 * late > self._records:
            raise ReplayError(
                f"{late:,} of {self._records:,} records came after their time and would teach nothing: each "
                "file must be in the order of its times; sort them by ts"
            )

    def _take(self, read: Read) -> None:
        (rolled,) = read.rolled
        self._records += read.parts
        if (reached := read.watermark) > self._latest:
            raise ReplayError(
                f"the history goes on to {datetime.fromtimestamp(reached, UTC):%Y-%m-%d %H:%M} UTC, which is "
                "still to come: no live record would be judged until then; end it with --to, or correct its "
                "times"
            )
        emitted = self._judging.feed(rolled.blocks, rolled.rejected)
        if self._filling is not None:
            self._filling.feed(emitted.records)
        self._bad.update(bad.reason.value for bad in emitted.rejected)
        if emitted.watermark is not None:
            self._pipeline.feed(emitted.notices, emitted.watermark)
        self._places[read.partition] = read.place
        self.done = read.done

    def learnt(self, sources: Sequence[str]) -> Learnt:
        """Return the state in which a daemon begins that reads ``sources``; nothing can be fed any more."""
        until = self._judging.watermark or 0
        self._judging.hand_over(sources)
        engine = RollupEngine(self._settings, sources, self._shards).snapshot() | self._judging.snapshot()
        late = self._rolling.late
        return Learnt(engine, self._pipeline.snapshot(), self._records, self._bad, late, until)

    def state(self) -> dict[str, bytes]:
        """Return the state to go on from, as parts."""
        place = _Place(
            asked=self._asked,
            bounds=dict(self._history.bounds),
            places=self._places,
            records=self._records,
            bad=dict(self._bad),
            done=self.done,
        )
        return {
            _PLACE: pack(_PLACE, _VERSION, place, {}),
            **parts_under("rolling", self._rolling.snapshot()),
            **parts_under("judging", self._judging.snapshot()),
            **parts_under("pipeline", self._pipeline.snapshot()),
            **({} if self._filling is None else parts_under("history", self._filling.snapshot())),
        }

    def resume(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a state.

        Raises
        ------
        OtherHistoryError
            When it is that of another history or configuration.
        streams.offline.sources.source.ReplayError
            When the history has changed.
        detectors.state.state.StateError
            When it is damaged or another version wrote it.
        """
        place, _ = unpack(parts[_PLACE], _PLACE, _VERSION, _Place)
        if place.asked != self._asked:
            raise OtherHistoryError
        self._history.resume(place.bounds, place.places)
        self._rolling.restore(parts_of("rolling", parts))
        self._judging.restore(parts_of("judging", parts))
        self._pipeline.restore(parts_of("pipeline", parts))
        if self._filling is not None:
            self._filling.restore(parts_of("history", parts))
        self._places, self._records, self._bad = place.places, place.records, Counter(place.bad)
        self.done = place.done
