"""A memo: a person's note on an incident, or on a moment, for later readers."""

import unicodedata
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from detectors.model.copy_fields import copy_fields

LONGEST: Final = 1000
"""Characters of a memo: a lesson, with a link to where more is written."""

_HIDDEN: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # Unicode: invisible


class MemoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person noted: of an incident, or of a moment (``scope`` is ``kind:name``, or empty)."""

    id: str
    incident: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    at: int
    written: int
    by: str
    name: str | UnsetType = UNSET
    text: str


class Memo(msgspec.Struct, frozen=True, kw_only=True):
    """One memo. Times are epoch seconds; ``text`` is plain, and never trusted."""

    id: str  # that of the command that made it
    number: int  # orders the memos that are kept as they were made
    at: int  # the moment that it is about; of an incident, when it was written
    written: int
    by: str  # the person, as the sink names people
    text: str
    incident: str = ""  # id; empty for a memo of the timeline
    fingerprint: str = ""  # of the incident: what all of its kind share
    scope: str = ""  # of the timeline: kind:name, or empty
    name: str = ""  # what people call the person, where ``by`` is an id

    @property
    def who(self) -> str:
        """The name of the person, or the id without one."""
        return self.name or self.by

    def as_answer(self) -> MemoAnswer:
        """Return it as programs receive it."""
        scope = UNSET if self.incident else self.scope
        name = self.name or UNSET
        return copy_fields(MemoAnswer, self, incident=self.incident or UNSET, scope=scope, name=name)


def memo_text(text: str) -> str:
    r"""Return the text of a memo as it is kept: lines of visible characters.

    Examples
    --------
    >>> memo_text("  ios 3.2.1\tretried \r\n\n\n\nwithout\u202e backoff\n")
    'ios 3.2.1 retried\n\nwithout backoff'
    """
    lines = [" ".join(_visible(line).split()) for line in text.splitlines()]
    kept = [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
    return "\n".join(kept).strip()


def _visible(line: str) -> str:
    spaced = "".join(" " if character.isspace() else character for character in line)
    return "".join(character for character in spaced if unicodedata.category(character) not in _HIDDEN)
