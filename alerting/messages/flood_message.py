"""The message of a flood of incidents: counts by verdict and account, and the most severe."""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.incidents.incident import Incident
from alerting.messages.blocks import NAME, Frame, Message, context, fields, header, length, listing, section
from alerting.messages.console_links import ConsoleLinks
from alerting.words.mrkdwn import clean, escape, mention
from alerting.words.phrases import Phrases
from config.links import Links
from detectors.model.scope import Edge

MOST_SEVERE: Final = 20
_COUNTS: Final = 5
_BUDGET: Final = 10_500


def flood_message(
    incidents: Sequence[Incident], links: Links, zone: ZoneInfo, words: Phrases, *, at: int, calls: str = ""
) -> Message:
    """Render a flood in its present state; it is edited as it grows and as its incidents resolve."""
    labels = words.labels
    still = [incident for incident in incidents if not incident.ended]
    called = mention(calls)
    title = words.digest.flood_title(len(incidents), len(still))
    sentence = words.digest.flood_sentence(len(incidents), len(still))
    verdicts = Counter(words.figures.verdict(incident.verdict) for incident in incidents)
    accounts = Counter(words.place(incident.primary.about) for incident in incidents)
    blocks = [
        header(title),
        section(f"{called} {sentence}".strip()),
        fields(
            [
                f"*{labels.by_verdict}*\n{_counted(verdicts, words)}",
                f"*{labels.by_account}*\n{_counted(accounts, words)}",
            ]
        ),
    ]
    severe = most_severe(incidents)
    rows = [
        incident_row(incident, ConsoleLinks.of(incident, links, words, at=at), words) for incident in severe
    ]
    budget = _BUDGET - length(blocks)
    more = words.figures.more_in_file
    blocks += listing(labels.most_severe, rows, more, budget=budget, total=len(incidents))
    blocks.append(context([words.when(at, zone)]))
    frame: Frame = "page" if still else "over"
    return Message(text=f"{called} {title}{labels.stop}{sentence}".strip(), blocks=blocks, look=frame)


def most_severe(incidents: Sequence[Incident], most: int = MOST_SEVERE) -> list[Incident]:
    """Return the worst incidents of a flood, those that go on first."""
    return sorted(incidents, key=_severity)[:most]


def _severity(incident: Incident) -> tuple[bool, int, float, int, str]:
    over = incident.ended
    return over, -incident.severity.level, -incident.primary.score, incident.start, incident.id


def _counted(counts: Counter[str], words: Phrases) -> str:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [escape(words.figures.count(clean(what), number), 2 * NAME) for what, number in ranked[:_COUNTS]]
    if len(ranked) > _COUNTS:
        lines.append(words.figures.and_more(count=len(ranked) - _COUNTS))
    return "\n".join(lines) or "–"


def incident_row(incident: Incident, console: ConsoleLinks, words: Phrases) -> str:
    """Return one line for an incident, as mrkdwn: verdict, scope, size, severity and state."""
    finding = incident.primary
    if isinstance(finding.about, Edge):
        what = escape(words.figures.about(finding.about), 2 * NAME)
    else:
        what = f"{escape(words.figures.kind(finding.about.kind), NAME)} {console.linked(finding.about, NAME)}"
    size = escape(words.incident.size(finding, incident.peak), NAME)
    state = "" if incident.state == "open" else f" · {words.figures.state(incident.state)}"
    how_bad = "" if incident.state == "withdrawn" else f" · {words.incident.grade(incident.severity.level)}"
    return f"*{words.figures.verdict(incident.verdict)}*  {what} · {size}{how_bad}{state}"
