"""The maintenance stage: what begins in a window is reported only when it outlasts it."""

from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.local_time import Window, shown
from alerting.commands.matching import matches
from alerting.pipeline.tracked_incident import Hold, TrackedIncident
from config.settings import MaintenanceSettings


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
        """Return why the incident is held: of the windows that it began in, the one that ends last."""
        latest: Hold | None = None
        for one, window in self._planned:
            if not matches(one.match, tracked.incident):
                continue
            for span in window.around(tracked.started):
                if at < span.end and (latest is None or span.end > (latest.until or 0)):
                    reason = f"maintenance {one.name} until {shown(span.end, self._zone)}"
                    latest = Hold(stage=self.name, reason=reason, until=span.end)
        return latest
