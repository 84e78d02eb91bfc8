"""The base of every section."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails

Mistake = tuple[tuple[int | str, ...], object, str]
"""Where it is below the section, the value there, and what is wrong."""


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


def refuse(section: BaseModel, mistakes: Iterable[Mistake]) -> None:
    """Raise ``pydantic.ValidationError`` for mistakes, if there are any, each at its own place."""
    found = [
        InitErrorDetails(type="value_error", loc=path, input=value, ctx={"error": ValueError(message)})
        for path, value, message in mistakes
    ]
    if found:
        raise ValidationError.from_exception_data(type(section).__name__, found)
