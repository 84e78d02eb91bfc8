"""Takes out of a text what nobody may read, before it is kept or sent."""

import re
from collections.abc import Sequence
from typing import Final

from config.redaction_rules import SHIPPED, WINDOW
from config.sections.redact import RedactSettings

MOST: Final = 2048
"""Bytes of a text that are kept."""

_IDENTIFIER: Final = re.compile(
    r"(?:[a-z]{1,12}:)?(?:1-[0-9a-f]{8}-[0-9a-f]{24}|[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})"
)
_DELIMITED: Final = re.compile(r"[\s,;\"'&<>{}()\[\]][^\s,;\"'&<>{}()\[\]]*\Z")


class Redaction:
    """The rules of a configuration, behind those that are shipped.

    Parameters
    ----------
    settings
        Whose patterns were checked when the configuration was loaded: none takes long.
    """

    def __init__(self, settings: RedactSettings | None = None) -> None:
        settings = settings or RedactSettings()
        rules: Sequence[tuple[str, str]] = [(rule.pattern, rule.replace) for rule in settings.rules]
        self._rules = [
            (re.compile(pattern), replace.replace("\\", "\\\\"))  # it is no template
            for pattern, replace in (*rules, *(SHIPPED if settings.shipped else ()))
        ]

    def shown(self, text: str | None, most: int = MOST) -> str | None:
        """Return what may be seen of a text: at most so many bytes of UTF-8.

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
