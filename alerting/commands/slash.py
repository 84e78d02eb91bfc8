"""Parses the text of the slash command ``/uneri``."""

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.command import Matcher
from alerting.commands.memo import LONGEST as LONGEST_MEMO
from alerting.commands.memo import memo_text
from config.settings import MEASURES, SCOPE_KINDS, DigestSettings
from detectors.model.finding import Verdict

SHORTEST: Final = 60
LONGEST: Final = 90 * 86400
"""Most seconds for which a command may silence; longer silences belong in the configuration."""

_UNITS: Final = {
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "分": 60, "分間": 60,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "時間": 3600,
    "d": 86400, "day": 86400, "days": 86400, "日": 86400, "日間": 86400,
    "w": 604_800, "week": 604_800, "weeks": 604_800, "週": 604_800, "週間": 604_800,
}  # fmt: skip
_PART: Final = re.compile(
    rf"([0-9]{{1,4}})({'|'.join(sorted(_UNITS, key=len, reverse=True))})", re.IGNORECASE | re.ASCII
)


def seconds_of(text: str) -> int | None:
    """Return the seconds of a duration such as ``2h``, ``1d12h`` or ``30分``; None if it is not one.

    Examples
    --------
    >>> [seconds_of(text) for text in ("2h", "1h30m", "1D", "2時間", "90", "h", "")]
    [7200, 5400, 86400, 7200, None, None, None]
    """
    total = place = 0
    while place < len(text):
        part = _PART.match(text, place)
        if part is None:
            return None
        total += int(part[1]) * _UNITS[part[2].lower()]
        place = part.end()
    return total or None


def tomorrow(now: int, digest: DigestSettings, zone: ZoneInfo) -> int:
    """Return the time of the digest on the next local day.

    Examples
    --------
    >>> tomorrow(0, DigestSettings(at="09:00"), ZoneInfo("UTC")) // 3600
    33
    """
    return morning_of(datetime.fromtimestamp(now, zone).date() + timedelta(days=1), digest, zone)


def morning_of(day: date, digest: DigestSettings, zone: ZoneInfo) -> int:
    """Return the time of the digest on a local day, epoch seconds."""
    return int(datetime.combine(day, time.fromisoformat(digest.at), zone).timestamp())


WHAT_CHANGED: Final = 2 * 3600
LONGEST_TEXT: Final = 2000
_WHY: Final = 200  # characters of a reason that are kept
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_./-]{0,79}")
_TOKEN: Final = re.compile(r"""(?P<head>[^\s"“”„«»]*)["“”„«»](?P<quoted>[^"“”„«»]*)["“”„«»]|(?P<word>\S+)""")
_COLON: Final = re.compile("[:：]")
_NAMED: Final = ("value:", "level:")
_ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))  # Slack escapes only these three
_PARTS: Final = {"account": "accounts", "service": "services", "verdict": "verdicts", "measure": "measures"}
_VERDICTS: Final = frozenset(verdict.value for verdict in Verdict)
EVERYTHING: Final = "everything"
_JAPANESE: Final = {
    "アカウント": "account", "サービス": "service", "ルート": "route", "関数": "function",
    "テーブル": "table", "クライアント": "client", "テナント": "tenant", "判定": "verdict", "指標": "measure",
    "すべて": EVERYTHING, "全て": EVERYTHING,
}  # fmt: skip


class Fault(StrEnum):
    """Why a text is answered with help; the phrases choose the words."""

    UNKNOWN = "unknown"  # unknown word
    WHOM = "whom"  # a silence without a matcher
    HOW_LONG = "how_long"  # a silence without a duration
    TOO_LONG = "too_long"  # or too short
    SINCE = "since"  # neither a scope nor a duration, or something after the duration
    WHICH = "which"  # no id of a silence to remove
    ALONE = "alone"  # everything together with something else
    TEXT = "text"  # too long to be typed
    NOTE = "note"  # a memo without an incident or "now"
    EMPTY_NOTE = "empty_note"
    LONG_NOTE = "long_note"  # a memo with too long a text


