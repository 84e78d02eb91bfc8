"""Every setting, with its shipped default and its bounds. One class a section of the YAML file."""

import difflib
import functools
import re
import zoneinfo
from datetime import datetime
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from config.notify_rules import mistakes
from config.template import Template

SCOPE_KINDS: Final = ("account", "service", "route", "function", "table", "client", "tenant")
"""The scopes a link can be about; the same as in detectors/model/scope.py, which a test holds."""

MEASURES: Final = (
    "requests", "cold_starts", "errors_user", "errors_backend", "errors_fatal", "throttles",
    "reads", "writes", "rcu", "wcu", "busy", "latency", "latency_code", "latency_auth",
)  # fmt: skip
"""What incidents are about, besides value:key; the same as in detectors.model.measures, a test checks it."""

OWN_LABELS: Final = ("alertname", "severity", "incident", "verdict", "measure", "scope", "name")
"""Labels of every alert about an incident; a test holds that alerting/sinks/alertmanager.py gives them."""

LAST_PORT: Final = 65535
FIRST_YEAR, LAST_YEAR = 1971, 2099  # times are epoch seconds, with room for a time zone at both ends

_CHANNEL: Final = r"[#@][^\s:]+|[CDG][A-Z0-9]{2,20}"
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?")
_HOW_A_MOMENT: Final = "write 2026-11-27, 2026-11-27T18:00 or 2026-11-27T18:00+09:00"


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > LAST_PORT:
        raise ValueError(f"must be host:port with a port up to {LAST_PORT}")
    return text


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())  # reads a folder tree


def is_date(moment: str) -> bool:
    """Say whether a moment of the settings is a whole day."""
    return len(moment) == len("2026-11-27")


def _time_zone(name: str) -> str:
    known = _time_zones()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise ValueError(
            f"no known time zone; did you mean {near[0]!r}?"
            if near
            else "no known time zone; write one such as Asia/Tokyo"
        )
    return name


def _holiday_region(region: str) -> str:
    from holidays import list_supported_countries  # noqa: PLC0415  # a quarter of a second, for those who ask

    country, slash, part = region.partition("/")
    known = list_supported_countries()
    if country not in known:
        near = country.upper() if country.upper() in known else ""
        raise ValueError(
            "no known country; " + (f"did you mean {near!r}?" if near else "write one such as JP")
        )
    parts = known[country]
    if slash and part not in parts:
        near = next((each for each in parts if each.upper() == part.upper()), "")
        remedy = f"did you mean '{country}/{near}'?" if near else f"parts: {', '.join(parts) or 'none'}"
        raise ValueError(f"no known part of {country}; {remedy}")
    return region


def _moment(text: str) -> str:
    if not _MOMENT.fullmatch(text):
        raise ValueError(f"no time; {_HOW_A_MOMENT}")
    try:
        year = datetime.fromisoformat(text).year
    except ValueError:
        raise ValueError(f"no time there is; {_HOW_A_MOMENT}") from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"not between the years {FIRST_YEAR} and {LAST_YEAR}; {_HOW_A_MOMENT}")
    return text


def _scope_name(text: str) -> str:
    kind, colon, name = text.partition(":")
    if kind not in SCOPE_KINDS or not colon or not name:
        raise ValueError(f"no scope; write kind:name such as table:items, kinds: {', '.join(SCOPE_KINDS)}")
    return text


def _measure_name(text: str) -> str:
    if "*" not in text and text not in MEASURES and not re.fullmatch("value:.+", text, re.DOTALL):
        near = difflib.get_close_matches(text, MEASURES, 1)
        known = f"did you mean {near[0]!r}?" if near else f"measures: {', '.join(MEASURES)}, value:key"
        raise ValueError(f"no measure; {known}")
    return text


def _label_name(text: str) -> str:
    if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", text):
        near = re.sub("[^a-zA-Z0-9_]", "_", text)
        raise ValueError(f"{text!r} cannot be the name of a label; letters, digits and _, such as {near!r}")
    if text in OWN_LABELS:
        raise ValueError(f"every alert has a label {text!r} of its own; take another name")
    return text


