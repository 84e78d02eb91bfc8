"""Every setting, with its shipped default and its bounds: one class per section of the YAML file."""

from pydantic import Field

from config.sections.calendar import CalendarSettings, Planned
from config.sections.detection import Floor, Floors, JudgeSettings, LimitsSettings, TableLimit
from config.sections.drivers import (
    KafkaSettings,
    LocalSettings,
    TlsSettings,
    TokensSettings,
    WebSettings,
)
from config.sections.intake import DeadLetterSettings, RollupSettings, TimeSettings
from config.sections.messages import DigestSettings, IncidentsSettings, LinksSettings, SlackSettings
from config.sections.notify import (
    AlertmanagerSettings,
    MaintenanceSettings,
    MatchSettings,
    NotifySettings,
    QuietHoursSettings,
    RouteSettings,
    SilenceSettings,
    WebhookSettings,
)
from config.sections.section import Section
from config.sections.validators import MEASURES, OWN_LABELS, SCOPE_KINDS, is_date

__all__ = [
    "MEASURES",
    "OWN_LABELS",
    "SCOPE_KINDS",
    "AlertmanagerSettings",
    "CalendarSettings",
    "DeadLetterSettings",
    "DigestSettings",
    "Floor",
    "Floors",
    "IncidentsSettings",
    "JudgeSettings",
    "KafkaSettings",
    "LimitsSettings",
    "LinksSettings",
    "LocalSettings",
    "MaintenanceSettings",
    "MatchSettings",
    "NotifySettings",
    "Planned",
    "QuietHoursSettings",
    "RollupSettings",
    "RouteSettings",
    "Section",
    "Settings",
    "SilenceSettings",
    "SlackSettings",
    "TableLimit",
    "TimeSettings",
    "TlsSettings",
    "TokensSettings",
    "WebSettings",
    "WebhookSettings",
    "is_date",
]


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
    tokens: TokensSettings = TokensSettings()
    judge: JudgeSettings = JudgeSettings()
    floors: Floors = Floors()
    limits: LimitsSettings = LimitsSettings()
    links: LinksSettings = LinksSettings()
    slack: SlackSettings = SlackSettings()
    notify: NotifySettings = NotifySettings()
    digest: DigestSettings = DigestSettings()
    incidents: IncidentsSettings = IncidentsSettings()
    calendar: CalendarSettings = CalendarSettings()
