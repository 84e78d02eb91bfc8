"""The history stage: what ended before the daemon was there is learnt from, and nobody is notified of it."""

from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.local_time import moment, shown
from alerting.incidents.digest_time import zone_of
from alerting.pipeline.tracked_incident import Hold, TrackedIncident
from config.settings import Settings


class HistoryStage:
    """Holds every incident until event time reaches the moment from which people are notified.

    Parameters
    ----------
    since
        That moment, epoch seconds; 0 when everything is reported.
    """

    name: Final = "history"

    def __init__(self, since: int, zone: ZoneInfo) -> None:
        self.since = since
        self._zone = zone

    def hold(self, _: TrackedIncident, at: int) -> Hold | None:
        """Return why the incident is held, None once event time is there."""
        if at >= self.since:
            return None
        reason = f"history: notified from {shown(self.since, self._zone)} on"
        return Hold(stage=self.name, reason=reason, until=self.since)


def since_of(settings: Settings, now: float) -> int:
    """Return the event time from which a daemon notifies whose state is new, epoch seconds.

    Examples
    --------
    >>> since_of(Settings(), 1764158400.5)
    1764158400
    >>> since_of(Settings.model_validate({"notify": {"since": "2025-09-01T09:00+09:00"}}), 1764158400.5)
    1756684800
    """
    since = settings.notify.since
    return int(now) if since is None else moment(since, zone_of(settings.digest))