def _alertmanager_url(text: str) -> str:
    base, api, _ = text.partition("/api/v")
    if api:
        raise ValueError(f"more than its address; write {base}, the rest is added")
    return text


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        right = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port beyond the last, or half an IPv6 address
        right = False
    if not right:
        raise ValueError(f"no address; write http://host or http://host:port with a port up to {LAST_PORT}")
    return url


def _verdict(name: object) -> object:
    """Take the verdict ``absence`` by its name up to version 0.1, too."""
    return "absence" if name == "silence" else name


def _slack_channel(text: str) -> str:
    if not re.fullmatch(_CHANNEL, text):
        raise ValueError(
            "no channel; write '#name' with the #, in quotes, or the id that Slack shows (C0123456789)"
        )
    return text


def _destination(text: str) -> str:
    if not re.fullmatch(rf"(slack:)?({_CHANNEL})|(webhook|alertmanager):[a-z0-9_-]+", text):
        raise ValueError(
            "nowhere to send to; write '#channel' in quotes, the id of a channel, webhook:name or "
            "alertmanager:name"
        )
    return text


def _link_kind(kind: str) -> str:
    scope = kind.partition("_")[0]
    if scope not in SCOPE_KINDS:
        near = difflib.get_close_matches(scope, SCOPE_KINDS, 1)
        known = f"did you mean {near[0]!r}?" if near else f"it begins with one of {', '.join(SCOPE_KINDS)}"
        raise ValueError(f"unknown kind of link {kind!r}; {known}")
    return kind


def _link_template(text: str) -> str:
    if text:
        Template(text)
    return text


def _after_its_start(end: str, info: ValidationInfo) -> str:
    if "start" not in info.data:
        return end
    first, last = datetime.fromisoformat(info.data["start"]), datetime.fromisoformat(end)
    if (first.tzinfo is None) != (last.tzinfo is None):
        raise ValueError("in another form than start; write both with an offset, or neither")
    if last < first or (last == first and not is_date(end)):
        raise ValueError(f"not after start, which is {info.data['start']}; exchange them?")
    return end


