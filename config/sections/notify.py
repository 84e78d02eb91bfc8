"""Which incidents lead to notifications, when and to whom; and what contradicts in these rules."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from config.secret import SecretPlace
from config.sections.section import Mistake, Section, named_twice
from config.sections.values import (
    RECEIVERS,
    Address,
    DestinationName,
    EmailAddress,
    HttpUrl,
    LabelName,
    MeasureName,
    Mention,
    Moment,
    MomentAfterStart,
    ScopeName,
    SecretFile,
    SinkName,
    TimeOfDay,
    VariableName,
    VerdictName,
    Weekday,
    alertmanager_url,
)


class WebhookSettings(Section):
    """A receiver of signed JSON: another chat, a pager, your own code."""

    name: SinkName = Field(description="name that routes use: webhook:name")
    url: HttpUrl = Field(description="address to post to")
    secret_env: VariableName | None = Field(
        None, description="environment variable that holds the signing secret"
    )
    secret_file: SecretFile | None = Field(None, description="file that holds it instead")

    @property
    def secret(self) -> SecretPlace | None:
        """Where the signing secret is; None when nothing is signed."""
        given = self.secret_env or self.secret_file
        return SecretPlace(self.secret_env or "", self.secret_file) if given else None


class AlertmanagerSettings(Section):
    """A Prometheus Alertmanager (API v2), which passes pages on to a team's pager."""

    name: SinkName = Field(description="name that routes use: alertmanager:name")
    url: Annotated[HttpUrl, AfterValidator(alertmanager_url)] = Field(
        description="base address, such as http://alertmanager:9093"
    )
    labels: dict[LabelName, str] = Field(
        default_factory=dict,
        description="labels added to every alert; severity replaces that of the incident",
    )


class ReceiverSettings(Section):
    """A receiver of pages that is known by a secret."""

    name: SinkName = Field(description="name that routes use, behind the kind, as in pagerduty:name")
    secret_env: VariableName
    secret_file: SecretFile | None = Field(None, description="file that holds it instead")

    @property
    def secret(self) -> SecretPlace | None:
        """Where the secret is; None if none is needed."""
        return SecretPlace(self.secret_env, self.secret_file)


class PagerdutySettings(ReceiverSettings):
    """A service of PagerDuty (Events API v2), which calls who is on duty."""

    secret_env: VariableName = Field(
        "PAGERDUTY_ROUTING_KEY", description="environment variable that holds the integration key"
    )
    url: HttpUrl = Field(
        "https://events.pagerduty.com", description="base address; in Europe https://events.eu.pagerduty.com"
    )


class OpsgenieSettings(ReceiverSettings):
    """An integration of Opsgenie or Jira Service Management, which calls who is on duty."""

    secret_env: VariableName = Field(
        "OPSGENIE_API_KEY", description="environment variable that holds the key of the API integration"
    )
    url: HttpUrl = Field(
        "https://api.opsgenie.com",
        description="base address; in Europe https://api.eu.opsgenie.com, of Jira Service Management "
        "https://api.atlassian.com/jsm/ops/integration",
    )


class TeamsSettings(ReceiverSettings):
    """A chat or channel of Microsoft Teams, by the webhook of a workflow."""

    secret_env: VariableName = Field(
        "TEAMS_WEBHOOK_URL", description="environment variable that holds the address of the webhook"
    )


class DiscordSettings(ReceiverSettings):
    """A channel of Discord, by its webhook."""

    secret_env: VariableName = Field(
        "DISCORD_WEBHOOK_URL", description="environment variable that holds the address of the webhook"
    )


