"""The stages that hold an incident back: size, history, maintenance, quiet hours, inhibition.

Silences are in ``silences.py``.
"""

from typing import Final, Protocol
from zoneinfo import ZoneInfo

from alerting.commands.local_time import Hours, Window, moment, shown
from alerting.commands.matching import holds
from alerting.incidents.correlation import UP, carriers, direction, may_take_in, subjects
from alerting.incidents.digest_reporter import zone_of
from alerting.pipeline.incident_registry import Hold, TrackedIncident, calls_again
from config import settings
from config.settings import MaintenanceSettings, Settings
from detectors.model.finding import Verdict
from detectors.model.scope import ACCOUNT


class HoldStage(Protocol):
    """A stage that may hold an incident."""

    @property
    def name(self) -> str:
        """The name of the stage in reasons, metrics and status."""

    def hold(self, tracked: TrackedIncident, at: int) -> Hold | None:
        """Return the hold of an incident at a time (epoch seconds), None to let it pass."""


class SizeStage:
    """Holds what is certain and too small to page: it is in the digest, and where incidents are listed."""

    name: Final = "size"

    def hold(self, tracked: TrackedIncident, at: int) -> Hold | None:  # noqa: ARG002 - the protocol of stages
        """Return the hold of an incident until it is large enough."""
        incident = tracked.incident
        return Hold(stage=self.name, reason=incident.reason) if incident.sent == "digest" else None


class PlannedWork:
    """The configured windows. They do not hold what began before or after them."""

    name: Final = "maintenance"

    def __init__(self, planned: list[MaintenanceSettings], zone: ZoneInfo) -> None:
        self._zone = zone
        self._planned = [
            (maintenance, Window(maintenance.start, maintenance.end, maintenance.every, zone))
            for maintenance in planned
        ]

    def hold(self, tracked: TrackedIncident, at: int) -> Hold | None:
        """Return the hold until the end of the windows that the incident began in."""
        latest: Hold | None = None
        for maintenance, window in self._planned:
            if not holds(maintenance.match, tracked.incident):
                continue
            for span in window.around(tracked.started):
                if at < span.end and (latest is None or span.end > (latest.until or 0)):
                    reason = f"maintenance {maintenance.name} until {shown(span.end, self._zone)}"
                    latest = Hold(stage=self.name, reason=reason, until=span.end)
        return latest


class QuietHoursStage:
    """The configured hours. What is still open when they end is reported then."""

    name: Final = "quiet_hours"

    def __init__(self, quiet: list[settings.QuietHoursSettings], zone: ZoneInfo) -> None:
        self._zone = zone
        self._quiet = [(hours, Hours(hours.start, hours.end, list(hours.days), zone)) for hours in quiet]

    def hold(self, tracked: TrackedIncident, at: int) -> Hold | None:
        """Return the hold until the end of the first hours that include the time and match the incident."""
        for quiet, hours in self._quiet:
            span = hours.around(at)
            if span is not None and holds(quiet.match, tracked.incident):
                reason = f"quiet hours until {shown(span.end, self._zone)}"
                return Hold(stage=self.name, reason=reason, until=span.end)
        return None


FALLS_WITH_SECONDS: Final = 600
"""What begins to fall so long after its account falls with it: some fall a while after their callers."""

_OF_ITS_OWN: Final = (Verdict.FATAL, Verdict.LIMIT)
"""A new exception, and a limit that is reached, need a response of their own."""


class Inhibition:
    """While an incident about a whole account is reported and open, it holds the incidents inside it.

    It holds what has the same direction and begins after it, within the time in which findings join an
    incident: a level that stays for days must not hide what happens later. One service in an account must not
    hide the others. So an account that rises holds only what shares the callers that carry its rise; one that
    falls, and is not all gone, what shares them or falls with it. While it is silenced itself, it holds
    nothing: nobody would be told. Nor does it hold what is high or critical, and more severe than itself.
    """

    name: Final = "inhibition"

    def __init__(self, silences: HoldStage, *, on: bool) -> None:
        self._silences = silences
        self._on = on
        self._wide: dict[str, TrackedIncident] = {}

    def hold(self, tracked: TrackedIncident, at: int) -> Hold | None:
        """Return the hold while an incident about its whole account is open."""
        if tracked.incident.verdict in _OF_ITS_OWN:
            return None
        wide = min(
            (
                incident
                for incident in self._wide.values()
                if _inside(tracked, incident)
                and not calls_again(tracked.incident.severity.level, incident.incident.severity.level)
                and self._silences.hold(incident, at) is None
            ),
            key=lambda incident: incident.sequence,
            default=None,
        )
        if wide is None:
            return None
        account = wide.incident.primary.about.account
        reason = f"inhibited by incident {wide.incident.id} about the whole account {account}"
        return Hold(stage=self.name, reason=reason)

    def update(self, tracked: TrackedIncident) -> bool:
        """Take in the newest state of an incident; True when it stops holding others."""
        wide = self._on and _is_wide(tracked) and not tracked.pending and tracked.ended_at is None
        if wide:
            self._wide[tracked.incident.id] = tracked
            return False
        return self._wide.pop(tracked.incident.id, None) is not None


def _is_wide(tracked: TrackedIncident) -> bool:
    return tracked.incident.primary.about.kind == ACCOUNT


def _inside(tracked: TrackedIncident, wide: TrackedIncident) -> bool:
    mine, theirs = tracked.incident.primary, wide.incident.primary
    after = tracked.started - wide.started
    if (
        tracked.incident.id == wide.incident.id
        or mine.about.account != theirs.about.account
        or after < 0
        or not may_take_in(theirs, mine, after)
    ):
        return False
    if direction(mine) != UP and (theirs.verdict is Verdict.ABSENCE or after <= FALLS_WITH_SECONDS):
        return True
    if mine.verdict is Verdict.ABSENCE:  # whatever carries the fall when this adds to it
        return False
    return not (subjects(mine) | carriers(mine)).isdisjoint(carriers(theirs))


class HistoryStage:
    """Holds every incident until event time reaches the moment from which people are notified.

    ``since`` is that moment, epoch seconds; 0 when everything is reported.
    """

    name: Final = "history"

    def __init__(self, since: int, zone: ZoneInfo) -> None:
        self.since = since
        self._zone = zone

    def hold(self, _: TrackedIncident, at: int) -> Hold | None:
        """Return the hold until that moment, None from then on."""
        if at >= self.since:
            return None
        reason = f"history: notified from {shown(self.since, self._zone)} on"
        return Hold(stage=self.name, reason=reason, until=self.since)


def since_of(settings: Settings, now: float) -> int:
    """Return the event time from which a daemon with new state notifies, epoch seconds.

    Examples
    --------
    >>> since_of(Settings(), 1764158400.5)
    1764158400
    >>> since_of(Settings.model_validate({"notify": {"since": "2025-09-01T09:00+09:00"}}), 1764158400.5)
    1756684800
    """
    since = settings.notify.since
    return int(now) if since is None else moment(since, zone_of(settings.digest))
