"""Removes secrets from texts before they are kept or sent."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from config.sections.intake import SHIPPED, WINDOW, RedactSettings
from streams.engine.decode.columns import Tag
from streams.engine.decode.event import MAX_NAME_BYTES

MOST: Final = 2048
"""Bytes of a text that are kept."""

_NOTHING_LEFT: Final = "[redacted]"
_MOST_REMEMBERED: Final = 4096
"""Distinct texts of tags: few reasons and types of errors come again and again."""

_FULL: Final = MAX_NAME_BYTES - 3  # bytes of a tag that may have been cut, inside a character too
_IDENTIFIER: Final = re.compile(
    r"(?:[a-z]{1,12}:)?(?:1-[0-9a-f]{8}-[0-9a-f]{24}|[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})"
)
_DELIMITED: Final = re.compile(r"[\s,;\"'&<>{}()\[\]][^\s,;\"'&<>{}()\[\]]*\Z")


class Redaction:
    """The rules of a configuration, behind those that are shipped.

    Patterns were checked when the configuration was loaded: none takes long.
    """

    def __init__(self, settings: RedactSettings | None = None) -> None:
        settings = settings or RedactSettings()
        rules: Sequence[tuple[str, str]] = [(rule.pattern, rule.replace) for rule in settings.rules]
        self._rules = [
            (re.compile(pattern), replace.replace("\\", "\\\\"))  # it is no template
            for pattern, replace in (*rules, *(SHIPPED if settings.shipped else ()))
        ]
        self._tag = lru_cache(_MOST_REMEMBERED)(self._tag_text)

    def tags(self, tags: Sequence[Tag]) -> list[Tag]:
        """Return tags as they may be seen; some then have the same text."""
        return [tag if (text := self._tag(tag.text)) == tag.text else tag._replace(text=text) for tag in tags]

    def _tag_text(self, text: str) -> str:
        if len(text.encode()) >= _FULL and _DELIMITED.search(text):  # its end is perhaps half a secret
            text = _DELIMITED.sub("", text)
        return self.shown(text, MAX_NAME_BYTES) or _NOTHING_LEFT

    def shown(self, text: str | None, most: int = MOST) -> str | None:
        """Return a text as it may be seen: at most so many bytes of UTF-8.

        A uuid or the id of a trace has nothing to hide, and is returned as it is.

        Examples
        --------
        >>> Redaction().shown("bob@example.com sent 4111 1111 1111 1111")
        '[email] sent [card]'
        """
        if not text:
            return None
        if len(text) < most and _IDENTIFIER.fullmatch(text):
            return text
        if len(text) > WINDOW:  # what is cut in two is not recognised: leave it out
            text = text[:WINDOW]
            text = _DELIMITED.sub("", text) if _DELIMITED.search(text) else ""
        for pattern, replacement in self._rules:
            text = pattern.sub(replacement, text)
        return text if 4 * len(text) <= most else text.encode(errors="replace")[:most].decode(errors="ignore")
