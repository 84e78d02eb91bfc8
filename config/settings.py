"""Every setting, with its shipped default and its bounds: one class per section of the YAML file."""

from collections.abc import Iterator

from pydantic import Field

from config.sections.calendar import CalendarSettings, Planned
from config.sections.detection import AwsSettings, Floor, Floors, JudgeSettings, LimitsSettings, TableLimit
from config.sections.drivers import (
    KafkaIamSettings,
    KafkaOauthSettings,
    KafkaSettings,
    KafkaTlsSettings,
    LocalSettings,
    TlsSettings,
    TokensSettings,
    WebSettings,
)
from config.sections.intake import (
    DeadLetterSettings,
    RedactRule,
    RedactSettings,
    RollupSettings,
    TimeSettings,
)
from config.sections.messages import (
    AccountSettings,
    DigestSettings,
    IncidentsSettings,
    LinksSettings,
    SlackSettings,
)
from config.sections.money import (
    FunctionCost,
    GatewayCost,
    MoneySettings,
    PriceSettings,
    ProvisionedTable,
)
from config.sections.notify import (
    AlertmanagerSettings,
    DiscordSettings,
    EmailSettings,
    MaintenanceSettings,
    MatchSettings,
    NotifySettings,
    OpsgenieSettings,
    PagerdutySettings,
    QuietHoursSettings,
    ReceiverSettings,
    RouteSettings,
    SilenceSettings,
    TeamsSettings,
    WebhookSettings,
)
from config.sections.outputs import (
    BoardSettings,
    ExportSettings,
    HistorySettings,
    LogSettings,
    ScrapedSettings,
    ScrapeSettings,
    ThresholdSettings,
)
from config.sections.section import Mistake, Section
from config.sections.sources import (
    GithubSettings,
    InputSettings,
    MappingSettings,
    PubsubSettings,
    RegistrySettings,
    SourcesSettings,
)
from config.sections.values import MEASURES, OWN_LABELS, SCOPE_KINDS, is_date


class Settings(Section):
    """The whole configuration."""

    time: TimeSettings = TimeSettings()
    sources: SourcesSettings = SourcesSettings()
    rollup: RollupSettings = RollupSettings()
    redact: RedactSettings = RedactSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    kafka: KafkaSettings | None = Field(
        None, description="present: the Kafka driver; absent: the local driver"
    )
    local: LocalSettings = LocalSettings()
    web: WebSettings = WebSettings()
    history: HistorySettings = HistorySettings()
    board: BoardSettings = BoardSettings()
    scrape: ScrapeSettings = ScrapeSettings()
    tokens: TokensSettings = TokensSettings()
    log: LogSettings = LogSettings()
    judge: JudgeSettings = JudgeSettings()
    floors: Floors = Floors()
    limits: LimitsSettings = LimitsSettings()
    money: MoneySettings = MoneySettings()
    accounts: dict[str, AccountSettings] = Field(default_factory=dict, description="by account id, in quotes")
    links: LinksSettings = LinksSettings()
    slack: SlackSettings = SlackSettings()
    notify: NotifySettings = NotifySettings()
    digest: DigestSettings = DigestSettings()
    export: ExportSettings = ExportSettings()
    incidents: IncidentsSettings = IncidentsSettings()
    calendar: CalendarSettings = CalendarSettings()

    def mistakes(self) -> Iterator[Mistake]:
        """Yield topics without one reader, and inputs that there are not."""
        if self.kafka is not None:
            yield from self._read_wrongly(self.kafka)
        known = [source.name for source in self.sources.inputs]
        has = f"add it to sources.inputs, which has {', '.join(known) or 'none'}"
        for section, named in (("local", self.local.tcp_source), ("web", self.web.tcp_source)):
            if named is not None and named not in known:
                yield (section, "tcp_source"), named, f"no input {named!r}; {has}"

    def _read_wrongly(self, kafka: KafkaSettings) -> Iterator[Mistake]:
        if not kafka.requests and not self.sources.topics:
            wrong = "no topic would be read; name one, or give an input of sources.inputs a topic"
            yield ("kafka", "requests"), "", wrong
        readers = dict.fromkeys(kafka.own_topics, "a topic that the daemon writes itself; name another one")
        readers[kafka.requests] = (
            'also kafka.requests, whose records are events of docs/event.md; set kafka.requests: "" if they '
            "are not, or remove this topic"
        )
        for number, source in enumerate(self.sources.inputs):
            if source.topic and source.topic in readers:
                yield ("sources", "inputs", number, "topic"), source.topic, readers[source.topic]

    @property
    def account_names(self) -> dict[str, str]:
        """The names of accounts, by id."""
        return {account: settings.name for account, settings in self.accounts.items()}
