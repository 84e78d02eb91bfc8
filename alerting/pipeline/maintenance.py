"""The stage of planned work: what begins in a window is told only when it outlasts it."""

from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.local_time import Window, shown
from alerting.commands.matching import matches
from alerting.pipeline.tracked_incident import Hold, TrackedIncident
from config.settings import MaintenanceSettings


class PlannedWork:
    """Windows of the configuration. What began before one, or after it, is no concern of it."""

    name: Final = "maintenance"

    def __init__(self, planned: list[MaintenanceSettings], zone: ZoneInfo) -> None:
        self._zone = zone
        self._planned = [(one, Window(one.start, one.end, one.every, zone)) for one in planned]

    def hold(self, story: TrackedIncident, at: int) -> Hold | None:
        """Return why the incident waits: the window that ends last of those that it began in."""
        latest: Hold | None = None
        for one, window in self._planned:
            if not matches(one.match, story.incident):
                continue
            for span in window.around(story.began):
                if at < span.end and (latest is None or span.end > (latest.until or 0)):
                    reason = f"maintenance {one.name} until {shown(span.end, self._zone)}"
                    latest = Hold(stage=self.name, reason=reason, until=span.end)
        return latest