class EmailSettings(ReceiverSettings):
    """Addresses that get a mail when an incident begins, becomes more severe and ends."""

    secret_env: VariableName = Field(
        "SMTP_PASSWORD", description="environment variable that holds the password of user"
    )
    server: Address = Field(description="host:port that takes mails, such as smtp.example.com:587")
    tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="tls from the first byte on (port 465), or none: to this machine alone"
    )
    user: str | None = Field(None, description="name to log in with; without one there is no login")
    sender: EmailAddress = Field(description="address that mails come from")
    to: list[EmailAddress] = Field(min_length=1, description="addresses that get them")

    @property
    def url(self) -> str:
        """The server as an address."""
        return f"smtp://{self.server}"

    @property
    def secret(self) -> SecretPlace | None:
        """Where the password is; None without a user."""
        return None if self.user is None else super().secret


class MatchSettings(Section):
    """Which incidents are meant: every condition that is given must match."""

    accounts: list[str] = Field(default_factory=list, description="account ids")
    services: list[str] = Field(
        default_factory=list, description="services involved; what holds by them needs all that carry it"
    )
    scopes: list[ScopeName] = Field(
        default_factory=list, description="kind:name of the incident's scope; * in a name matches anything"
    )
    verdicts: list[VerdictName] = Field(default_factory=list, description="verdicts")
    measures: list[MeasureName] = Field(
        default_factory=list, description="measures such as wcu or value:sales; * matches anything"
    )


class RouteSettings(Section):
    """Who is notified: the first matching route decides; incidents that match none go to slack.channel."""

    match: MatchSettings = Field(
        default_factory=MatchSettings, description="which incidents; all when absent"
    )
    to: list[DestinationName] = Field(
        min_length=1,
        description=f'one or more of "#channel" and kind:name of a receiver (kinds: {", ".join(RECEIVERS)})',
    )
    mention: Mention | None = Field(
        None, description="who a page mentions, once: here, or the id of a user (U…) or user group (S…)"
    )


class SilenceSettings(Section):
    """Incidents that cause no notifications until a given time; they are still judged and recorded."""

    match: MatchSettings = Field(description="which incidents")
    until: Moment = Field(description="2026-11-27T18:00, in the digest's time zone unless it has an offset")
    why: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="reason, shown by uneri status"
    )


class MaintenanceSettings(Section):
    """Planned work: incidents that begin during it cause a notification only if they outlast it."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="name shown by uneri status"
    )
    match: MatchSettings = Field(
        default_factory=MatchSettings, description="which incidents; all when absent"
    )
    start: Moment = Field(description="2026-11-27T18:00, in the digest's time zone unless it has an offset")
    end: MomentAfterStart = Field(description="in the same format; a date includes the whole day")
    every: Literal["day", "week"] | None = Field(None, description="how often it repeats")


class QuietHoursSettings(Section):
    """Hours without notifications; those about incidents still open at the end are sent then."""

    start: TimeOfDay = Field(description="time of day, such as 22:00, in the digest's time zone")
    end: TimeOfDay = Field(description="time of day; earlier than start means the next morning")
    days: list[Weekday] = Field(
        default_factory=list, description="days on which they begin (mon … sun); all when absent"
    )
    match: MatchSettings = Field(
        default_factory=MatchSettings, description="which incidents are held back; all when absent"
    )


class NotifySettings(Section):
    """The rules between an incident and a message, in the order in which they apply."""

    locale: Literal["en", "ja"] = Field("en", description="language of messages: English or Japanese")
    since: Moment | None = Field(
        None,
        description="nothing that ended before it causes a notification, in the digest's time zone unless it "
        "has an offset; the first start of the daemon when absent. It counts when the state is new",
    )
    silences: list[SilenceSettings] = Field(
        default_factory=list, description="incidents that cause no notifications"
    )
    maintenance: list[MaintenanceSettings] = Field(default_factory=list, description="planned work")
    quiet_hours: list[QuietHoursSettings] = Field(
        default_factory=list, description="hours without notifications"
    )
    inhibit: bool = Field(
        True, description="an incident of a whole account suppresses messages about incidents inside it"
    )
    flood: Annotated[int, Field(ge=2, le=1000)] = Field(
        10, description="more new incidents than this in a minute become one message"
    )
    routes: list[RouteSettings] = Field(default_factory=list, description="who is notified about what")
    webhooks: list[WebhookSettings] = Field(default_factory=list, description="receivers of signed JSON")
    alertmanagers: list[AlertmanagerSettings] = Field(
        default_factory=list, description="Prometheus Alertmanagers"
    )
    pagerduty: list[PagerdutySettings] = Field(default_factory=list, description="services of PagerDuty")
    opsgenie: list[OpsgenieSettings] = Field(
        default_factory=list, description="integrations of Opsgenie or Jira Service Management"
    )
    teams: list[TeamsSettings] = Field(default_factory=list, description="webhooks of Microsoft Teams")
    discord: list[DiscordSettings] = Field(default_factory=list, description="webhooks of Discord")
    email: list[EmailSettings] = Field(default_factory=list, description="addresses that get mails")

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what contradicts between values that are valid alone."""
        yield from _held_for_ever(self)
        for field in RECEIVERS.values():
            yield from named_twice(self, field, "notify")
        yield from _routes(self)


