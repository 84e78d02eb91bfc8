"""What is told of an incident, as facts: each a figure with its measure, its window and what it is of.

The facts of a program are those of the JSON that webhooks, ``uneri incident`` and the board send; those of a
person are read out of the text of the message, as somebody with a notebook would.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from alerting.incidents.answers import incident_entry
from alerting.incidents.incident import Incident
from detectors.model.finding import Finding, Verdict
from detectors.model.scope import Scope

MINUTE: Final = 60
LATELY: Final = 3 * MINUTE


class Place(NamedTuple):
    """What a figure is of; without an account, of all of them together."""

    kind: str
    name: str
    account: str = ""


class Fact(NamedTuple):
    """One figure that was told."""

    said: str  # where it stood, for people
    figure: str  # rate, peak, failed, requests, missing, of a caller: what is to be recomputed
    scope: Place
    measure: str
    since: int
    until: int
    value: float
    within: float = 1e-6  # what rounding allows
    source: Place | None = None  # the caller whose part it is
    known: Place | None = None  # since whose first request there is something to tell; its own


class Claim(NamedTuple):
    """A word that is true of a rise or of a fall only, about a rate over a time, and what was expected."""

    said: str
    rises: bool
    observed: Fact
    expected: float
    deviations: float = 0.0  # by chance: standard deviations of what is observed


def facts_of(incident: Incident) -> Iterator[Fact]:
    """Yield the facts that programs get, of the incident's primary finding, and of all its findings."""
    entry: dict[str, Any] = msgspec.to_builtins(incident_entry(incident))
    for finding in (incident.primary, *incident.members):
        if isinstance(finding.about, Scope) and finding.state != "withdrawn":
            yield from _of_finding(finding)
    primary = incident.primary
    if not isinstance(primary.about, Scope):
        return
    about, affected = _about(primary), entry["affected"]
    if affected["requests"] is not None and affected["seconds"]:
        since = primary.until - affected["seconds"]
        yield Fact("affected", "count", about, "requests", since, primary.until, affected["requests"], 0.5)
    if (mean := entry.get("added_up")) is not None:
        yield Fact(
            "added_up in JSON",
            "rate",
            about,
            entry["measure"],
            primary.until - mean["seconds"],
            primary.until,
            mean["observed"],
        )


def _of_finding(finding: Finding) -> Iterator[Fact]:
    about, measure = _about(finding), str(finding.measure)
    said = f"{finding.verdict} of {measure} of {about}, {finding.state}: {finding.sentence}"
    if finding.verdict in (Verdict.GROWTH, Verdict.LIMIT, Verdict.FATAL):
        return
    if finding.is_open and not finding.early:
        yield Fact(said, "rate", about, measure, finding.seen - MINUTE, finding.seen, finding.observed)
    mean, until = finding.added_up, finding.until
    since = finding.start
    if mean is not None:
        since = until - mean.seconds
        yield Fact(said, "rate", about, measure, since, until, mean.observed)
    if (failures := finding.failures) is not None:
        begun = until - failures.seconds
        yield Fact(said, "count", about, measure, begun, until, failures.failed, 0.5)
        yield Fact(said, "count", about, "requests", begun, until, failures.requests, 0.5)
    if (basis := finding.rests_on) is not None:
        drawn = "calling" if about.kind == "table" else measure if finding.failures else "requests"
        yield Fact(f"basis of {said}", "count", about, drawn, basis.since, basis.until, basis.requests, 0.5)
    if finding.early:
        return
    if finding.peak is not None:
        figure = "highest" if finding.rises else "lowest"
        yield Fact(f"peak of {said}", figure, about, measure, since, until, finding.peak)
    for share in finding.callers:
        source = Place(share.scope.kind, share.scope.name, share.scope.account)
        yield Fact(f"caller of {said}", "rate", about, measure, since, until, share.observed, source=source)


class Reading(NamedTuple):
    """How figures read in a language; the patterns have groups ``n``, ``of``, ``unit`` and ``lasts``."""

    basis: re.Pattern[str]
    means: re.Pattern[str]
    failed: re.Pattern[str]
    affected: re.Pattern[str]
    now: re.Pattern[str]
    durations: re.Pattern[str]


def _reading(units: str, *texts: str) -> Reading:
    named = {
        "N": r"(?P<n>[\d,]+(?:\.\d+)?)",
        "M": r"(?P<of>[\d,]+)",
        "D": rf"(?P<lasts>(?:\d+ ?(?:{units}) ?)+)",
    }

    def pattern(text: str) -> re.Pattern[str]:
        return re.compile(
            re.sub(r"(?<!\\w)[NMD](?![a-zA-Z])", lambda found: named[found[0]], text), re.MULTILINE
        )

    basis, means, failed, affected, now = map(pattern, texts)
    return Reading(basis, means, failed, affected, now, re.compile(rf"(\d+) ?({units})"))


