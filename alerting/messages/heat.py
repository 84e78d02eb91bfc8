"""How the digest writes who leads: the hottest table of each account, and concurrency beside its limit."""

from collections.abc import Sequence
from typing import Final

from alerting.messages.message import NAME
from alerting.words.mrkdwn import escape
from alerting.words.phrases import Phrases
from detectors.watch.hottest import Hot

LINES: Final = 10
"""What is hot enough to look at; the hottest come first."""


def heat_lines(hottest: Sequence[Hot], words: Phrases) -> list[str]:
    """Return one line a table that leads or a scope with a limit, changes of who leads first."""
    ordered = sorted(hottest, key=lambda hot: (hot.former is None, -hot.share, hot.scope))
    return [_line(hot, words) for hot in ordered[:LINES]]


def _line(hot: Hot, words: Phrases) -> str:
    label = f"*{escape(hot.scope.label, NAME)}*"
    account = escape(f"{hot.scope.cloud} {hot.scope.account}", NAME)
    former = f"*{escape(hot.former.label, NAME)}*" if hot.former else ""
    measure = escape(words.name(hot.measure), NAME) if hot.measure is not None else ""
    return words.hot(hot, account, label, former, measure)