_DAYS: Final = 7
_PERIODS: Final = {"day": timedelta(days=1), "week": timedelta(days=7)}
_DATE: Final = len("2026-11-27")


def names_nothing(match: MatchSettings) -> bool:
    """Return whether no condition is given."""
    return not (match.accounts or match.services or match.scopes or match.verdicts or match.measures)


def takes_all(match: MatchSettings) -> bool:
    """Return whether every incident matches."""
    return not (match.services or match.scopes or match.verdicts) and all(
        not patterns or any(not pattern.strip("*") for pattern in patterns)
        for patterns in (match.accounts, match.measures)
    )


def _held_for_ever(notify: NotifySettings) -> Iterator[Mistake]:
    for number, silence in enumerate(notify.silences):
        if names_nothing(silence.match):
            wrong = (
                "has no condition and would silence everything; add one, or write accounts: ['*'] "
                "to silence everything"
            )
            yield ("silences", number, "match"), {}, wrong
    for number, hours in enumerate(notify.quiet_hours):
        if hours.start == hours.end and len(set(hours.days) or range(_DAYS)) == _DAYS:
            wrong = (
                "equal to start on every day, so that quiet hours never end; write another time, or list "
                "the days that are quiet as a whole"
            )
            yield ("quiet_hours", number, "end"), hours.end, wrong
    for number, work in enumerate(notify.maintenance):
        if work.every is not None and _length(work) >= _PERIODS[work.every]:
            yield (
                ("maintenance", number, "every"),
                work.every,
                "repeats before it has ended, so that it never ends; write an earlier end, or remove every",
            )


def _length(work: MaintenanceSettings) -> timedelta:
    first, last = datetime.fromisoformat(work.start), datetime.fromisoformat(work.end)
    return last - first + timedelta(days=len(work.end) == _DATE)  # a date is included as a whole


def _routes(notify: NotifySettings) -> Iterator[Mistake]:
    known = {
        f"{kind}:{receiver.name}" for kind, field in RECEIVERS.items() for receiver in getattr(notify, field)
    }
    before: int | None = None
    for number, route in enumerate(notify.routes):
        if before is not None:
            wrong = f"is never reached: notify.routes.{before} matches everything, and the first match"
            yield ("routes", number), {}, f"{wrong} decides; swap them"
        elif takes_all(route.match):
            before = number
        seen: set[str] = set()
        for place, to in enumerate(route.to):
            path = ("routes", number, "to", place)
            if to.partition(":")[0] in RECEIVERS and to not in known:
                yield path, to, f"not configured; configured: {', '.join(sorted(known)) or 'none'}"
            name = to.removeprefix("slack:")
            if name in seen:
                yield path, to, "listed twice; remove one"
            seen.add(name)
