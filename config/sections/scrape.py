"""Which series a Prometheus of one's own may scrape."""

from typing import Annotated

from pydantic import Field

from config.sections.section import Section
from config.sections.value_types import MeasureName, ScopeName


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
