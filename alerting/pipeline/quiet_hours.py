"""The quiet hours stage: detection continues, but no one is paged until they end."""

from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.local_time import Hours, shown
from alerting.commands.matching import matches
from alerting.pipeline.tracked_incident import Hold, TrackedIncident
from config import settings


class QuietHoursStage:
    """The configured hours. What is still open when they end is reported then."""

    name: Final = "quiet_hours"

    def __init__(self, quiet: list[settings.QuietHoursSettings], zone: ZoneInfo) -> None:
        self._zone = zone
        self._quiet = [(hours, Hours(hours.start, hours.end, list(hours.days), zone)) for hours in quiet]

    def hold(self, tracked: TrackedIncident, at: int) -> Hold | None:
        """Return why the incident is held: the first hours that include the time and match it."""
        for one, hours in self._quiet:
            span = hours.around(at)
            if span is not None and matches(one.match, tracked.incident):
                reason = f"quiet hours until {shown(span.end, self._zone)}"
                return Hold(stage=self.name, reason=reason, until=span.end)
        return None
