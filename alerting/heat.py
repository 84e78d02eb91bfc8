"""How the digest writes who leads: the hottest table of each account, and concurrency beside its limit."""

from collections.abc import Sequence
from typing import Final

from alerting import numbers
from alerting.message import NAME
from alerting.mrkdwn import escape
from detectors.hottest import Hot

LINES: Final = 10
"""What is hot enough to look at; the hottest come first."""


def heat_lines(hottest: Sequence[Hot]) -> list[str]:
    """Return one line a table that leads or a scope with a limit, changes of who leads first."""
    ordered = sorted(hottest, key=lambda hot: (hot.former is None, -hot.share, hot.scope))
    return [_line(hot) for hot in ordered[:LINES]]


def _line(hot: Hot) -> str:
    label = f"*{escape(hot.scope.label, NAME)}*"
    if hot.scope.kind != "table":
        used = numbers.percent(hot.share)
        return f"{hot.scope.kind.capitalize()} {label}: {used} of its concurrency in its busiest hour"
    of = (
        f"{numbers.percent(hot.share)} of its {numbers.name(hot.measure)} limit in its busiest hour"
        if hot.measure
        else f"{numbers.percent(hot.share)} of the capacity consumed there"
    )
    account = f"{hot.scope.cloud} {hot.scope.account}".strip() or "the unnamed account"
    now = "now" if hot.former else "still"
    was = f"; it was *{escape(hot.former.label, NAME)}*" if hot.former else ""
    return f"The hottest table of {escape(account, NAME)} is {now} {label}: {of}{was}"
