"""One configuration on its way through a source: judge, incidents, pipeline, and all that they produce."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from alerting.pipeline.pipeline import Pipeline
from config.capacity import Capacity, read_limits_of
from config.settings import Settings
from detectors.model.finding import Finding
from detectors.state.declared import Owned, Stateful, StatePart
from streams.engine.decode.rejected import Rejected
from streams.engine.detect.detect import OnJudgement
from streams.engine.stages.dead_letter_limit import DeadLetterLimit, counted_in_topic
from streams.engine.stages.detection_engine import DetectionEngine
from streams.engine.stages.rollup_engine import RollupEngine, RollupOutput
from streams.offline.replay.replayed import Replayed

if TYPE_CHECKING:
    from streams.record.history.history_filling import HistoryFilling

DEAD_KEPT: Final = 10_000
"""Bad records listed per partition; further ones are only counted, since there may be millions."""


class _Found(msgspec.Struct, kw_only=True):
    findings: list[Finding]
    notices: list[Notice]
    bad: dict[str, int]
    dead: dict[str, list[tuple[int, Rejected]]]
    stopped: dict[str, str]
    first: int
    last: int


_FOUND: Final = StatePart("found", _Found)


class SourceRun(NamedTuple):
    """The partition and the offsets of records that are judged."""

    partition: str
    begin: int  # records of the partition read before, in this replay
    offsets: Sequence[int]

    def offset(self, index: int) -> int:
        """Return the offset of a record by its index; before the run, as if offsets had no gaps."""
        if 0 <= index < len(self.offsets):
            return self.offsets[index]
        return (self.offsets[0] if len(self.offsets) else self.begin) + index


class ReplayJudge(Stateful):
    """Judges the blocks of a replay with one configuration.

    Parameters
    ----------
    watch
        Called with every judgement.
    filling
        Gets the record of each step, for a history.

    Raises
    ------
    config.load.ConfigError
        When the file of ``limits.file`` is missing, cannot be read or is no such file.
    """

    STATE = (
        Owned("_detection", "judging|"),
        Owned("_pipeline", "pipeline|"),
        Owned("_limits", "limit/{}|"),
        Owned("_filling", "history|"),
    )

    def __init__(
        self,
        settings: Settings,
        partitions: Sequence[str],
        watch: OnJudgement | None = None,
        filling: "HistoryFilling | None" = None,
    ) -> None:
        self._settings = settings
        self._filling = filling
        self._found = Replayed(settings)
        self._newest: dict[str, Finding] = {}
        self._dead: dict[str, list[tuple[int, Rejected]]] = {partition: [] for partition in partitions}
        self._stopped: dict[str, str] = {}  # by partition
        self._curves: dict[str, int] = {}  # incident → index of the notice with its newest curve
        self._detection = DetectionEngine(
            settings,
            partitions,
            on_step=self._step,
            remember_all=True,
            on_judgement=watch,
            capacity=Capacity(settings.limits, read_limits_of(settings)),
            records=filling is not None,
        )
        self._pipeline = Pipeline(settings, keep=True)
        self._limits = {partition: DeadLetterLimit(settings.dead_letters) for partition in partitions}

    @property
    def reached(self) -> int:
        """The event time up to which everything is judged; 0 before the first step."""
        return self._found.last

    @property
    def series(self) -> int:
        """Number of series."""
        return self._detection.series

    def _step(self, start: int) -> None:
        self._found.first = self._found.first or start
        self._found.last = start + self._settings.time.step

    def judge(self, run: SourceRun, rolled: RollupOutput) -> None:
        """Judge the blocks of a run of records."""
        emitted = self._detection.judge(rolled.blocks, rolled.rejected)
        if self._filling is not None:
            self._filling.feed(emitted.records)
        self._keep_rejected(run, emitted.rejected)
        for finding in emitted.findings:
            self._newest[finding.id] = msgspec.structs.replace(finding, trace=None)
        for notice in emitted.notices:
            self._keep_notice(notice)
        if emitted.watermark is not None:
            self._pipeline.feed(emitted.notices, emitted.watermark)

    def _keep_rejected(self, run: SourceRun, rejected: Sequence[Rejected]) -> None:
        self._found.bad.update(bad.reason.value for bad in rejected)
        dead = self._dead[run.partition]
        dead += [(run.offset(bad.index), bad) for bad in rejected[: DEAD_KEPT - len(dead)]]
        passed = self._limits[run.partition].feed(len(run.offsets), counted_in_topic(rejected))
        if passed and run.partition not in self._stopped:
            self._stopped[run.partition] = (
                f"{passed.why} at {run.partition}, offset {run.offset(passed.rejected.index):,} "
                f"({passed.rejected.reason.value}: {passed.rejected.detail})"
            )

    def _keep_notice(self, notice: Notice) -> None:
        """Keep a notice, but only the newest curve of each incident: curves take most of the memory."""
        notices = self._found.notices
        if notice.action is Action.DIGEST:
            notice = _without_curves(notice)
        elif notice.incident.primary.trace is not None:
            before = self._curves.get(notice.incident.id)
            if before is not None:
                notices[before] = _without_curves(notices[before])
            self._curves[notice.incident.id] = len(notices)
        notices.append(notice)

    def result(self, records: int, rollup: RollupEngine, seconds: float) -> Replayed:
        """Return the result, given the number of records, their rollup, and the wall time in seconds."""
        found = self._found
        found.findings = sorted(self._newest.values(), key=lambda finding: (finding.start, finding.id))
        found.incidents = [
            with_fate(incident, self._pipeline) for incident in self._detection.incidents.all()
        ]
        found.counts = self._pipeline.counts
        found.dead = [
            (partition, offset, bad)
            for partition, dead in self._dead.items()
            for offset, bad in sorted(dead, key=lambda letter: letter[0])
        ]
        found.stopped = next((self._stopped[name] for name in self._dead if name in self._stopped), "")
        found.records, found.late, found.seconds = records, rollup.totals.late, seconds
        found.services = rollup.services()
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return the state, including all results."""
        found = _Found(
            findings=list(self._newest.values()),
            notices=self._found.notices,
            bad=dict(self._found.bad),
            dead=self._dead,
            stopped=self._stopped,
            first=self._found.first,
            last=self._found.last,
        )
        return _FOUND.pack(found) | super().snapshot()

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Resume from a snapshot of the same configuration and sources.

        Raises
        ------
        StateError
            When a part is damaged or of another version.
        """
        held = _FOUND.unpack(parts)
        found = self._found
        self._newest = {finding.id: finding for finding in held.findings}
        found.notices, found.bad = held.notices, Counter(held.bad)
        found.first, found.last = held.first, held.last
        self._dead, self._stopped = held.dead, held.stopped
        self._curves = {
            notice.incident.id: number
            for number, notice in enumerate(found.notices)
            if notice.action is not Action.DIGEST and notice.incident.primary.trace is not None
        }
        super().restore(parts)


def with_fate(incident: Incident, pipeline: Pipeline) -> Incident:
    """Return an incident with the decision of the pipeline: whether it was sent, when, and why not."""
    fate = pipeline.fate(incident.id)
    if fate is None or (fate.sent, fate.alerted) == (incident.sent, incident.alerted):
        return incident
    return msgspec.structs.replace(incident, sent=fate.sent, reason=fate.reason, alerted=fate.alerted)


def _without_curves(notice: Notice) -> Notice:
    bare = [
        msgspec.structs.replace(incident, primary=msgspec.structs.replace(incident.primary, trace=None))
        for incident in notice.incidents
    ]
    return msgspec.structs.replace(notice, incidents=bare)
