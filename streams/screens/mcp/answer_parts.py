"""The part of an answer of the board that an assistant receives, declared by the names of its fields.

What a field is, the board's own struct says: here is only which fields there are. Times become ISO 8601 in
the zone of the daemon, scopes what tools take, addresses links that lead to the web. What is not known is
absent.
"""

import enum
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, ClassVar, Final, Literal, NamedTuple, Self, Union, cast, get_args, get_origin

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import Field, create_model

from detectors.model.measures import Measure
from detectors.model.scope import ScopeAnswer
from streams.screens.mcp.named_scope import NamedScope
from streams.screens.mcp.tool_answer import ToolData, ToolPart
from streams.screens.mcp.tool_figures import ToolTimes
from streams.screens.mcp.untrusted_text import shown, shown_url

_TIMES: Final = frozenset(("at", "end", "first", "most_at", "since", "start", "ts", "until"))
_ADDRESSES: Final = frozenset(("runbook", "url"))


class Given(NamedTuple):
    """A field that a tool makes itself: its type, and what it is."""

    kind: Any
    about: str = ""


class AnswerPart(ToolPart):
    """Some fields of a struct of the board."""

    paths: ClassVar[Mapping[str, str]] = {}  # where the struct has what is copied, by field
    parts: ClassVar[Mapping[str, "type[AnswerPart]"]] = {}  # of the structs within it, by field
    longest: ClassVar[Mapping[str, int]] = {}  # characters of texts that events and people wrote, by field
    lacking: ClassVar[frozenset[str]] = frozenset()  # texts that are absent where they are empty

    @classmethod
    def made_from(cls, source: msgspec.Struct, times: ToolTimes, /, **given: Any) -> Self:
        """Return the part of a struct, with the fields that are given besides, or in place of its own."""
        copied = {
            name: cls._copied(name, _found(source, path), times)
            for name, path in cls.paths.items()
            if name not in given
        }
        return cls(**copied | given)

    @classmethod
    def _copied(cls, name: str, value: Any, times: ToolTimes) -> Any:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [cls._copied(name, entry, times) for entry in value]
        if isinstance(value, msgspec.Struct):
            return (
                NamedScope.of(value)
                if isinstance(value, ScopeAnswer)
                else cls.parts[name].made_from(value, times)
            )
        last = cls.paths[name].rpartition(".")[2]
        if value is not None and last in _TIMES:
            value = times.data(value)
        elif last in _ADDRESSES:
            value = shown_url(value)
        elif value is not None and name in cls.longest:
            value = shown(value, cls.longest[name])
        elif isinstance(value, enum.Enum):
            value = value.value
        return None if value == "" and name in cls.lacking else value


class AnswerData(AnswerPart, ToolData):
    """Some fields of a struct of the board, as the data of an answer."""


def part_of(
    source: type[msgspec.Struct],
    about: str,
    fields: str,
    /,
    *,
    longest: Mapping[str, int] | None = None,
    base: type[AnswerPart] = AnswerPart,
    **others: Given | type[AnswerPart],
) -> type[AnswerPart]:
    """Declare a part of a struct.

    Parameters
    ----------
    fields
        Names in their order: ``name``, or ``name=path`` where the struct has another one, with ``?`` behind
        those that are absent where they are empty.
    longest
        Characters of what events and people wrote, by field.
    others
        Fields that a tool makes itself, and the parts of structs within this one.
    """
    paths: dict[str, str] = {}
    declared: dict[str, Any] = {}
    lacking = set()
    for entry in fields.split():
        name, _, path = entry.removesuffix("?").partition("=")
        other = others.get(name)
        if isinstance(other, Given):
            kind, may_lack = other.kind, NoneType in get_args(other.kind)
        else:
            paths[name] = path or name
            kind, may_lack = _kind(source, paths[name], other)
        if entry.endswith("?"):
            may_lack = True
            lacking.add(name)
        said = other.about if isinstance(other, Given) else ""
        default = None if may_lack else ...
        declared[name] = kind | None if may_lack else kind, Field(default, description=said or None)
    made = create_model(source.__name__, __base__=base, __doc__=about, **declared)
    made.paths, made.longest, made.lacking = paths, longest or {}, frozenset(lacking)
    made.parts = {name: other for name, other in others.items() if not isinstance(other, Given)}
    return made


def data_of(source: type[msgspec.Struct], about: str, fields: str, /, **others: Any) -> type[AnswerData]:
    """Declare the data of an answer, as ``part_of`` does."""
    return cast("type[AnswerData]", part_of(source, about, fields, base=AnswerData, **others))


def _found(source: Any, path: str) -> Any:
    """Return what a path leads to; None where something on it is not known."""
    for name in path.split("."):
        source = getattr(source, name, None)
        if source is None or source is UNSET:
            return None
    return source


def _kind(source: type[msgspec.Struct], path: str, part: type[AnswerPart] | None) -> tuple[Any, bool]:
    """Return the type of a field of a struct as data, and whether it may be absent."""
    name, _, rest = path.partition(".")
    [hint] = [field.type for field in msgspec.structs.fields(source) if field.name == name]
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    may_lack = NoneType in kinds or UnsetType in kinds
    [kind] = [kind for kind in kinds if kind not in (NoneType, UnsetType)]
    if rest:
        inner, lacks = _kind(kind, rest, part)
        return inner, may_lack or lacks
    return _as_data(kind, name, part), may_lack


def _as_data(kind: Any, name: str, part: type[AnswerPart] | None) -> Any:
    if get_origin(kind) in (list, Sequence):
        return list[_as_data(get_args(kind)[0], name, part)]  # type: ignore[misc]
    if part is not None:
        return part
    if kind is ScopeAnswer:
        return NamedScope
    if name in _TIMES or kind is Measure:
        return str
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return Literal[tuple(value.value for value in kind)]
    return kind
