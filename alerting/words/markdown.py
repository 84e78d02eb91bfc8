"""Escapes strings for Markdown as GitHub reads it: none of them can be markup, a mention or a reference."""

import re
from typing import Final

from alerting.words.mrkdwn import clean

# As code it calls nobody and refers to nothing; with all that follows, which would begin a text of its own.
_CODE: Final = re.compile(r"(?:(?<![\w`])@(?=\w)|#(?=\d)|\bGH-(?=\d))[\w./@#-]*\w")
_SPECIAL: Final = re.compile(
    r"[\\`*\[\]<>~|$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|:(?=//)|(?<=www)\.", re.IGNORECASE
)
_START: Final = re.compile(r"^(?:[#+=-]|\d{1,9}(?=[.)]))")


def markdown_text(text: str) -> str:
    r"""Return a text as Markdown of one line that shows it as it is.

    Examples
    --------
    >>> print(markdown_text("*items* of user_items <b> @here #12 https://example.com"))
    \*items\* of user_items \<b\> `@here` `#12` https\://example.com
    """
    line, parts, done = clean(text), [], 0
    for found in _CODE.finditer(line):
        parts += [_escaped(line[done : found.start()]), f"`{found.group()}`"]
        done = found.end()
    return "".join([*parts, _escaped(line[done:])])


def markdown_line(markdown: str) -> str:
    r"""Return a line of Markdown that begins neither a list nor a heading.

    Examples
    --------
    >>> print(markdown_line("- 1"), markdown_line("1. a"), markdown_line("**b**"))
    \- 1 1\. a **b**
    """
    found = _START.match(markdown)
    if found is None:
        return markdown
    place = found.end() if found.group()[0].isdigit() else 0
    return f"{markdown[:place]}\\{markdown[place:]}"


def markdown_link(url: str, markdown: str) -> str:
    """Return a link with a text that is Markdown already.

    Examples
    --------
    >>> markdown_link("https://example.com/a(b) c", "items")
    '[items](<https://example.com/a(b)%20c>)'
    """
    safe = re.sub(r"\s", "%20", url.replace("<", "%3C").replace(">", "%3E").replace("\\", "%5C"))
    return f"[{markdown}](<{safe}>)"


def _escaped(part: str) -> str:
    return _SPECIAL.sub(lambda found: "&amp;" if found.group() == "&" else f"\\{found.group()}", part)
