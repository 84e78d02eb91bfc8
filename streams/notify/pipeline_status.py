"""The state of the pipeline and the outbox, in logs, metrics and ``uneri status``."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from alerting.commands.local_time import shown
from alerting.incidents.correlation import GROWTH, direction
from alerting.incidents.growth import together
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from alerting.outbox.outbox import Outbox
from alerting.pipeline.incident_registry import TrackedIncident
from alerting.pipeline.pipeline import Pipeline
from alerting.words.mrkdwn import clean
from config.settings import Settings
from streams.process.logs import Recurring
from streams.process.metrics import Metrics

SHOWN: Final = 20  # lines of a list in the status, and of one kind in the log at a time

_COUNTED: Final = ("held", "dropped", "gathered")

_EVENTS: Final = {
    "held": "incident held",
    "released": "incident released",
    "over": "incident resolved before it was reported",
    "dropped": "repeated notice dropped",
    "gathered": "incident grouped into a flood message",
}

_NOTICED: Final = {
    Action.OPEN: "incident opened",
    Action.UPDATE: "incident changed",
    Action.RESOLVE: "incident resolved",
    Action.WITHDRAW: "incident withdrawn",
}
"""Log lines of notices about an incident, before the stages decide whether people are notified."""

log = structlog.get_logger("uneri.pipeline")

LEAST_SECONDS: Final = 900
"""Distance to the present from which a daemon counts as learning; below, it lags for other reasons."""

LOGGED_EVERY: Final = 30.0
history_log = structlog.get_logger("uneri.history")


class PipelineStatus:
    """Logs and counts what the stages of the pipeline do, and describes what they hold."""

    def __init__(
        self,
        pipeline: Pipeline,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._metrics = metrics
        self._zone = ZoneInfo(settings.digest.timezone)
        self._learning = Learning(self._zone)
        self._clock = clock
        self._changes = Recurring(clock)  # of incidents, while it catches up

    def record(self, notices: Sequence[Notice] = ()) -> None:
        """Log and count new notices and actions; beyond ``SHOWN`` of a kind, log only their number."""
        self._log_notices(notices)
        self._learning.observe(self._pipeline.watermark, self._pipeline.since)
        seen: Counter[tuple[str, str]] = Counter()
        for action in self._pipeline.stage_actions():
            kind = (action.stage, action.did)
            seen[kind] += 1
            if action.did in _COUNTED:
                self._metrics.held.labels(action.stage).inc()
            if seen[kind] <= SHOWN:
                log.info(
                    _EVENTS[action.did],
                    stage=action.stage,
                    incident=action.incident,
                    reason=clean(action.reason),
                )
        for (stage, did), count in seen.items():
            if count > SHOWN:
                log.info(_EVENTS[did], stage=stage, more=count - SHOWN)

    def _log_notices(self, notices: Sequence[Notice]) -> None:
        if self._clock() - self._pipeline.watermark >= LEAST_SECONDS:
            notices = self._without_changes(notices)
        seen: Counter[Action] = Counter()
        for notice in notices:
            seen[notice.action] += 1
            if notice.action in _NOTICED and seen[notice.action] <= SHOWN:
                log.info(
                    _NOTICED[notice.action],
                    incident=notice.incident.id,
                    reason=notice.reason.value,
                    about=clean(notice.incident.primary.sentence),
                )
        for action, count in seen.items():
            if action in _NOTICED and count > SHOWN:
                log.info(_NOTICED[action], more=count - SHOWN)

    def _without_changes(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Leave out how incidents of the past changed, which says nothing to who reads the log now."""
        others = [notice for notice in notices if notice.action is not Action.UPDATE]
        if changes := len(notices) - len(others):
            count = self._changes.happened(changes)
            if count is not None:
                log.info("incidents changed while catching up", count=count)
        return others

    def status(self) -> dict[str, object]:
        """Return the pipeline's part of ``uneri status``, as plain JSON values."""
        held = self._pipeline.held()
        by_stage = Counter(tracked.held.stage for tracked in held if tracked.held is not None)
        silences = [
            f"{silence.id}  {clean(silence.what)}  "
            f"{'while it lasts' if silence.until is None else f'until {shown(silence.until, self._zone)}'}"
            f"  by {clean(silence.by)}{f': {clean(silence.why)}' if silence.why else ''}"
            for silence in self._pipeline.silences()
        ]
        return {
            **({"learning": self._learning.progress} if self._learning.progress else {}),
            "open_incidents": _open_lines(tracked.incident for tracked in self._pipeline.ongoing()),
            "held_now": dict(sorted(by_stage.items())),
            "held_incidents": first_of(map(_held, held), len(held)),
            "silences": first_of(silences, len(silences)),
            "stages": self._pipeline.counts,
            "last_alert": self._pipeline.last_alert,
        }


