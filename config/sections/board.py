"""What the board shows, and from where on a number is coloured."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from config.sections.section import Section, refuse

Positive = Annotated[float, Field(gt=0, le=1_000_000_000)]


class ThresholdSettings(Section):
    """From where on a number is amber, and red; nothing: never by a threshold, still by a verdict."""

    warning: Positive | None = Field(None, description="amber from here on")
    critical: Positive | None = Field(None, description="red from here on; not below ``warning``")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.warning is not None and self.critical is not None and self.critical < self.warning:
            refuse(self, [(("critical",), self.critical, "must not be below warning")])
        return self


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
