"""What is taken out of the texts of requests that people may see."""

from typing import Annotated

from pydantic import AfterValidator, Field

from config.redaction_rules import checked_pattern
from config.sections.section import Section

Pattern = Annotated[str, AfterValidator(checked_pattern)]


class RedactRule(Section):
    """One rule."""

    name: str = Field("", max_length=60, description="what it is for")
    pattern: Pattern = Field(description="regular expression of Python; its quantifiers are bounded")
    replace: str = Field("[redacted]", max_length=60, description="the text that takes its place")


class RedactSettings(Section):
    """What of examples, throttle reasons and error types nobody may read: taken out before they are kept."""

    shipped: bool = Field(
        True,
        description="also take out e-mail addresses, tokens, passwords, cookies, AWS keys, private keys, "
        "card numbers and long hexadecimal secrets",
    )
    rules: list[RedactRule] = Field(
        default_factory=list, max_length=50, description="applied first, in this order"
    )
