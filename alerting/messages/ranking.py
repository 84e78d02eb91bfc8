"""How the digest writes its rankings: APIs by use and by their worst, business values, beside last week."""

from collections.abc import Sequence
from typing import Final

from alerting.messages.message import NAME
from alerting.words.mrkdwn import escape
from alerting.words.phrases import Phrases
from detectors.watch.standings import Use

LINES: Final = 5
"""Of each ranking: a digest is read over coffee."""


def ranking_lines(uses: Sequence[Use], words: Phrases, lines: int = LINES) -> list[str]:
    """Return one line a use, the first first; the account is named where there are several."""
    accounts = {(use.scope.cloud, use.scope.account) for use in uses}
    return [_line(use, words, of_many=len(accounts) > 1) for use in uses[:lines]]


def _line(use: Use, words: Phrases, *, of_many: bool) -> str:
    if use.measure.key:
        label, where = use.measure.key, use.scope.account
    else:
        label, where = use.scope.label, use.scope.account if of_many else ""
    name = f"*{escape(label, NAME)}*" + (f" ({escape(where, NAME)})" if where else "")
    return words.use(use, name)