Seconds = Annotated[int, Field(gt=0, le=7 * 86400)]
Share = Annotated[float, Field(ge=0, le=1)]
Address = Annotated[str, AfterValidator(_host_and_port)]
LinkKind = Annotated[str, AfterValidator(_link_kind)]
LinkTemplate = Annotated[str, AfterValidator(_link_template)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
HolidayRegion = Annotated[str, AfterValidator(_holiday_region)]
Moment = Annotated[str, AfterValidator(_moment)]
ScopeName = Annotated[str, AfterValidator(_scope_name)]
MeasureName = Annotated[str, AfterValidator(_measure_name)]
LabelName = Annotated[str, AfterValidator(_label_name)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
SinkName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+"), AfterValidator(_web_address)]
SlackChannel = Annotated[str, AfterValidator(_slack_channel)]
SlackMember = Annotated[str, Field(pattern=r"^[UWS][A-Z0-9]{2,20}$")]
Mention = Annotated[str, Field(pattern=r"^(here|[UWS][A-Z0-9]{2,20})$")]
DestinationName = Annotated[str, AfterValidator(_destination)]
VariableName = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]  # capitals: a secret put there has others
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
VerdictName = Annotated[
    Literal["spike", "drop", "shift", "growth", "limit", "absence", "fatal"], BeforeValidator(_verdict)
]


class Section(BaseModel):
    """What all sections have in common: unknown keys are refused, values do not change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=False,
        model_title_generator=lambda model: model.__name__.removesuffix(
            "Settings"
        ),  # for docs/configuration.md
    )


class TimeSettings(Section):
    """Event time: bucket widths and how late a record may be."""

    bucket: Literal[10] = Field(10, description="width of a bucket, seconds")
    step: Seconds = Field(
        60, description="one judgement per series every so many seconds; a multiple of bucket"
    )
    lateness: Annotated[int, Field(ge=0)] = Field(
        30,
        description="how far a record may lag behind its partition's newest until it counts as late, seconds",
    )
    future: Seconds = Field(
        300, description="stamps further ahead of the partition than this never move time"
    )
    idle: Seconds = Field(
        30, description="a partition silent for this long of wall time no longer holds time back"
    )
    ahead: Seconds = Field(
        600,
        description="a partition further ahead of the slowest than this waits for it: memory stays bounded",
    )

    @field_validator("step")
    @classmethod
    def _step_is_whole_buckets(cls, step: int, info: ValidationInfo) -> int:
        bucket = info.data.get("bucket", 10)
        if step % bucket:
            near = max(1, round(step / bucket)) * bucket
            raise ValueError(f"must be a multiple of bucket, which is {bucket}; {near} is the nearest")
        return step


class RollupSettings(Section):
    """How many names are kept apart: past these, new ones are folded into ``other``."""

    max_paths: Annotated[int, Field(ge=1, le=5_000_000)] = Field(
        50_000,
        description="combinations of account, region, service, route, function and client in a partition",
    )
    max_calls: Annotated[int, Field(ge=1, le=5_000_000)] = Field(
        100_000, description="combinations of these with a table"
    )
    max_values: Annotated[int, Field(ge=1, le=1000)] = Field(
        50, description="keys of the business values of a partition"
    )
    max_series: Annotated[int, Field(ge=100, le=5_000_000)] = Field(
        250_000, description="series of a shard, over all partitions; of new ones those used least are folded"
    )


class DeadLetterSettings(Section):
    """When too many records are bad to read on: the intake stops instead of emptying a topic into the bin."""

    stop: bool = Field(
        True, description="false lets every bad record pass as a dead letter; counting begins anew after it"
    )
    in_a_row: Annotated[int, Field(ge=1, le=1000)] = Field(
        50, description="bad records of one source in a row that are passed as dead letters"
    )
    share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="part of the last 1,000 records of one source that may be bad"
    )


class KafkaSettings(Section):
    """Where the requests are and what the daemon's own topics are called."""

    brokers: list[Address] = Field(
        ["127.0.0.1:9092"], min_length=1, description="host:port of bootstrap brokers"
    )
    app: str = Field(
        "uneri", pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="consumer group and topic prefix"
    )
    requests: str = Field(
        "requests", pattern=r"^[a-zA-Z0-9._-]{1,249}$", description="the topic with one event a record"
    )
    shards: Annotated[int, Field(ge=1, le=256)] = Field(4, description="partitions of the rollups topic")
    replication: Annotated[int, Field(ge=1, le=9)] = Field(
        1, description="replication of the daemon's own topics"
    )
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="how brokers are spoken to"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="how the daemon logs in, with the sasl kinds of security"
    )
    username_env: VariableName | None = Field(None, description="environment variable with the SASL user")
    password_env: VariableName | None = Field(None, description="environment variable with the SASL password")
    worker_env: VariableName = Field(
        "UNERI_WORKER",
        description="environment variable with the name of this worker, when it has one: no other may have "
        "it, and under it a worker that died gets its partitions back as soon as it is started again",
    )


class LocalSettings(Section):
    """The embedded driver: no broker."""

    listen: Address = Field("127.0.0.1:8765", description="host:port of the intake")
    state: str = Field("uneri-state", description="folder of the SQLite log, checkpoints and outbox")
    backlog: Annotated[int, Field(ge=1000)] = Field(
        5_000_000, description="records that may wait to be judged; past it senders get 503 and files wait"
    )
    backlog_mib: Annotated[int, Field(ge=64)] = Field(
        2048, description="size of the log in MiB from which on senders get 503 and files wait"
    )


class WebSettings(Section):
    """Health, metrics and status of the Kafka daemon."""

    listen: Address = Field("127.0.0.1:8766", description="host:port")


