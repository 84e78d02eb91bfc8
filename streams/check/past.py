"""What ``uneri check`` says of what the configuration holds and is over: it does nothing any more."""

from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.local_time import moment, shown
from alerting.words.mrkdwn import clean
from config.settings import Settings, is_date
from streams.check.checked import Check

_DAY: Final = 86400


def check_past(settings: Settings, now: float) -> Iterator[Check]:
    """Look for silences, maintenance and planned events that ended before ``now``, epoch seconds."""
    zone, calendar = ZoneInfo(settings.digest.timezone), ZoneInfo(settings.calendar.timezone)
    ends = [
        (f"notify.silences.{number}", moment(one.until, zone), one.why, zone)
        for number, one in enumerate(settings.notify.silences)
    ]
    ends += [
        (f"notify.maintenance.{number}", _end(one.end, zone), one.name, zone)
        for number, one in enumerate(settings.notify.maintenance)
        if one.every is None
    ]
    ends += [
        (f"calendar.planned.{number}", _end(one.end, calendar), one.name, calendar)
        for number, one in enumerate(settings.calendar.planned)
    ]
    for where, end, name, of in ends:
        if end <= now:
            yield Check(None, f"{where} ({clean(name)}) ended on {shown(end, of)}: it does nothing any more")


def _end(text: str, zone: ZoneInfo) -> int:
    return moment(text, zone) + _DAY * is_date(text)  # a date is included as a whole
