"""How records are read: event time, the number of names, dead letters, and what is redacted."""

import re
import warnings
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from config.sections.section import Section
from config.sections.values import Delay, Seconds, Share


class TimeSettings(Section):
    """Event time: the width of buckets and how late a record may be."""

    bucket: Literal[10] = Field(10, description="bucket width, seconds")
    step: Seconds = Field(60, description="seconds between judgements of a series; a multiple of bucket")
    lateness: Delay = Field(
        30,
        description="how far a record may trail the event time reached before it counts as late, seconds",
    )
    future: Seconds = Field(
        300,
        description="a record that claims to be more than this later than its arrival is refused, seconds",
    )
    idle: Seconds = Field(
        30,
        description="a partition without records for this long no longer holds event time back; its time "
        "goes on by the clock; seconds",
    )
    ahead: Seconds = Field(
        600,
        description="a partition further ahead of the slowest than this waits, which bounds memory; seconds",
    )

    early: bool = Field(
        True,
        description="report a strong rise, or an absence, before its step is judged, which takes it back if "
        "it does not show it; steps of up to five minutes",
    )

    @field_validator("step")
    @classmethod
    def _step_is_whole_buckets(cls, step: int, info: ValidationInfo) -> int:
        bucket = info.data.get("bucket", 10)
        if step % bucket:
            near = max(1, round(step / bucket)) * bucket
            raise ValueError(f"must be a multiple of bucket, which is {bucket}; {near} is the nearest")
        return step


class RollupSettings(Section):
    """Bounds on distinct names: beyond half of one, names count as ``other`` until they come back.

    Each minute then gives few of the places that are left, and services share these.
    """

    max_paths: Annotated[int, Field(ge=1, le=5_000_000)] = Field(
        50_000,
        description="combinations of account, region, service, route, function and client per partition",
    )
    max_calls: Annotated[int, Field(ge=1, le=5_000_000)] = Field(
        100_000, description="combinations of these with a table, per partition"
    )
    max_values: Annotated[int, Field(ge=1, le=1000)] = Field(
        50, description="keys of business values per partition; one of them is kept for gb_s"
    )
    max_series: Annotated[int, Field(ge=100, le=5_000_000)] = Field(
        100_000,
        description="series per shard, across all partitions; the least used of the new ones are folded",
    )


class DeadLetterSettings(Section):
    """How many bad records of a source become dead letters.

    Beyond, a topic, file or pipe is not read on, and those of a sender over HTTP or TCP are refused.
    """

    stop: bool = Field(
        True,
        description="false accepts every bad record as a dead letter; later, counting restarts at zero",
    )
    in_a_row: Annotated[int, Field(ge=1, le=1000)] = Field(
        50, description="consecutive bad records of one source that are accepted as dead letters"
    )
    share: Share = Field(0.1, description="fraction of a source's last 1,000 records that may be bad")


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
    """Return the most ways to try a pattern at one place; behind its end nothing fails."""
    ways = 1
    parts = list(tree)
    for at, (operation, given) in enumerate(parts):
        last = ends and at == len(parts) - 1
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = given
            times, inner_ways = min(int(most), WINDOW), _ways(inner, ends=False)
            if inner_ways > 1:  # a choice at every turn
                ways *= inner_ways ** min(times, 64)
            if not last or inner_ways > 1:
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


Pattern = Annotated[str, AfterValidator(checked_pattern)]


class RedactRule(Section):
    """One rule."""

    name: str = Field("", max_length=60, description="what it is for")
    pattern: Pattern = Field(description="regular expression of Python; its quantifiers are bounded")
    replace: str = Field("[redacted]", max_length=60, description="the text that takes its place")


class RedactSettings(Section):
    """What of examples, throttle reasons and error types nobody may read: taken out before they are kept."""

    shipped: bool = Field(
        True,
        description="also take out e-mail addresses, tokens, passwords, cookies, AWS keys, private keys, "
        "card numbers and long hexadecimal secrets",
    )
    rules: list[RedactRule] = Field(
        default_factory=list, max_length=50, description="applied first, in this order"
    )