class JudgeSettings(Section):
    """How a curve is judged. The defaults are what the scoreboard is measured with."""

    weeks: Annotated[int, Field(ge=1, le=8)] = Field(4, description="earlier weeks a baseline is made of")
    young: Annotated[int, Field(ge=0)] = Field(
        7 * 86400, description="nothing is said about a series with less history than this, seconds"
    )
    sensitivity: Annotated[float, Field(ge=0.2, le=5)] = Field(
        1.0, description="2 pages on half as large a deviation, 0.5 asks for twice as large a one"
    )
    persist: Annotated[int, Field(ge=1, le=60)] = Field(
        2, description="steps a deviation must last to be told"
    )
    recover: Annotated[int, Field(ge=1, le=240)] = Field(5, description="calm steps until a finding ends")
    growth_per_day: Annotated[float, Field(gt=0, le=1)] = Field(
        0.01, description="growth is told when the level surely rises by at least this fraction a day"
    )
    horizon_days: Annotated[float, Field(gt=0, le=365)] = Field(
        14, description="a limit that growth surely meets within so many days is told as a limit"
    )
    near: Annotated[float, Field(ge=0.2, le=1)] = Field(
        0.9, description="a table, function or account that uses this share of its limit for minutes is told"
    )


class Floor(Section):
    """A deviation is told only when it passes both."""

    absolute: Annotated[float, Field(ge=0)] = Field(
        description="smallest difference that matters, per second (ms for latency)"
    )
    relative: Annotated[float, Field(ge=0)] = Field(
        description="smallest difference that matters, as a fraction of expected"
    )


class Floors(Section):
    """Smallest deviation that matters, by measure; rates are per second."""

    requests: Floor = Floor(absolute=0.1, relative=0.3)
    cold_starts: Floor = Floor(absolute=0.2, relative=1.0)
    errors_user: Floor = Floor(absolute=0.02, relative=1.0)
    errors_backend: Floor = Floor(absolute=0.005, relative=1.0)
    errors_fatal: Floor = Floor(absolute=0.005, relative=1.0)
    throttles: Floor = Floor(absolute=0.005, relative=1.0)
    rcu: Floor = Floor(absolute=0.2, relative=0.3)
    wcu: Floor = Floor(absolute=0.2, relative=0.3)
    busy: Floor = Floor(absolute=1.0, relative=0.5)  # one slow request is a fraction of that over a step
    latency: Floor = Floor(absolute=50.0, relative=1.0)
    latency_code: Floor = Floor(absolute=50.0, relative=1.0)
    latency_auth: Floor = Floor(absolute=50.0, relative=1.0)
    values: Floor = Floor(absolute=0.0, relative=0.5)


class TableLimit(Section):
    """Provisioned or maximum capacity of a table, units per second."""

    rcu: Annotated[float, Field(gt=0)] | None = Field(None, description="read capacity units per second")
    wcu: Annotated[float, Field(gt=0)] | None = Field(None, description="write capacity units per second")


class LimitsSettings(Section):
    """Capacity that is known: what growth is measured against, and the headroom in a message."""

    tables: dict[str, TableLimit] = Field(default_factory=dict, description="by table name, or account/name")
    functions: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="concurrency, by function name, or account/name"
    )
    accounts: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="concurrency, by account id"
    )


class LinksSettings(Section):
    """URL templates by cloud (``aws``, ``gcp``, ``any``) and kind; config/links.yaml has the shipped ones."""

    templates: dict[str, dict[LinkKind, LinkTemplate]] = Field(
        default_factory=dict,
        description="cloud: {table: url, table_grafana: url, …}; an empty url takes a link away",
    )