def delivery_status(outbox: Outbox) -> dict[str, object]:
    """Return the outbox's part of ``uneri status``: messages to send, and what prevents their delivery."""
    status: dict[str, object] = {"outbox": outbox.unsent()}
    if refused := len(outbox.parked()):
        status["refused"] = refused
    if moved := outbox.moved():
        status["moved_to"] = moved
    if closed := outbox.closed():
        status["not_sent"] = [f"{name}: {why}" for name, why in sorted(closed.items())]
    return status


def first_of(lines: Iterable[str], count: int) -> list[str]:
    """Return the first of many lines, and the number of the others.

    Examples
    --------
    >>> first_of(map(str, range(1000)), 1000)[-2:]
    ['19', 'and 980 more']
    """
    some = list(islice(lines, SHOWN))
    return [*some, f"and {count - len(some)} more"] if count > len(some) else some


def _open_lines(incidents: Iterable[Incident]) -> list[str]:
    lines = []
    for incident in together(incidents):
        growing = len(incident.members) if direction(incident.primary) == GROWTH else 0
        lines.append(
            clean(incident.primary.sentence) + (f" ({growing} more grow with it)" if growing else "")
        )
    return first_of(lines, len(lines))


def _held(tracked: TrackedIncident) -> str:
    reason = "" if tracked.held is None else tracked.held.reason
    return f"{tracked.incident.id}  {clean(reason)}  {clean(tracked.incident.primary.sentence)}"


class Learning:
    """Logs and shows how far a daemon has learnt from events before it existed.

    People are notified from the end of that learning. ``clock`` is monotonic, seconds.
    """

    def __init__(self, zone: ZoneInfo, clock: Callable[[], float] = time.monotonic) -> None:
        self._zone = zone
        self._clock = clock
        self._first: tuple[int, float] | None = None  # event time and clock when it began
        self._logged = 0.0
        self.progress: str | None = None

    def observe(self, watermark: int, since: int) -> None:
        """Note that everything before ``watermark`` is judged; learning ends at ``since`` (epoch seconds)."""
        now = self._clock()
        if self._first is None:
            if not 0 < watermark <= since - LEAST_SECONDS:
                return
            self._first = watermark, now
            history_log.info(
                "learning from history: nobody is notified of what ended before this daemon was there; "
                "notify.since changes that",
                begins=shown(watermark, self._zone),
                ends=shown(since, self._zone),
            )
            self._logged = now
        first, began = self._first
        if watermark >= since:
            history_log.info(
                "the history is learnt: from now on people are notified", seconds=round(now - began)
            )
            self._first = self.progress = None
            return
        done = (watermark - first) / (since - first)
        left = f", {timedelta(seconds=round((now - began) * (1 - done) / done))} left" if done else ""
        self.progress = f"{done:.0%} of the history, at {shown(watermark, self._zone)}{left}"
        if now - self._logged >= LOGGED_EVERY:
            self._logged = now
            history_log.info("learning from history", progress=self.progress)
