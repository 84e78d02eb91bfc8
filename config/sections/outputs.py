"""The outputs of a daemon besides messages: the board, the history, series to scrape, the log, exports."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from config.secret import SecretPlace
from config.sections.section import Mistake, Section
from config.sections.values import HttpUrl, MeasureName, PathName, ScopeName, SecretFile, VariableName

_Threshold = Annotated[float, Field(gt=0, le=1_000_000_000)]


class ThresholdSettings(Section):
    """From where on a number is amber, and red; nothing: never by a threshold, still by a verdict."""

    warning: _Threshold | None = Field(None, description="amber from here on")
    critical: _Threshold | None = Field(None, description="red from here on; not below ``warning``")

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what is not in order."""
        if self.warning is not None and self.critical is not None and self.critical < self.warning:
            yield ("critical",), self.critical, "must not be below warning"


class BoardSettings(Section):
    """The big numbers of the board, coloured by thresholds besides the verdicts of the judge."""

    errors_user: ThresholdSettings = Field(
        ThresholdSettings(warning=0.1, critical=0.3), description="share of requests"
    )
    errors_backend: ThresholdSettings = Field(
        ThresholdSettings(warning=0.01, critical=0.05), description="share of requests"
    )
    errors_fatal: ThresholdSettings = Field(
        ThresholdSettings(warning=1, critical=10), description="in a step"
    )
    throttles: ThresholdSettings = Field(ThresholdSettings(warning=1, critical=100), description="in a step")
    share: ThresholdSettings = Field(
        ThresholdSettings(warning=0.7, critical=0.9),
        description="of a limit: tables, concurrency, quotas",
    )
    api_ms: ThresholdSettings = Field(ThresholdSettings(), description="p95 of the API, ms")
    function_ms: ThresholdSettings = Field(ThresholdSettings(), description="p95 of functions, ms")
    code_ms: ThresholdSettings = Field(ThresholdSettings(), description="p95 of the code of functions, ms")
    auth_ms: ThresholdSettings = Field(ThresholdSettings(), description="p95 of authorizers, ms")
    table_ms: ThresholdSettings = Field(ThresholdSettings(), description="p95 of calls to tables, ms")


class HistorySettings(Section):
    """The history store: every judged step, in Parquet files."""

    keep: bool = Field(
        True, description="write what was measured and expected, for the board and other readers"
    )
    place: PathName | None = Field(
        None,
        description="folder, or s3://bucket/prefix (with ?region= and ?endpoint_override= where needed); by "
        "default, `history` in the folder `local.state`. With Kafka, there is no history without it",
    )
    minutes_days: Annotated[int, Field(ge=1, le=3660)] = Field(
        35, description="days for which each step of `time.step` is kept"
    )
    tens_days: Annotated[int, Field(ge=1, le=36600)] = Field(
        400, description="days for which ten minutes at a time are kept"
    )
    max_gib: Annotated[float, Field(ge=0.01, le=1_000_000)] = Field(
        20, description="size of all files, GiB; beyond this, the oldest are deleted"
    )

    @property
    def shared(self) -> bool:
        """Whether processes of several machines keep one: they share no state folder."""
        return self.keep and self.place is not None


class ScrapedSettings(Section):
    """Some series: every condition that is given must match."""

    scopes: Annotated[list[ScopeName], Field(min_length=1)] = Field(
        description="kind:name; * in a name matches anything, as in table:items-*"
    )
    accounts: list[str] = Field(default_factory=list, description="account ids; all when absent")
    measures: list[MeasureName] = Field(
        default_factory=list,
        description="measures such as wcu or value:sales; * matches anything; all when absent",
    )
    callers: bool = Field(False, description="with the series of who calls these scopes")


class ScrapeSettings(Section):
    """What ``GET /scrape`` exports of the newest step; nothing by default."""

    series: list[ScrapedSettings] = Field(
        default_factory=list, description="which series; each is exported once"
    )
    most: Annotated[int, Field(ge=1, le=20_000)] = Field(
        1000, description="series in one answer; `uneri_scrape_left_out` counts those beyond"
    )


class ExportSettings(Section):
    """GitHub, where ``uneri incident --to github:OWNER/REPO`` opens issues; the daemon does not use it."""

    github_url: HttpUrl = Field(
        "https://api.github.com",
        description="base URL of GitHub's REST API; of GitHub Enterprise: https://HOST/api/v3",
    )
    github_token_env: VariableName = Field(
        "UNERI_GITHUB_TOKEN",
        description="environment variable that holds a token that may read and write issues",
    )
    github_token_file: SecretFile | None = Field(None, description="file that holds it instead")

    @property
    def github_token(self) -> SecretPlace:
        """Where the token is."""
        return SecretPlace(self.github_token_env, self.github_token_file)


class LogSettings(Section):
    """The log on standard error; docs/logs.md has its keys."""

    format: Literal["text", "json"] = Field(
        "text", description="text for people; json is one object a line with the same keys"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level that is logged; what ends a daemon always is"
    )
