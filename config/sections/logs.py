"""What a daemon logs, and in which form."""

from typing import Literal

from pydantic import Field

from config.sections.section import Section


class LogSettings(Section):
    """The log on standard error; docs/logs.md has its keys."""

    format: Literal["text", "json"] = Field(
        "text", description="text for people; json is one object a line with the same keys"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level that is logged; what ends a daemon always is"
    )
