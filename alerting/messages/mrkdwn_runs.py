"""Slack's mrkdwn split into runs of text, for the terminal and the preview."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.words.locales import ENGLISH
from alerting.words.mrkdwn import escape, restored
from alerting.words.phrases import Phrases

_TOKEN: Final = re.compile(r"<(?P<inner>[^<>]*)>|\*(?P<bold>[^*\n]+)\*")
_CALLED: Final = re.compile(r"(?:@|!|!subteam\^)(?P<who>[A-Za-z0-9]+)")
_DATE: Final = re.compile(r"!date\^(\d+)\^(\{date_short_pretty\})?")
_WHOLE_DATE: Final = re.compile(r"<!date\^(\d+)\^[^<>]*>")


_CLOCK: Final = 60  # characters of a time


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


def dated(mrkdwn: str, zone: ZoneInfo, words: Phrases) -> str:
    """Return mrkdwn with times in full."""
    return _WHOLE_DATE.sub(lambda found: escape(words.figures.clock(int(found[1]), zone), _CLOCK), mrkdwn)


def unmarked(mrkdwn: str, zone: ZoneInfo, words: Phrases) -> str:
    """Return mrkdwn as plain text: links as their labels, and times in full.

    Examples
    --------
    >>> unmarked("*Now* <https://x.io|user∗>, <!date^0^{time}|…>", ZoneInfo("UTC"), ENGLISH)
    'Now user*, 1970-01-01 00:00 UTC'
    """
    return "".join(restored(run.text) for run in runs(dated(mrkdwn, zone, words), zone, words))


def unescape(text: str) -> str:
    """Undo Slack's three entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
