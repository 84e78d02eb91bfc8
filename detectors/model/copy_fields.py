"""Answers with the fields of what they are about: what has the same name is the same thing."""

from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET

_T = TypeVar("_T", bound=msgspec.Struct)

_MISSING: Final = object()


def copy_fields(kind: type[_T], *sources: object, **others: Any) -> _T:
    """Return a struct with ``others``, and else the fields of the first source that has one of this name.

    What is None in a source is left out where the struct may lack it.

    Examples
    --------
    >>> class Answer(msgspec.Struct, kw_only=True):
    ...     real: int
    ...     note: str | msgspec.UnsetType = UNSET
    >>> copy_fields(Answer, 3), copy_fields(Answer, 3, note="prime")
    (Answer(real=3, note=UNSET), Answer(real=3, note='prime'))
    """
    optional = _optional(kind)
    for name in kind.__struct_fields__:
        if name in others:
            continue
        for source in sources:
            value = getattr(source, name, _MISSING)
            if value is not _MISSING:
                others[name] = UNSET if value is None and name in optional else value
                break
    return kind(**others)


@cache
def _optional(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Return the names of fields that a struct may lack."""
    return frozenset(field.name for field in msgspec.structs.fields(kind) if field.default is UNSET)
