"""Escapes strings from events for Slack: none of them can be markup, a mention or a link."""

import re
from typing import Final

CUT: Final = "…"

# Slack reads these as formatting. Entities exist only for & < >, so look-alikes replace the rest.
_LOOKALIKE: Final = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ"})
_MEANT: Final = str.maketrans({"∗": "*", "∼": "~", "ˋ": "`", "∶": ":", "ˍ": "_", "＠": "@", "＃": "#"})
_EMOJI: Final = re.compile(r":(?=[\w+'-]+:)")
_HALF: Final = re.compile(r":(?=[\w+'-]+$)")  # our own colon after it would complete an emoji
_SCOPE: Final = re.compile(r"(account|service|route|function|table|client|tenant):[^:]*")  # people copy it
_ITALIC: Final = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # not between two letters: user_items is unchanged
_MENTION: Final = re.compile(r"(?<![\w])[@#](?=\w)")


def clean(text: str) -> str:
    r"""Drop control, bidi and zero-width characters, and collapse white space into single spaces.

    Examples
    --------
    >>> clean("items\u202e\n  gpj.\u200bexe")
    'items gpj.exe'
    """
    # Not printable: control, format, surrogate, private, unassigned, and separators other than the space.
    hidden = {
        ord(character): " " if character.isspace() else None
        for character in set(text)
        if not character.isprintable()
    }
    return " ".join(text.translate(hidden).split())


def cut(text: str, limit: int) -> str:
    """Shorten to ``limit`` code points, marked by an ellipsis.

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
    """Return a string for mrkdwn: cleaned, cut by code points, then escaped (which may lengthen it).

    Examples
    --------
    >>> escape("<!channel> *bold* & user_items :fire:", 100)
    '&lt;!channel&gt; ∗bold∗ &amp; user_items ∶fire:'
    >>> escape("GET :smile", 100), escape("table:items", 100)
    ('GET ∶smile', 'table:items')
    """
    short = cut(clean(text), limit).translate(_LOOKALIKE)
    short = _MENTION.sub(lambda found: "＠" if found.group() == "@" else "＃", short)
    short = _EMOJI.sub("∶", short)
    short = short if _SCOPE.fullmatch(short) else _HALF.sub("∶", short)
    short = _ITALIC.sub("ˍ", short).replace("://", "∶//")
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def restored(text: str) -> str:
    """Undo the look-alikes of ``escape``, where the originals are no markup.

    Examples
    --------
    >>> restored("∗bold∗ ＠here https∶//example.com")
    '*bold* @here https://example.com'
    """
    return text.translate(_MEANT)


def link(url: str | None, label: str, limit: int, longest_url: int = 900) -> str:
    """Return a link with an escaped label, or the label alone without a URL that Slack accepts.

    Examples
    --------
    >>> link("https://example.com/?a=1&b=2", "items|x", 20)
    '<https://example.com/?a=1&amp;b=2|items¦x>'
    """
    # A bar separates URL and label, so in the label it becomes a broken bar.
    shown = escape(label.replace("|", "¦"), limit) or "?"
    if (
        url is None
        or not url.startswith("https://")
        or len(url) > longest_url
        or re.search(r"[\s<>|\"]", url)
    ):
        return shown
    return f"<{url.replace('&', '&amp;')}|{shown}>"


_MEMBER: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
_GROUP: Final = re.compile(r"S[A-Z0-9]{2,20}")


def person(by: str) -> str:
    """Return the name of a person: a member's id as a mention, any other name escaped.

    Examples
    --------
    >>> person("U012AB3CD"), person("<!here> ops")
    ('<@U012AB3CD>', '&lt;!here&gt; ops')
    """
    return f"<@{by}>" if _MEMBER.fullmatch(by) else escape(by, 60)


def mention(whom: str) -> str:
    """Return the mentions for what the configuration names: ``here``, or ids of users and groups.

    Examples
    --------
    >>> mention("here"), mention("U012AB3CD S0614TZR7"), mention("channel"), mention("")
    ('<!here>', '<@U012AB3CD> <!subteam^S0614TZR7>', '', '')
    """
    called = []
    for name in re.split(r"[\s,]+", whom):
        if name == "here":
            called.append("<!here>")
        elif _MEMBER.fullmatch(name):
            called.append(f"<@{name}>")
        elif _GROUP.fullmatch(name):
            called.append(f"<!subteam^{name}>")
    return " ".join(called)


def when(epoch: int, fallback: str, *, day: bool = True) -> str:
    """Return a time that Slack shows in the reader's zone and language, with or without its day.

    Examples
    --------
    >>> when(1760000000, "2025-10-09 17:53 JST")
    '<!date^1760000000^{date_short_pretty} {time}|2025-10-09 17:53 JST>'
    """
    return f"<!date^{epoch}^{'{date_short_pretty} ' if day else ''}{{time}}|{fallback}>"
