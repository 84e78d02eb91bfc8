"""Slack's mrkdwn split into runs of text, for the terminal and the preview."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.words.locales import ENGLISH
from alerting.words.phrases import Phrases

_TOKEN: Final = re.compile(r"<(?P<inner>[^<>]*)>|\*(?P<bold>[^*\n]+)\*")
_CALLED: Final = re.compile(r"(?:@|!|!subteam\^)(?P<who>[A-Za-z0-9]+)")
_DATE: Final = re.compile(r"!date\^(\d+)\^(\{date_short_pretty\})?")


class TextRun(NamedTuple):
    """A run of text with one style."""

    text: str
    bold: bool = False
    url: str | None = None


def runs(mrkdwn: str, zone: ZoneInfo, words: Phrases = ENGLISH, *, bold: bool = False) -> Iterator[TextRun]:
    """Yield the runs of mrkdwn that Uneri wrote: bold, links, dates and escaped text.

    Examples
    --------
    >>> [tuple(run) for run in runs("*Now* <https://x.io/?a&amp;b|it&amp;ms>", ZoneInfo("UTC"))]
    [('Now', True, None), (' ', False, None), ('it&ms', False, 'https://x.io/?a&b')]
    """
    done = 0
    for found in _TOKEN.finditer(mrkdwn):
        if found.start() > done:
            yield TextRun(unescape(mrkdwn[done : found.start()]), bold)
        done = found.end()
        if found["bold"] is not None:
            yield from runs(found["bold"], zone, words, bold=True)
            continue
        date = _DATE.match(found["inner"])
        if date is not None:
            yield TextRun(words.figures.slack_time(int(date[1]), zone, day=date[2] is not None), bold)
            continue
        called = _CALLED.fullmatch(found["inner"])
        if called is not None:  # Slack shows members by name; here only their ids are known
            yield TextRun(f"@{called['who']}", bold=True)
            continue
        url, _, label = found["inner"].partition("|")
        yield TextRun(unescape(label or url), bold, unescape(url))
    if done < len(mrkdwn):
        yield TextRun(unescape(mrkdwn[done:]), bold)


def unescape(text: str) -> str:
    """Undo Slack's three entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
