"""The type of each setting: sections, mappings and lists of them, and values."""

import types
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from config.settings import Settings


def annotation_at(path: tuple[str | int, ...]) -> Any:
    """Return the type at a path of keys, such as ``("limits", "tables", "items")``; None beyond them."""
    annotation: Any = Settings
    for part in path:
        sections = sections_of(annotation)
        if isinstance(part, int):
            annotation = item_type(annotation)
        elif sections:
            field = sections[0].model_fields.get(str(part))
            annotation = field.annotation if field else None
        else:
            annotation = value_type(annotation)
    return annotation


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections among the choices of a type."""
    return [
        choice
        for choice in _choices(annotation)
        if isinstance(choice, type) and issubclass(choice, BaseModel)
    ]


def value_type(annotation: Any) -> Any:
    """Return the type of a mapping's values, or None for any other type."""
    for choice in _choices(annotation):
        if get_origin(choice) is dict:
            return get_args(choice)[1]
    return None


def item_type(annotation: Any) -> Any:
    """Return the type of a list's items, or None for any other type."""
    for choice in _choices(annotation):
        if get_origin(choice) is list:
            return get_args(choice)[0]
    return None


def holds_keys(annotation: Any) -> bool:
    """Return whether a setting of this type holds keys."""
    return bool(sections_of(annotation)) or value_type(annotation) is not None


def _choices(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type alone."""
    return get_args(annotation) if get_origin(annotation) in {Union, types.UnionType} else (annotation,)