class SlackSettings(Section):
    """Where messages go. Without a token they are rendered to the terminal."""

    token_env: VariableName = Field(
        "SLACK_BOT_TOKEN", description="environment variable with the bot token (xoxb-…)"
    )
    app_token_env: VariableName = Field(
        "SLACK_APP_TOKEN",
        description="environment variable with the app token (xapp-…): buttons by Socket Mode, no open port",
    )
    signing_secret_env: VariableName = Field(
        "SLACK_SIGNING_SECRET",
        description="environment variable with the signing secret: buttons by signed HTTP at /slack",
    )
    channel: SlackChannel = Field("#uneri", description="channel of pages")
    digest_channel: SlackChannel | None = Field(
        None, description="channel of the digest; that of pages when absent"
    )
    fallback_channel: SlackChannel | None = Field(
        None, description="channel of what its own channel refuses for good (archived, bot not invited)"
    )
    operators: list[SlackMember] = Field(
        default_factory=list,
        description="ids of users (U…) and user groups (S…) who may press buttons; everybody when empty",
    )
    base_url: HttpUrl = Field("https://slack.com/api/", description="Slack Web API")


class WebhookSettings(Section):
    """A receiver of signed JSON: other chats, a pager, your own code."""

    name: SinkName = Field(description="what routes call it: webhook:name")
    url: HttpUrl = Field(description="where it is posted")
    secret_env: VariableName | None = Field(
        None, description="environment variable with the secret it is signed with"
    )


class AlertmanagerSettings(Section):
    """A Prometheus Alertmanager (API v2), so that a team's pager gets pages."""

    name: SinkName = Field(description="what routes call it: alertmanager:name")
    url: Annotated[HttpUrl, AfterValidator(_alertmanager_url)] = Field(
        description="its address, such as http://alertmanager:9093"
    )
    labels: dict[LabelName, str] = Field(
        default_factory=dict, description="labels that each alert gets besides"
    )


class MatchSettings(Section):
    """Which incidents are meant: every part that is given must fit."""

    accounts: list[str] = Field(default_factory=list, description="account ids")
    services: list[str] = Field(default_factory=list, description="services that take part")
    scopes: list[ScopeName] = Field(
        default_factory=list, description="kind:name the incident is about; * stands for anything in a name"
    )
    verdicts: list[VerdictName] = Field(default_factory=list, description="verdicts")
    measures: list[MeasureName] = Field(
        default_factory=list, description="measures, such as wcu, or value:sales; * stands for anything"
    )


class RouteSettings(Section):
    """Who is told: the first route that matches decides; what matches none goes to slack.channel."""

    match: MatchSettings = Field(
        default_factory=MatchSettings, description="which incidents; all when absent"
    )
    to: list[DestinationName] = Field(
        min_length=1, description='"#channel", webhook:name or alertmanager:name, one or more'
    )
    mention: Mention | None = Field(
        None, description="whom a page calls, once: here, or an id of a user (U…) or user group (S…)"
    )


class SilenceSettings(Section):
    """Incidents that nobody is told of until a time; they are judged and kept all the same."""

    match: MatchSettings = Field(description="which incidents")
    until: Moment = Field(
        description="2026-11-27T18:00, in the digest's time zone unless an offset is written"
    )
    why: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="shown by uneri status")


