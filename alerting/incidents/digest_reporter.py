"""Makes the notice of the daily digest: growth, hottest tables, API rankings, what became judgeable.

A digest is due by event time, in the channel's time zone.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerting.incidents.incident import Incident
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.notice import Action, Notice, NoticeReason, identify
from config.settings import DigestSettings
from detectors.model.finding import Verdict
from detectors.state.declared import Owned, Stateful
from detectors.watch.maturity import Maturing, Maturity
from detectors.watch.rankings import Hot, Hottest, Load, Ranking, Use


def zone_of(settings: DigestSettings) -> ZoneInfo:
    """Return the time zone of ``digest.timezone``.

    Raises
    ------
    ValueError
        When it is not the name of a time zone.
    """
    try:
        return ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"digest.timezone {settings.timezone!r} is not an IANA time zone; write it like Asia/Tokyo or UTC"
        ) from error


def next_digest(after: int, settings: DigestSettings, zone: ZoneInfo) -> int:
    """Return the first due time after ``after``, both in epoch seconds.

    Examples
    --------
    >>> next_digest(0, DigestSettings(at="09:00", timezone="Asia/Tokyo"), ZoneInfo("Asia/Tokyo")) // 3600
    24
    """
    at = time.fromisoformat(settings.at)
    day = datetime.fromtimestamp(after, zone).date()
    due = after
    while due <= after:  # twice at most: today's has passed, or a clock change moved it
        due = int(datetime.combine(day, at, zone).timestamp())
        day += timedelta(days=1)
    return due


class DigestReporter(Stateful):
    """Collects what is measured hourly, and makes the notice of each digest."""

    STATE = (Owned("_hottest"), Owned("_ranking"), Owned("_maturing"))

    def __init__(self, settings: DigestSettings) -> None:
        self._settings = settings
        self._zone = zone_of(settings)
        self._hottest = Hottest()
        self._ranking = Ranking()
        self._maturing = Maturing()

    @property
    def took_the_lead(self) -> tuple[Hot, ...]:
        """The tables that became the hottest of their account since the last digest; never mutated."""
        return self._hottest.took_the_lead

    def feed(self, loads: Iterable[Load], uses: Iterable[Use], maturity: Iterable[Maturity]) -> None:
        """Take in the table loads, the API use and the scopes that became judgeable in one hour."""
        self._hottest.feed(loads)
        self._ranking.feed(uses)
        self._maturing.feed(maturity)

    def next_after(self, at: int) -> int:
        """Return the time of the next digest after ``at``, both in epoch seconds."""
        return next_digest(at, self._settings, self._zone)

    def digest(self, growing: list[IncidentRecord], small: list[Incident], at: int) -> Iterator[Notice]:
        """Make the digest, if there is anything to report; ``growing`` counts as reported from now on.

        ``small`` is what was too small to page.
        """
        for record in growing:
            record.alerted = at if record.alerted is None else record.alerted
        standings = self._ranking.report()
        if growing or small or self._hottest.changed or standings or self._maturing.changed:
            yield Notice(
                id=identify("digest", at),
                action=Action.DIGEST,
                at=at,
                reason=NoticeReason.DAILY,
                incidents=sorted((record.to_incident() for record in growing), key=_soonest_limit),
                hottest=self._hottest.report(),
                standings=standings,
                maturity=self._maturing.report(),
                small=small,
            )


def _soonest_limit(incident: Incident) -> tuple[float, float, str]:
    growth = incident.primary.growth
    if growth is None and incident.verdict is Verdict.LIMIT:
        return 0.0, 0.0, incident.id  # already near every day
    if growth is None:
        return float("inf"), 0.0, incident.id
    days = growth.days_to_limit if growth.days_to_limit is not None else float("inf")
    return days, -growth.per_day, incident.id
