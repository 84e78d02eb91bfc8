"""Strings from events, made harmless: nothing in them is markup, a mention or a link to Slack."""

import re
import unicodedata
from typing import Final

CUT: Final = "…"

# Slack reads these as formatting. Entities exist only for & < >, so look-alikes stand in for the rest.
_LOOKALIKE: Final = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ"})
_EMOJI: Final = re.compile(r":(?=[\w+'-]+:)")
_ITALIC: Final = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # not between two letters: user_items stays as it is
_MENTION: Final = re.compile(r"(?<![\w])[@#](?=\w)")
_HIDDEN: Final = {
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
    "Zl",
    "Zp",
}  # control, bidi and zero-width, lone surrogates, unassigned


def clean(text: str) -> str:
    r"""Drop control, bidi and zero-width characters; make one line of it.

    Examples
    --------
    >>> clean("items\u202e\n  gpj.\u200bexe")
    'items gpj.exe'
    """
    spaced = "".join(" " if character.isspace() else character for character in text)
    shown = "".join(character for character in spaced if unicodedata.category(character) not in _HIDDEN)
    return " ".join(shown.split())


def cut(text: str, limit: int) -> str:
    """Shorten to ``limit`` code points; the cut is marked.

    Examples
    --------
    >>> cut("inventory", 6)
    'inven…'
    """
    return text if len(text) <= limit else text[: limit - 1].rstrip() + CUT


def plain(text: str, limit: int) -> str:
    """Return a string for a ``plain_text`` object: cleaned, cut, and without angle brackets.

    Examples
    --------
    >>> plain("items <!channel>", 40)
    'items ‹!channel›'
    """
    return cut(clean(text), limit).replace("<", "‹").replace(">", "›")


def escape(text: str, limit: int) -> str:
    """Return a string for mrkdwn: cleaned, cut by code points, then escaped (which may make it longer).

    Examples
    --------
    >>> escape("<!channel> *bold* & user_items :fire:", 100)
    '&lt;!channel&gt; ∗bold∗ &amp; user_items ∶fire:'
    """
    short = cut(clean(text), limit).translate(_LOOKALIKE)
    short = _MENTION.sub(lambda found: "＠" if found.group() == "@" else "＃", short)
    short = _ITALIC.sub("ˍ", _EMOJI.sub("∶", short)).replace("://", "∶//")
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def link(url: str | None, label: str, limit: int, longest_url: int = 900) -> str:
    """Return a link with an escaped label; the label alone when there is no URL that Slack can take.

    Examples
    --------
    >>> link("https://example.com/?a=1&b=2", "items|x", 20)
    '<https://example.com/?a=1&amp;b=2|items¦x>'
    """
    # A bar would end the URL part, were the URL to hold one; in the label it is shown as a broken bar.
    shown = escape(label.replace("|", "¦"), limit) or "?"
    if (
        url is None
        or not url.startswith("https://")
        or len(url) > longest_url
        or re.search(r"[\s<>|\"]", url)
    ):
        return shown
    return f"<{url.replace('&', '&amp;')}|{shown}>"
