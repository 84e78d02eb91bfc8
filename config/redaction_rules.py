"""What is taken out of the texts of requests: the shipped rules, and the check of one's own."""

import re
import warnings
from typing import Any, Final

WINDOW: Final = 4096
"""Characters of a text that patterns are applied to."""

_MOST_STEPS: Final = 1 << 26  # a few tenths of a second at worst
_LONGEST: Final = 500

SHIPPED: Final = (
    (r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]{0,4000}", "[key]"),
    (r"eyJ[A-Za-z0-9_.-]{8,4000}", "[token]"),
    (r"(?i)\b(?:bearer|basic)[\s:]{1,3}[A-Za-z0-9._~+/=-]{8,4000}", "[token]"),
    (r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}", "[aws-key]"),
    (r"(?i)\bcookie[\\\"']{0,3}\s{0,2}[:=]\s{0,2}\\?[\"']?[^\r\n\"']{1,4000}", "[cookies]"),
    (
        (  # also as the end of a longer name, such as DB_PASSWORD; a quoted value ends where its quotes do
            r"(?i)(?:passw(?:or)?d|pwd|passphrase|secret(?:[_-]?(?:access[_-]?)?key)?|token"
            r"|(?:api|access|private)[_-]?key|authorization)"
            r"[\\\"']{0,3}\s{0,2}(?:[:=]|%3[AD])\s{0,2}\\?(?:\"[^\"]{1,4000}|'[^']{1,4000}|[^\s\"';&]{1,4000})"
        ),
        "[secret]",
    ),
    (
        (
            r"\b(?:xox[a-z]-|xapp-|gh[oprsu]_|github_pat_|glpat-|[prs]k_(?:live|test)_)[A-Za-z0-9_-]{8,4000}"
            r"|\buneri_[A-Za-z0-9_-]{40,4000}"
        ),
        "[token]",
    ),
    (r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}", "[email]"),
    (
        (
            r"(?<![0-9])(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6[05][0-9]{2}|3[0-9]{3})"
            r"(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,4}(?![0-9])"
        ),
        "[card]",
    ),
    (r"(?<![A-Za-z0-9])[0-9a-fA-F]{40,4000}", "[hex]"),
)
"""Patterns, and what takes the place of what they match."""


def checked_pattern(pattern: str) -> str:
    """Check a pattern: that it is one, and that it cannot take long, whatever the text.

    Raises
    ------
    ValueError
        With the reason and a remedy.
    """
    if not pattern or len(pattern) > _LONGEST:
        raise ValueError(f"a pattern has 1 to {_LONGEST} characters; shorten it, or make two rules of it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = re.compile(pattern)
            tree = re._parser.parse(pattern)  # type: ignore[attr-defined] # noqa: SLF001 - how it is tried
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}; correct it") from None
    if found.search("") is not None:
        raise ValueError("it matches the empty text; let it match at least one character")
    if WINDOW * _ways(tree) > _MOST_STEPS:
        raise ValueError(
            "it may take too long on some texts; bound its quantifiers, as in \\S{1,100} in the place of "
            "\\S+, or use fewer of them"
        )
    return pattern


def _ways(tree: Any, *, ends: bool = True) -> int:
    """Return in how many ways a pattern can be tried at one place, at most; behind its end nothing fails."""
    ways = 1
    parts = list(tree)
    for at, (operation, given) in enumerate(parts):
        last = ends and at == len(parts) - 1
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = given
            times, each = min(int(most), WINDOW), _ways(inner, ends=False)
            if each > 1:  # a choice at every turn
                ways *= each ** min(times, 64)
            if not last or each > 1:
                ways *= times - min(int(least), times) + 1
        elif name == "BRANCH":
            ways *= sum(_ways(branch, ends=last) for branch in given[1])
        elif name in ("SUBPATTERN", "ASSERT", "ASSERT_NOT", "ATOMIC_GROUP"):
            ways *= _ways(given if name == "ATOMIC_GROUP" else given[-1], ends=last)
        elif name.startswith("GROUPREF"):
            ways *= WINDOW
        if ways > _MOST_STEPS:
            break
    return ways
