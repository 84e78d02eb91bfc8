"""What people noted about an incident and about others of its kind, as lines of a message and of Details."""

import re
from collections.abc import Iterator, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.memo import LONGEST, Memo
from alerting.incidents.incident import Incident
from alerting.messages.message import SECTION, SENTENCE
from alerting.words.mrkdwn import CUT, clean, cut, escape, link, person
from alerting.words.phrases import Phrases
from alerting.words.stated_texts import safe_url

NAMED: Final = 3
"""Memos that a message shows of its incident, and of others: the newest."""

SHORT: Final = 300  # characters of a memo in a message
_AROUND: Final = 500  # characters of a line besides the memo
_ADDRESS: Final = re.compile(r"https://[^\s<>|\"'`]*[^\s<>|\"'`.,;:!?)\]」）、。]")


class MemoLines:
    """The memos of one incident and of others of its kind (oldest first), as lines of mrkdwn."""

    def __init__(self, memos: Sequence[Memo], incident: Incident, words: Phrases, zone: ZoneInfo) -> None:
        self._memos = memos
        self._words = words
        self._zone = zone
        self._others = [memo for memo in memos if memo.incident != incident.id]
        self._own = [memo for memo in memos if memo.incident == incident.id]

    def some(self) -> list[str]:
        """Return what a message shows: what was learnt the last times, newest first, then its own memos."""
        shown = [*self._others[: -NAMED - 1 : -1], *self._own[-NAMED:]]
        lines = [self._line(memo, SHORT) for memo in shown]
        more = len(self._memos) - len(shown)
        return [*lines, self._words.lists.and_more(more)] if more else lines

    def all(self) -> list[str]:
        """Return all memos at length, the newest first."""
        return [self._line(memo, LONGEST) for memo in reversed(self._memos)]

    def _line(self, memo: Memo, limit: int) -> str:
        when, text = self._words.when(memo.at, self._zone), memo_mrkdwn(memo.text, limit)
        return self._words.incident.memo(self.title(memo), when, person(memo.by), text)

    def title(self, memo: Memo) -> str:
        """Return what a memo stands under: of this incident, of the last other one, or of one before."""
        labels = self._words.labels
        if memo in self._own:
            return labels.noted
        return labels.last_time if memo.incident == self._others[-1].incident else labels.earlier_time


def memo_mrkdwn(text: str, limit: int = LONGEST) -> str:
    """Return the text of a memo as one line of mrkdwn that fits into a section with what stands before it.

    Its addresses are links, since memos lead to where more is written.

    Examples
    --------
    >>> memo_mrkdwn("*see* https://wiki.example.com/ios?a=1&b=2, and @here")
    '∗see∗ <https://wiki.example.com/ios?a=1&amp;b=2|wiki.example.com/ios?a=1&amp;b=2>, and ＠here'
    """
    whole = _linked(cut(clean(text), limit))
    return whole if len(whole) <= SECTION - _AROUND else escape(text, SENTENCE)


def addresses(line: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a line, and of each whether it is an address that may become a link."""
    done = 0
    for found in _ADDRESS.finditer(line):
        half = line.endswith(CUT, found.start(), found.end() + 1)
        if safe_url(found.group()) is not None and not half:
            yield line[done : found.start()], False
            yield found.group(), True
            done = found.end()
    yield line[done:], False


def _linked(line: str) -> str:
    return "".join(
        link(part, part.removeprefix("https://"), SHORT) if leads else _escaped(part)
        for part, leads in addresses(line)
    )


def _escaped(part: str) -> str:
    """Escape a part of a line, and keep the space at its ends."""
    before, after = " " * part.startswith(" "), " " * (part != " " and part.endswith(" "))
    return f"{before}{escape(part, LONGEST)}{after}"