class Help(NamedTuple):
    """Show the usage; ``word`` is what was not understood, never trusted."""

    fault: Fault | None = None
    word: str = ""


class Query(StrEnum):
    """A query without arguments."""

    STATUS = "status"
    OPEN = "open"
    SILENCES = "silences"


class WhatChanged(NamedTuple):
    """A query for what changed in the last N seconds, of what matches."""

    seconds: int
    matcher: Matcher = Matcher()


class SilenceRequest(NamedTuple):
    """Silence what matches for N seconds."""

    matcher: Matcher
    seconds: int
    why: str


class UnsilenceRequest(NamedTuple):
    """Remove the silence with this id."""

    id: str


class NoteRequest(NamedTuple):
    """Keep a memo on an incident, or without one on the timeline, as of now."""

    text: str
    incident: str | None
    scope: str = ""  # of the timeline: kind:name, or empty


SlashRequest = Help | Query | WhatChanged | SilenceRequest | UnsilenceRequest | NoteRequest

_WORDS: Final[dict[str, SlashRequest]] = {
    "": Help(), "help": Help(), "?": Help(), "ヘルプ": Help(),
    "status": Query.STATUS, "状態": Query.STATUS,
    "open": Query.OPEN, "未解決": Query.OPEN,
    "silences": Query.SILENCES, "停止一覧": Query.SILENCES,
}  # fmt: skip
_CHANGED: Final = frozenset({"what-changed", "whatchanged", "changed", "changes", "変化"})
_SILENCE: Final = frozenset({"silence", "snooze", "停止"})
_UNSILENCE: Final = frozenset({"unsilence", "unsnooze", "停止解除"})
_NOTE: Final = frozenset({"note", "memo", "メモ"})
_NOW: Final = frozenset({"now", "今"})


def parse(text: str) -> SlashRequest:
    """Parse the text after ``/uneri``. Never raises: what is not understood gives ``Help``.

    ``status``, ``open``, ``silences``, ``what-changed [service:shop] [2h]``,
    ``silence table:items 2h why …``, ``unsilence ID``, ``note ID text …``, ``note now [table:items] text …``.
    A silence takes one or more parts (``kind:name``,
    ``account:``, ``service:``, ``verdict:``, ``measure:``, or ``everything``), a duration, and a reason.
    Quote a name with spaces; typographic quotes work, too. Kinds may be Japanese, and all but names
    full-width, as typed by keyboards.

    Examples
    --------
    >>> parse("what-changed 30m").seconds
    1800
    >>> parse('silence route:"POST /items/{id}" verdict:spike 2h a load test').matcher.scopes
    ['route:POST /items/{id}']
    >>> parse("silence table:items").fault.value
    'how_long'
    >>> parse("停止　テーブル：items　２時間").seconds
    7200
    >>> parse('note 3f9a it was "ios" again'), parse("note now table:items moved").scope
    (NoteRequest(text='it was "ios" again', incident='3f9a', scope=''), 'table:items')
    """
    if len(text) > LONGEST_TEXT:
        return Help(Fault.TEXT)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    words = [_unquoted(found) for found in _TOKEN.finditer(text)]
    first, rest = (_plain(words[0]), words[1:]) if words else ("", [])
    if first in _CHANGED:
        return _what_changed(rest)
    if first in _SILENCE:
        return _silence(rest)
    if first in _UNSILENCE:
        named = unicodedata.normalize("NFKC", rest[0]) if rest else ""
        return UnsilenceRequest(named) if _ID.fullmatch(named) else Help(Fault.WHICH)
    if first in _NOTE:
        return _note(text)
    return _WORDS.get(first, Help(Fault.UNKNOWN, first))


def _unquoted(found: re.Match[str]) -> str:
    word = found["word"]
    return word if word is not None else found["head"] + found["quoted"]


def _plain(word: str) -> str:
    """Normalise a word that is not one of the user's names."""
    return unicodedata.normalize("NFKC", word).lower()