class MaintenanceSettings(Section):
    """Planned work: incidents that begin in it are told only when they outlast it."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="what uneri status calls it"
    )
    match: MatchSettings = Field(
        default_factory=MatchSettings, description="which incidents; all when absent"
    )
    start: Moment = Field(
        description="2026-11-27T18:00, in the digest's time zone unless an offset is written"
    )
    end: Moment = Field(description="in the same form; a date is included as a whole")
    every: Literal["day", "week"] | None = Field(None, description="it comes again so often")

    @field_validator("end")
    @classmethod
    def _ends_after_its_start(cls, end: str, info: ValidationInfo) -> str:
        return _after_its_start(end, info)


class QuietHoursSettings(Section):
    """Hours in which nobody is called; what is still open when they end is told then."""

    start: TimeOfDay = Field(description="time of day, such as 22:00, in the digest's time zone")
    end: TimeOfDay = Field(description="time of day; before start means the next morning")
    days: list[Weekday] = Field(
        default_factory=list, description="days on which they begin (mon … sun); all when absent"
    )
    match: MatchSettings = Field(
        default_factory=MatchSettings, description="which incidents are held; all when absent"
    )


class NotifySettings(Section):
    """What happens between an incident and a message, in this order."""

    locale: Literal["en", "ja"] = Field("en", description="language of messages: English or Japanese")
    silences: list[SilenceSettings] = Field(default_factory=list, description="what nobody is told of")
    maintenance: list[MaintenanceSettings] = Field(default_factory=list, description="planned work")
    quiet_hours: list[QuietHoursSettings] = Field(default_factory=list, description="when nobody is called")
    inhibit: bool = Field(
        True, description="an incident of a whole account keeps those inside it from being told one by one"
    )
    flood: Annotated[int, Field(ge=2, le=1000)] = Field(
        10, description="more new incidents than this in a minute become one message"
    )
    routes: list[RouteSettings] = Field(default_factory=list, description="who is told of what")
    webhooks: list[WebhookSettings] = Field(default_factory=list, description="receivers of signed JSON")
    alertmanagers: list[AlertmanagerSettings] = Field(
        default_factory=list, description="Prometheus Alertmanagers"
    )

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> Self:
        found = [
            InitErrorDetails(type="value_error", loc=path, input=value, ctx={"error": ValueError(message)})
            for path, value, message in mistakes(self)
        ]
        if found:
            raise ValidationError.from_exception_data("NotifySettings", found)
        return self


class DigestSettings(Section):
    """The daily summary of what grows."""

    at: TimeOfDay = Field("09:00", description="time of day")
    timezone: TimeZone = Field("UTC", description="IANA time zone, such as Asia/Tokyo")


class IncidentsSettings(Section):
    """How findings become incidents."""

    gather: Annotated[int, Field(ge=0)] = Field(
        300, description="findings that belong together and begin within this many seconds are one incident"
    )
    quiet: Seconds = Field(
        600, description="an incident is resolved after so many seconds without an open finding"
    )


class Planned(Section):
    """A planned event: from ``start`` to ``end`` so many times the usual load is expected."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = Field(description="what a message calls it")
    start: Moment = Field(
        description="2026-11-27 (its first moment) or 2026-11-27T18:00, in the calendar's time zone "
        "unless an offset is written"
    )
    end: Moment = Field(description="in the same form; a date is included as a whole")
    factor: Annotated[float, Field(gt=0, le=1000)] = Field(
        description="load expected, in times the usual; a rise that does not come is told"
    )
    scopes: list[ScopeName] = Field(
        default_factory=list, description="kind:name of the scopes it is about; all when absent"
    )

    @field_validator("end")
    @classmethod
    def _ends_after_its_start(cls, end: str, info: ValidationInfo) -> str:
        return _after_its_start(end, info)


class CalendarSettings(Section):
    """Local time, holidays and planned events: which days can be compared with which."""

    timezone: TimeZone = Field("UTC", description="IANA time zone whose days and clock the traffic follows")
    holidays: HolidayRegion | None = Field(
        None,
        description="country code, or country/part such as DE/BY: its public holidays are no baseline for "
        "other days, and are compared with holidays and Sundays",
    )
    planned: list[Planned] = Field(
        default_factory=list, description="events for which another load is expected"
    )


class Settings(Section):
    """The whole configuration."""

    time: TimeSettings = TimeSettings()
    rollup: RollupSettings = RollupSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    kafka: KafkaSettings | None = Field(
        None, description="present: the Kafka driver; absent: the local driver"
    )
    local: LocalSettings = LocalSettings()
    web: WebSettings = WebSettings()
    judge: JudgeSettings = JudgeSettings()
    floors: Floors = Floors()
    limits: LimitsSettings = LimitsSettings()
    links: LinksSettings = LinksSettings()
    slack: SlackSettings = SlackSettings()
    notify: NotifySettings = NotifySettings()
    digest: DigestSettings = DigestSettings()
    incidents: IncidentsSettings = IncidentsSettings()
    calendar: CalendarSettings = CalendarSettings()