READINGS: Final = {
    "en": _reading(
        "d|h|min|s",
        r", of N requests?$",
        r"N (?P<unit>[a-z ]+)/s over D",
        r"N of M (?:(?:requests|calls) in|failed \(\d+ %\), [^;]* over) D",
        r"^\W*Affected\W+N (?:requests?|calls?) in D",
        r"^\*Now\*\s+N (?P<unit>[a-z ]+)/s$",
    ),
    "ja": _reading(
        "日|時間|分|秒",
        r"（リクエストN件に基づく）",
        r"D間?の平均が? N ?(?P<unit>件|回|WCU)/秒",
        r"D間?の(?:リクエスト|呼び出し) M件中 N件",
        r"D間?に(?:リクエスト|呼び出し) N件",
        r"^\*現在値\*\s+N ?(?P<unit>件|回|WCU)/秒$",
    ),
}
_SECONDS: Final = {"d": 86400, "h": 3600, "min": 60, "s": 1, "日": 86400, "時間": 3600, "分": 60, "秒": 1}
_UNITS: Final = {"wcu": "wcu", "WCU": "wcu", "requests": "requests", "calls": "requests"}
_FALLING: Final = re.compile(r"\b(fewer|drop|missing|DROP|NO REQUESTS)\b")
_AS_OF: Final = re.compile(r"As of <!date\^(\d+)|<!date\^(\d+)[^>]*> 時点")
_COURSE: Final = re.compile(r"^.*, (easing|worsening) ·.*", re.MULTILINE)
_RISING: Final = re.compile(r"\b(more calls|more capacity|increase|SPIKE)\b")


def facts_in(text: str, finding: Finding, locale: str) -> Iterator[Fact]:
    """Yield the facts that a person reads in a message about a finding."""
    reading, until, measure = READINGS[locale], finding.until, str(finding.measure)

    def read(found: re.Match[str], figure: str, measure: str, group: str = "n") -> Fact:
        lasts = reading.durations.findall(found["lasts"])
        seconds = sum(int(count) * _SECONDS[unit] for count, unit in lasts)
        value, within = float(found[group].replace(",", "")), rounding(found[group], figure)
        return Fact(found[0], figure, _about(finding), measure, until - seconds, until, value, within)

    if (basis := finding.rests_on) is not None:
        drawn = "calling" if finding.about.kind == "table" else measure if finding.failures else "requests"
        for found in reading.basis.finditer(text):
            value, within = float(found["n"].replace(",", "")), rounding(found["n"], "count")
            about = _about(finding)
            yield Fact(found[0], "count", about, drawn, basis.since, basis.until, value, within)
    for found in reading.means.finditer(text):
        yield read(found, "rate", _UNITS.get(found["unit"], measure))
    for found in reading.failed.finditer(text):
        yield read(found, "count", measure)
        yield read(found, "count", "requests", "of")
    for found in reading.affected.finditer(text):
        yield read(found, "count", "requests")
    for found in reading.now.finditer(text):  # of the last minute before the message's time
        at = counted_at(text)
        value, within = float(found["n"].replace(",", "")), rounding(found["n"], "rate")
        shown = _UNITS.get(found["unit"], measure)
        yield Fact(found[0], "rate", _about(finding), shown, at - MINUTE, at, value, within)


def claims_in(text: str, finding: Finding) -> Iterator[Claim]:
    """Yield the words of a message that say which way its finding went."""
    if finding.added_up is None or finding.verdict in (Verdict.LIMIT, Verdict.GROWTH, Verdict.FATAL):
        return
    seconds, (observed, expected) = finding.added_up.seconds, finding.figures
    about, since = _about(finding), finding.until - seconds
    span = Fact("", "rate", about, str(finding.measure), since, finding.until, observed)
    if found := _COURSE.search(text):  # the last minutes are on its side of the mean
        until = counted_at(text)
        newest = span._replace(since=until - LATELY, until=until)
        rises = (found[1] == "worsening") is finding.rises
        yield Claim(found[0], rises, newest, observed, 4.0)
    for pattern, rises in ((_FALLING, False), (_RISING, True)):
        for found in pattern.finditer(text):
            line = next(line for line in text.splitlines() if found[0] in line)
            yield Claim(line, rises, span, expected)


def counted_at(text: str) -> int:
    """Return the time of a message's figures, in epoch seconds."""
    found = _AS_OF.search(text)
    assert found, "a message that goes on says of what time its figures are"
    return int(found[1] or found[2])


def rounding(number: str, figure: str) -> float:
    """Return by how much a number may be off because it is rounded to two or three digits."""
    _, _, decimals = number.partition(".")
    if decimals:
        return 0.51 * 10.0 ** -len(decimals)
    value = float(number.replace(",", ""))
    if value >= 1000:
        return 0.0051 * value
    return 0.051 if figure == "rate" and value < 10 else 0.51


def _about(finding: Finding) -> Place:
    about = finding.about
    assert isinstance(about, Scope)
    return Place(about.kind, about.name, about.account)