def _what_changed(rest: list[str]) -> SlashRequest:
    parts = _no_parts()
    for place, word in enumerate(rest):
        seconds = seconds_of(_plain(word))
        if seconds is None:
            if not _names(word, parts):
                return Help(Fault.SINCE, word)
        elif not SHORTEST <= seconds <= LONGEST:
            return Help(Fault.TOO_LONG, word)
        else:
            left = rest[place + 1 :]
            return Help(Fault.SINCE, left[0]) if left else WhatChanged(seconds, Matcher(**parts))
    return WhatChanged(WHAT_CHANGED, Matcher(**parts))


def _note(text: str) -> SlashRequest:
    """Parse a memo: what follows its incident is kept as it was typed."""
    _, which, rest = (*text.split(None, 2), "", "")[:3]
    named, scope = unicodedata.normalize("NFKC", which), ""
    if (now := named.lower() in _NOW) and (found := _TOKEN.match(rest)) is not None:
        scope = scope_in(" ".join(memo_text(_unquoted(found)).split()))
        rest = rest[found.end() :] if scope else rest
    kept = memo_text(rest)
    if not now and not _ID.fullmatch(named):
        return Help(Fault.NOTE)
    if not kept:
        return Help(Fault.EMPTY_NOTE)
    if len(kept) > LONGEST_MEMO:
        return Help(Fault.LONG_NOTE)
    return NoteRequest(kept, None if now else named, scope)


def scope_in(word: str) -> str:
    """Return the scope that a word names, as ``kind:name``; empty if it names none.

    Examples
    --------
    >>> scope_in("テーブル：items"), scope_in("https://example.com")
    ('table:items', '')
    """
    kind, *names = _COLON.split(word, maxsplit=1)
    kind = _JAPANESE.get(_plain(kind), _plain(kind))
    return f"{kind}:{names[0]}" if kind in SCOPE_KINDS and names and names[0] else ""


def _no_parts() -> dict[str, list[str]]:
    return {"scopes": [], **{name: [] for name in _PARTS.values()}}


def _silence(rest: list[str]) -> SlashRequest:
    parts = _no_parts()
    named = everything = 0
    for place, word in enumerate(rest):
        seconds = seconds_of(_plain(word))
        if seconds is not None:
            if not named:
                return Help(Fault.WHOM)
            if everything and named > everything:
                return Help(Fault.ALONE)
            if not SHORTEST <= seconds <= LONGEST:
                return Help(Fault.TOO_LONG, word)
            why = " ".join(rest[place + 1 :])[:_WHY]
            return SilenceRequest(Matcher(**parts), seconds, why)
        if not _names(word, parts):
            return Help(Fault.HOW_LONG if named else Fault.WHOM, word)
        named += 1
        everything += _is_everything(word)
    return Help(Fault.HOW_LONG if named else Fault.WHOM)


def _names(word: str, parts: dict[str, list[str]]) -> bool:
    """Add the name in a word to its part; return False when it has none."""
    if _is_everything(word):
        return True
    kind, *names = _COLON.split(word, maxsplit=1)
    kind = _plain(kind)
    kind = _JAPANESE.get(kind, kind)
    name = names[0] if names else ""
    if not name or (kind == "verdict" and _plain(name) not in _VERDICTS):
        return False
    if kind == "measure" and not _is_measure(_plain(name)):
        return False
    if kind in ("verdict", "measure"):
        parts[_PARTS[kind]].append(name if name.startswith(_NAMED) else _plain(name))
        return True
    # A name matches as written, and where a keyboard made it full-width also in its normal form.
    forms = dict.fromkeys((name, unicodedata.normalize("NFKC", name)))
    if kind in _PARTS:
        parts[_PARTS[kind]] += forms
    elif kind in SCOPE_KINDS:
        parts["scopes"] += (f"{kind}:{form}" for form in forms)
    else:
        return False
    return True


def _is_everything(word: str) -> bool:
    return _JAPANESE.get(_plain(word), _plain(word)) == EVERYTHING


def _is_measure(name: str) -> bool:
    return "*" in name or name in MEASURES or (name.startswith(_NAMED) and name not in _NAMED)
