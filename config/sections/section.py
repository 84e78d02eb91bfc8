"""The base of every section."""

from collections.abc import Iterable, Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
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

    def mistakes(self) -> Iterable[Mistake]:
        """Yield what is wrong about values that are valid alone; none by default."""
        return ()

    @model_validator(mode="after")
    def _refuse_mistakes(self) -> Self:
        """Raise ``pydantic.ValidationError`` for mistakes, if there are any, each at its own place."""
        found = [
            InitErrorDetails(type="value_error", loc=path, input=value, ctx={"error": ValueError(message)})
            for path, value, message in self.mistakes()
        ]
        if found:
            raise ValidationError.from_exception_data(type(self).__name__, found)
        return self


def named_twice(section: Section, field: str, of: str) -> Iterator[Mistake]:
    """Yield the items of a field whose name one before them has; ``of`` is what the section is called."""
    names = [item.name for item in getattr(section, field)]
    for number, name in enumerate(names):
        if (first := names.index(name)) != number:
            yield (field, number, "name"), name, f"also the name of {of}.{field}.{first}; choose another name"
