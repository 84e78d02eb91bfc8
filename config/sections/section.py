"""The base of every section."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Unknown keys are refused and values do not change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=False,
        model_title_generator=lambda model: model.__name__.removesuffix(
            "Settings"
        ),  # for docs/configuration.md
    )
