"""Every setting, with its shipped default and its bounds. One class a section of the YAML file."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """What all sections have in common: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Time(Section):
    """Event time: bucket widths and how late a record may be."""

    bucket: Literal[10] = Field(10, description="width of a bucket, seconds")
    step: Seconds = Field(60, description="one judgement per series every so many seconds; a multiple of bucket")
    lateness: Annotated[int, Field(ge=0)] = Field(
        30, description="how far a record may lag behind its partition's newest before it counts as late, seconds"
    )
    future: Seconds = Field(300, description="stamps further ahead of the partition than this never move time")
    idle: Seconds = Field(30, description="a partition silent for this long of wall time no longer holds time back")


class Kafka(Section):
    """Where the requests are and what the daemon's own topics are called."""

    brokers: list[str] = Field(["127.0.0.1:9092"], min_length=1, description="host:port of bootstrap brokers")
    app: str = Field("uneri", pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="consumer group and topic prefix")
    requests: str = Field("requests", description="the topic with one event a record")
    shards: Annotated[int, Field(ge=1, le=256)] = Field(4, description="partitions of the rollups topic")
    replication: Annotated[int, Field(ge=1, le=9)] = Field(1, description="replication of the daemon's own topics")
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username_env: str | None = Field(None, description="environment variable with the SASL user")
    password_env: str | None = Field(None, description="environment variable with the SASL password")


class Local(Section):
    """The embedded driver: no broker."""

    listen: str = Field("127.0.0.1:8765", pattern=r"^.+:\d{1,5}$", description="host:port of the intake")
    state: str = Field("uneri-state", description="folder of the SQLite log, checkpoints and outbox")


class Web(Section):
    """Health, metrics and status of the Kafka daemon."""

    listen: str = Field("127.0.0.1:8766", pattern=r"^.+:\d{1,5}$", description="host:port")


class Judge(Section):
    """How a curve is judged. The defaults are what the scoreboard is measured with."""

    weeks: Annotated[int, Field(ge=1, le=8)] = Field(4, description="earlier weeks a baseline is made of")
    young: Annotated[int, Field(ge=0)] = Field(
        7 * 86400, description="nothing is said about a series with less history than this, seconds"
    )
    sensitivity: Annotated[float, Field(ge=0.2, le=5)] = Field(
        1.0, description="2 pages on half as large a deviation, 0.5 asks for twice as large a one"
    )
    persist: Annotated[int, Field(ge=1, le=60)] = Field(2, description="steps a deviation must last to be told")
    recover: Annotated[int, Field(ge=1, le=240)] = Field(5, description="calm steps until a finding ends")
    growth_per_day: Annotated[float, Field(gt=0, le=1)] = Field(
        0.01, description="growth is told when the level surely rises by at least this fraction a day"
    )


class Floor(Section):
    """A deviation is told only when it passes both."""

    absolute: Annotated[float, Field(ge=0)] = Field(description="smallest difference that matters, per second (ms for latency)")
    relative: Annotated[float, Field(ge=0)] = Field(description="smallest difference that matters, as a fraction of expected")


class Floors(Section):
    """Smallest deviation that matters, by measure; rates are per second."""

    requests: Floor = Floor(absolute=0.1, relative=0.3)
    cold_starts: Floor = Floor(absolute=0.2, relative=1.0)
    errors_user: Floor = Floor(absolute=0.2, relative=1.0)
    errors_backend: Floor = Floor(absolute=0.05, relative=1.0)
    errors_fatal: Floor = Floor(absolute=0.03, relative=1.0)
    throttles: Floor = Floor(absolute=0.03, relative=1.0)
    rcu: Floor = Floor(absolute=0.2, relative=0.3)
    wcu: Floor = Floor(absolute=0.2, relative=0.3)
    busy: Floor = Floor(absolute=0.2, relative=0.5)
    latency: Floor = Floor(absolute=20.0, relative=0.5)


class TableLimit(Section):
    """Provisioned or maximum capacity of a table, units per second."""

    rcu: Annotated[float, Field(gt=0)] | None = None
    wcu: Annotated[float, Field(gt=0)] | None = None


class Limits(Section):
    """Capacity that is known: what growth is measured against, and the headroom in a message."""

    tables: dict[str, TableLimit] = Field(default_factory=dict, description="by table name, or account/name")
    functions: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="concurrency, by function name, or account/name"
    )
    accounts: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="concurrency, by account id"
    )


class Links(Section):
    """URL templates by cloud (``aws``, ``gcp``) and kind; config/links.yaml has those that are shipped."""

    templates: dict[str, dict[str, str]] = Field(default_factory=dict, description="cloud: {table: url, function: url, …}")


class Slack(Section):
    """Where messages go. Without a token they are rendered to the terminal."""

    token_env: str = Field("SLACK_BOT_TOKEN", description="environment variable with the bot token (xoxb-…)")
    channel: str = Field("#uneri", min_length=1, description="channel of pages")
    digest_channel: str | None = Field(None, description="channel of the digest; that of pages when absent")
    base_url: str = Field("https://slack.com/api/", pattern=r"^https?://", description="Slack Web API")


class Digest(Section):
    """The daily summary of what grows."""

    at: str = Field("09:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="time of day")
    timezone: str = Field("UTC", description="IANA time zone, such as Asia/Tokyo")


class Incidents(Section):
    """How findings become incidents."""

    gather: Annotated[int, Field(ge=0)] = Field(
        300, description="findings that belong together and begin within this many seconds are one incident"
    )
    quiet: Seconds = Field(600, description="an incident is resolved after so many seconds without an open finding")


class Settings(Section):
    """The whole configuration."""

    time: Time = Time()
    kafka: Kafka | None = Field(None, description="present: the Kafka driver; absent: the local driver")
    local: Local = Local()
    web: Web = Web()
    judge: Judge = Judge()
    floors: Floors = Floors()
    limits: Limits = Limits()
    links: Links = Links()
    slack: Slack = Slack()
    digest: Digest = Digest()
    incidents: Incidents = Incidents()
