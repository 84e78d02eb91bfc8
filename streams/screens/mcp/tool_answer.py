"""The answer of a tool: a few lines of words, and the same as data, both small enough for an assistant.

An assistant reads all that it is given, and has room for little. Lists that do not fit lose their ends, and
the answer says how many entries are left out and how to ask for less.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import wraps
from typing import Any, Final

import msgspec
import structlog
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field

from streams.screens.mcp.board_client import BoardAnswerError
from streams.screens.mcp.untrusted_text import MARKED

MOST_TEXT: Final = 6_000  # characters
MOST_DATA: Final = 20_000  # bytes of JSON
NARROWER: Final = "ask for a shorter range, fewer entries, or with a filter"

READS: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

Tool = Callable[..., Awaitable[CallToolResult]]
"""Answers, or raises ``BoardAnswerError`` where the daemon does not answer or has no such thing."""

log = structlog.get_logger("uneri.assistant")

OTHER_VERSION = (
    "the daemon answers what this version of uneri mcp does not understand; use the same version of both"
)


def _slim(schema: dict[str, Any]) -> None:
    """Remove titles from a schema, and null, which no answer holds."""
    schema.pop("title", None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)
        kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
        if len(kinds) == 1:
            del field["anyOf"]
            field.update(kinds[0])
        if field.get("default", ...) is None:
            del field["default"]


class ToolPart(BaseModel):
    """A part of an answer's data."""

    model_config = ConfigDict(json_schema_extra=_slim)


class ToolData(ToolPart):
    """The data of an answer: times in ISO 8601, in the zone of the daemon; what is absent is not known."""

    left_out: dict[str, int] = Field(
        default_factory=dict, description=f"How many entries of a list did not fit; {NARROWER}."
    )

    def leave_out(self, **given: int) -> None:
        """Say of lists, by their names, how many of the given entries are left out."""
        for name, count in given.items():
            if count > len(getattr(self, name)):
                self.left_out[name] = count - len(getattr(self, name))


def answered(data: ToolData, lines: Iterable[str]) -> CallToolResult:
    """Return an answer; ``lines`` say the same as the data."""
    found: dict[str, Any] = data.model_dump(mode="json", exclude_none=True)
    fit(found, MOST_DATA)
    return CallToolResult(content=[TextContent(text=in_words(lines))], structured_content=found)


def refused(error: str) -> CallToolResult:
    """Return an error: the reason and the remedy in a line."""
    return CallToolResult(content=[TextContent(text=in_words([error]))], is_error=True)


def in_words(lines: Iterable[str], most: int = MOST_TEXT) -> str:
    """Return lines as one text, as many as fit.

    Examples
    --------
    >>> print(in_words(["All is well.", "Nothing is open."]))
    All is well.
    Nothing is open.
    >>> print(in_words(["a" * 12, "b" * 12, "c"], 20))
    aaaaaaaaaaaa
    (2 more lines do not fit; ask for a shorter range, fewer entries, or with a filter.)
    """
    given = list(lines)
    kept: list[str] = []
    room = most
    for line in given:
        room -= len(line) + 1
        if room < 0:
            kept.append(f"({len(given) - len(kept)} more lines do not fit; {NARROWER}.)")
            break
        kept.append(line)
    text = "\n".join(kept)
    return f"{text}\n{MARKED}" if "«" in text else text


def fit(data: dict[str, Any], most: int) -> None:
    """Shorten the lists of some data, the longest first, until its JSON has at most ``most`` bytes.

    Examples
    --------
    >>> data = {"incidents": ["x" * 40] * 8, "memos": ["y"]}
    >>> fit(data, 300)
    >>> len(data["incidents"]), data["memos"], data["left_out"]
    (4, ['y'], {'incidents': 4})
    """
    while size(data) > most:
        _, path, longest = max(
            ((size(entries), path, entries) for path, entries in _lists(data, "") if entries),
            key=lambda sized: sized[0],
            default=(0, "", None),
        )
        if longest is None:
            return
        kept = len(longest) // 2
        left_out = data.setdefault("left_out", {})
        left_out[path] = left_out.get(path, 0) + len(longest) - kept
        del longest[kept:]


def size(data: object) -> int:
    """Return the size of some data as JSON, bytes."""
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def _lists(data: object, path: str) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(data, list):
        yield path, data
        for entry in data:
            yield from _lists(entry, path)
    elif isinstance(data, dict):
        for name, value in data.items():
            if name != "left_out":
                yield from _lists(value, f"{path}.{name}" if path else name)


def or_refusal(tool: Tool, not_understood: str = OTHER_VERSION) -> Tool:
    """Return a tool that answers an error in place of raising it.

    ``not_understood`` is the answer where data have another form.
    """

    @wraps(tool)
    async def answering(**arguments: Any) -> CallToolResult:
        try:
            return await tool(**arguments)
        except BoardAnswerError as error:
            return refused(str(error))
        except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
            log.warning("not understood", error=repr(error)[:200])
            return refused(not_understood)

    return answering
