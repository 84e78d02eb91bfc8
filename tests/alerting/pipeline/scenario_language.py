"""The acceptance language: what happens to a backend, minute by minute, and which messages must result.

A file holds scenarios one after the other. Lines that begin with ``#`` are comments::

    scenario: a table and its callers are one page
    settings: {notify: {quiet_hours: [{start: "22:00", end: "07:00"}]}}
    starts: 2026-03-02T10:00
    at 0: finding spike table items wcu 41 expected 8.2 callers inventory-put-item 0.91
    at 60 s: finding spike function inventory-put-item requests 90 expected 20
    at 90 s: expect page "table items" in #uneri
    at 20 min: finding end items; finding end inventory-put-item
    at 31 min: expect edit RESOLVED; expect thread Resolved; expect nothing

Times are counted from ``starts`` (UTC): ``0``, ``90 s``, ``2 h 5 min``, ``3 d``. Statements:

===================================================  ==================================================
``finding VERDICT KIND NAME MEASURE VALUE …``        one begins: ``expected X``, ``callers NAME SHARE …``,
                                                     ``touches KIND:NAME …``, ``account ID``, ``limit X``,
                                                     ``score X``, ``days N``, ``near``, ``error TYPE``,
                                                     ``as KEY``; ``{n}`` in a name after ``finding xN`` counts
``finding KEY CHANGE …``                             an update of the newest one (by its name, unless ``as``
                                                     gave a key): ``now VALUE``, ``end``, ``withdrawn``,
                                                     ``becomes VERDICT``, ``near``, ``callers …``,
                                                     ``touches …``
``press ASK NAME [DURATION] [by WHO] [why TEXT]``    a person presses a button of the newest incident
                                                     about NAME
``silence KIND:NAME DURATION [by WHO] [why TEXT]``   a pattern is silenced; ``unsilence`` ends the last
``slack FAULT for DURATION``, ``slack FAULT once``   429, 500, 503, ``drop after`` … (``slack_standin.py``)
``restart``                                          the process dies and restarts at its last checkpoint
``expect WHAT [xN] WORDS … [in #CHANNEL]``           ``page``, ``edit``, ``thread``, ``digest``, ``flood``,
                                                     ``file``, ``call`` (a line of a thread that is in the
                                                     channel, too): not expected before, with all the words
``expect held WORDS …``                              an incident is held for this reason
``expect open WORDS …``                              an ongoing incident is in this state
``expect nothing``                                   no message but those expected before
===================================================  ==================================================

Every message and every line of a thread must be expected; other edits are fine, since they notify no one.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from config.load import ConfigError, load_settings
from config.settings import Settings

UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}
SEEN: Final = ("page", "edit", "thread", "call", "digest", "flood", "file")
VERBS: Final = ("finding", "press", "silence", "unsilence", "slack", "restart", "expect")
_TIME = re.compile(r"(\d+)\s*(s|min|h|d)?")
_START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)  # a Monday


class ScenarioError(ValueError):
    """A line that cannot be parsed."""

    def __init__(self, place: str, line: int, problem: str) -> None:
        super().__init__(f"{place}:{line}: {problem}")


@dataclass(frozen=True)
class Statement:
    """One statement, in words, ``at`` seconds from the start."""

    at: int
    words: tuple[str, ...]
    line: int
    text: str


@dataclass
class Scenario:
    """Events and expectations, in order of time."""

    name: str
    place: str
    line: int
    start: int = int(_START.timestamp())
    settings: Settings = field(default_factory=Settings)
    statements: list[Statement] = field(default_factory=list)

    def error(self, statement: Statement, problem: str) -> ScenarioError:
        """Return an error about a statement."""
        return ScenarioError(self.place, statement.line, f"{statement.text!r}: {problem}")


def read(path: Path) -> list[Scenario]:
    """Read the scenarios of a file."""
    return list(parse(path.read_text(encoding="utf-8"), path.name))


def parse(text: str, place: str = "scenario") -> Iterator[Scenario]:
    """Read scenarios.

    Raises
    ------
    ScenarioError
        With the line and what is wrong with it.
    """
    found: Scenario | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        head, colon, rest = line.partition(": ")
        keyword, rest = head.strip(), rest.strip()
        if not colon or not rest:
            raise ScenarioError(place, number, f"expected 'keyword: …', not {line.strip()!r}")
        if keyword == "scenario":
            if found is not None:
                yield _checked(found)
            found = Scenario(rest, place, number)
        elif found is None:
            raise ScenarioError(place, number, "the first line of a scenario is 'scenario: its name'")
        else:
            _take(found, keyword, rest, number)
    if found is not None:
        yield _checked(found)


def _take(scenario: Scenario, keyword: str, rest: str, line: int) -> None:
    if keyword == "settings":
        scenario.settings = _settings(rest, scenario.place, line)
    elif keyword == "starts":
        scenario.start = _start(rest, scenario.place, line)
    elif keyword.startswith("at "):
        _add(scenario, keyword.removeprefix("at "), rest, line)
    else:
        raise ScenarioError(
            scenario.place, line, f"expected scenario, settings, starts or at, not {keyword!r}"
        )


def seconds(text: str) -> int | None:
    """Return the seconds of ``2 h 5 min``, None if it is not a time.

    Examples
    --------
    >>> seconds("0"), seconds("90 s"), seconds("2 h 5 min"), seconds("soon"), seconds("5")
    (0, 90, 7500, None, None)
    """
    parts = _TIME.findall(text)
    if not parts or _TIME.sub("", text).strip() or any(not unit and int(count) for count, unit in parts):
        return None
    return sum(int(count) * UNITS[unit or "s"] for count, unit in parts)


def _settings(text: str, place: str, line: int) -> Settings:
    try:
        return load_settings(None, text)
    except ConfigError as error:
        raise ScenarioError(place, line, f"invalid settings: {error}") from error


def _start(text: str, place: str, line: int) -> int:
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise ScenarioError(place, line, f"{error}; write it like 2026-03-02T10:00") from error


def _add(scenario: Scenario, when: str, text: str, line: int) -> None:
    at = seconds(when)
    if at is None:
        raise ScenarioError(scenario.place, line, f"{when!r} is not a time; write it like 90 s or 2 h 5 min")
    if scenario.statements and at < scenario.statements[-1].at:
        raise ScenarioError(scenario.place, line, "this is earlier than the line before it")
    for part in _cut(text):
        try:
            words = tuple(shlex.split(part))
        except ValueError as error:
            raise ScenarioError(scenario.place, line, f"{part!r}: {error}") from error
        if not words or words[0] not in VERBS:
            verbs = ", ".join(VERBS)
            raise ScenarioError(scenario.place, line, f"{part!r} does not begin with one of: {verbs}")
        if words[0] == "expect" and (len(words) == 1 or words[1] not in (*SEEN, "held", "open", "nothing")):
            kinds = ", ".join((*SEEN, "held", "open", "nothing"))
            raise ScenarioError(scenario.place, line, f"{part!r}: expect one of {kinds}")
        scenario.statements.append(Statement(at, words, line, part))


def _cut(text: str) -> list[str]:
    """Cut statements at semicolons that are not quoted."""
    parts, quoted, begun = [], False, 0
    for at, character in enumerate(text):
        quoted ^= character == '"'
        if character == ";" and not quoted:
            parts.append(text[begun:at].strip())
            begun = at + 1
    return [*parts, text[begun:].strip()]


def _checked(scenario: Scenario) -> Scenario:
    if not any(statement.words[0] == "expect" for statement in scenario.statements):
        raise ScenarioError(scenario.place, scenario.line, f"the scenario {scenario.name!r} expects nothing")
    return scenario
