"""Notes on parts of the configuration that have expired."""

from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.local_time import moment, shown
from alerting.words.mrkdwn import clean
from config.settings import Settings, is_date
from streams.cli.check.result import CheckResult

_DAY: Final = 86400


def check_expired(settings: Settings, now: float) -> Iterator[CheckResult]:
    """Find silences, maintenance and planned events that ended before ``now`` (epoch seconds)."""
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
            yield CheckResult(
                None, f"{where} ({clean(name)}) ended on {shown(end, of)} and has no effect; remove it"
            )


def _end(text: str, zone: ZoneInfo) -> int:
    return moment(text, zone) + _DAY * is_date(text)  # a date includes the whole day
