"""Incidents and what messages about them hold: Slack, links, the digest."""

from pydantic import Field

from config.secret import SecretPlace
from config.sections.section import Section
from config.sections.values import (
    AccountName,
    Amount,
    Delay,
    HttpUrl,
    LinkKind,
    LinkTemplate,
    RunbookKey,
    RunbookTemplate,
    Seconds,
    SecretFile,
    Share,
    SlackChannel,
    SlackMember,
    TimeOfDay,
    Times,
    TimeZone,
    VariableName,
)


class AccountSettings(Section):
    """What people call an account; messages show it beside the id."""

    name: AccountName = Field(description="name shown beside the account id, such as game-prod")


class LinksSettings(Section):
    """URL templates by cloud (``aws``, ``gcp``, ``any``) and kind, besides those of config/links.yaml."""

    board: HttpUrl | None = Field(
        None,
        description="address at which people open the board, such as https://uneri.example.com: what calls "
        "somebody leads to the incident there",
    )
    templates: dict[str, dict[LinkKind, LinkTemplate]] = Field(
        default_factory=dict,
        description="cloud: {table: url, table_grafana: url, …}; an empty url removes a shipped link",
    )
    runbooks: dict[RunbookKey, RunbookTemplate] = Field(
        default_factory=dict,
        description="what to do about an incident, by scope (table:items), verdict (spike), kind of scope "
        "(table) or any: the first of these that is given; an empty url means no runbook",
    )


class SlackSettings(Section):
    """Where messages go. Without a token they are printed in the terminal."""

    token_env: VariableName = Field(
        "SLACK_BOT_TOKEN", description="environment variable that holds the bot token (xoxb-…)"
    )
    token_file: SecretFile | None = Field(
        None, description="file that holds it, such as /run/secrets/slack; instead of the variable"
    )
    app_token_env: VariableName = Field(
        "SLACK_APP_TOKEN",
        description="environment variable that holds the app token (xapp-…): buttons over Socket Mode, "
        "without an open port",
    )
    app_token_file: SecretFile | None = Field(None, description="file that holds it instead")
    signing_secret_env: VariableName = Field(
        "SLACK_SIGNING_SECRET",
        description="environment variable that holds the signing secret: buttons over signed HTTP at /slack",
    )
    signing_secret_file: SecretFile | None = Field(None, description="file that holds it instead")
    channel: SlackChannel = Field("#uneri", description="channel for pages")
    digest_channel: SlackChannel | None = Field(
        None, description="channel for the digest; the channel for pages when absent"
    )
    fallback_channel: SlackChannel | None = Field(
        None,
        description="channel for messages that their own channel permanently rejects "
        "(archived, bot not invited)",
    )
    operators: list[SlackMember] = Field(
        default_factory=list,
        description="ids of the users (U…) and user groups (S…) who may use buttons; everyone when empty",
    )
    base_url: HttpUrl = Field("https://slack.com/api/", description="base URL of the Slack Web API")

    @property
    def token(self) -> SecretPlace:
        """Where the bot token is."""
        return SecretPlace(self.token_env, self.token_file)

    @property
    def app_token(self) -> SecretPlace:
        """Where the app token is."""
        return SecretPlace(self.app_token_env, self.app_token_file)

    @property
    def signing_secret(self) -> SecretPlace:
        """Where the signing secret is."""
        return SecretPlace(self.signing_secret_env, self.signing_secret_file)


class DigestSettings(Section):
    """The daily summary of what grows."""

    at: TimeOfDay = Field("09:00", description="time of day")
    timezone: TimeZone = Field("UTC", description="IANA time zone, such as Asia/Tokyo")


class PageSettings(Section):
    """Sizes from which on somebody acts; what is certain and smaller is in the digest and on the board."""

    defect: Times = Field(
        1.5,
        description="times the expected value from which on a rise pages that few sources carry, or of which "
        "calls use more; also of latency",
    )
    demand: Times = Field(
        2.0, description="times the expected value from which on a rise pages that all share as usual"
    )
    fall: Share = Field(0.67, description="fraction of the expected value up to which a fall pages")
    requests: int = Field(
        15,
        ge=0,
        le=1_000_000,
        description="requests, of a table calls, from which on more of them page by these; fewer do by a "
        "limit or by costs",
    )
    limit: Share = Field(0.8, description="used fraction of a known limit from which on any rise pages")
    cost: Amount = Field(
        20.0, description="US dollars an hour more than expected from which on any rise pages"
    )
    errors: Share = Field(0.01, description="fraction of the requests that fails in the backend")
    errors_user: Share = Field(0.05, description="fraction of the requests that ends in errors of users")
    throttles: Share = Field(0.01, description="fraction of the calls that is throttled")


class IncidentsSettings(Section):
    """How findings become incidents."""

    gather: Delay = Field(
        300, description="related findings that begin within this many seconds form one incident"
    )
    quiet: Seconds = Field(600, description="seconds since the last deviation before an incident is resolved")
    page: PageSettings = PageSettings()
