"""The head of a report: its source and the summary figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from alerting.incidents.incident import Incident
from alerting.report.card import Fact
from alerting.words import numbers
from alerting.words.mrkdwn import clean
from alerting.words.phrases import Phrases

WEEK: Final = 7 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHead:
    """The source of a report. Times are epoch seconds of event time; zero if unknown."""

    source: str = ""
    first: int = 0
    last: int = 0
    records: int = 0
    seconds: float = 0.0  # wall time it took
    notes: Sequence[str] = ()  # what readers need to know of the source, one sentence each


def span_of(about: ReportHead, incidents: Sequence[Incident]) -> tuple[int, int]:
    """Return first and last time in epoch seconds, from the head or else from the incidents."""
    starts = [incident.start for incident in incidents]
    ends = [incident.end or incident.primary.seen for incident in incidents]
    first = about.first or min(starts, default=0)
    return first, max(first, about.last or max(ends, default=0))


def span_in_words(span: tuple[int, int], zone: ZoneInfo, words: Phrases) -> str:
    """Return the span as text, with its time zone."""
    first, last = span
    if not last:
        return f"Times in {zone.key}"
    return (
        f"{words.figures.clock(first, zone)} to {words.figures.clock(last, zone)} "
        f"({words.figures.duration(last - first)}), times in {zone.key}"
    )


def figures(
    about: ReportHead, incidents: Sequence[Incident], span: tuple[int, int], dead: Mapping[str, int]
) -> list[Fact]:
    """Return the figures, most important first."""
    sent = Counter(incident.sent for incident in incidents)
    still = sum(incident.end is None and incident.sent == "page" for incident in incidents)
    weeks = (span[1] - span[0]) / WEEK
    shown = [
        Fact(
            "page" if sent["page"] == 1 else "pages",
            f"{sent['page']:,}",
            f"{still} still open" if still else "",
        )
    ]
    if weeks >= 1:
        shown.append(Fact("pages per week", f"{sent['page'] / weeks:.1f}", f"over {weeks:.1f} weeks"))
    shown += [
        Fact("in the digest", f"{sent['digest']:,}", "growing series" if sent["digest"] else ""),
        Fact("not sent", f"{sent['none']:,}", "each with its reason" if sent["none"] else ""),
    ]
    if about.records:
        shown.append(Fact("records", _large(about.records), _pace(about, span)))
    if about.records or dead:
        bad = sum(dead.values())
        shown.append(Fact("bad records", f"{bad:,}", _part_of(bad, about.records)))
    return shown


def notes(about: ReportHead) -> list[str]:
    """Return the notes, cleaned: names of sources come from outside."""
    return [clean(note) for note in about.notes]


def _large(count: int) -> str:
    return f"{count:,}" if count < 10_000_000 else f"{count / 1e6:,.1f} M"  # noqa: PLR2004  fits on a phone


def _part_of(bad: int, records: int) -> str:
    if not bad or not records:
        return ""
    share = bad / records
    return "fewer than 1 in 1,000" if share < 1e-3 else f"{numbers.percent(share)} % of all"  # noqa: PLR2004  as the text says


def _pace(about: ReportHead, span: tuple[int, int]) -> str:
    if about.seconds <= 0:
        return ""
    faster = numbers.number((span[1] - span[0]) / about.seconds)
    return f"{numbers.number(about.records / about.seconds)} per second, {faster} times real time"
