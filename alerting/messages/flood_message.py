"""The one message of many incidents: how many of what kind and where, and the worst of them."""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.incidents.incident import OVER, Incident
from alerting.messages.console_links import Doors
from alerting.messages.links import LinkMaker
from alerting.messages.message import NAME, Look, Message, context, fields, header, length, listing, section
from alerting.words.mrkdwn import clean, escape, mention, when
from alerting.words.phrases import Phrases
from detectors.model.scope import Edge

WORST: Final = 20
_COUNTS: Final = 5
_BUDGET: Final = 10_500


def flood_message(
    incidents: Sequence[Incident],
    links: LinkMaker,
    zone: ZoneInfo,
    words: Phrases,
    *,
    at: int,
    calls: str = "",
) -> Message:
    """Render a flood in its present state: it is edited as it grows and as its incidents resolve."""
    labels = words.labels
    still = [one for one in incidents if one.state not in OVER]
    called = mention(calls)
    title = words.flood_title(len(incidents), len(still))
    sentence = words.flood_sentence(len(incidents), len(still))
    verdicts = Counter(words.verdict(one.verdict) for one in incidents)
    accounts = Counter(words.place(one.primary.about) for one in incidents)
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
    worst = sorted(incidents, key=_worse)[:WORST]
    rows = [incident_row(one, Doors.of(one, links, words, at=at), words) for one in worst]
    budget = _BUDGET - length(blocks)
    blocks += listing(labels.worst, rows, words.in_the_file, budget=budget, total=len(incidents))
    blocks.append(context([when(at, words.clock(at, zone))]))
    look: Look = "page" if still else "over"
    return Message(text=f"{called} {title}. {sentence}".strip(), blocks=blocks, look=look)


def _worse(incident: Incident) -> tuple[bool, float, int, str]:
    over = incident.state in OVER
    return over, -incident.primary.score, incident.start, incident.id


def _counted(counts: Counter[str], words: Phrases) -> str:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [escape(words.count(clean(what), number), 2 * NAME) for what, number in ranked[:_COUNTS]]
    if len(ranked) > _COUNTS:
        lines.append(words.and_more(len(ranked) - _COUNTS))
    return "\n".join(lines) or "–"


def incident_row(incident: Incident, doors: Doors, words: Phrases) -> str:
    """Return one line for an incident, as mrkdwn: verdict, what it is about, how large it is, its state."""
    finding = incident.primary
    if isinstance(finding.about, Edge):
        what = escape(words.about(finding.about), 2 * NAME)
    else:
        what = f"{escape(words.kind(finding.about.kind), NAME)} {doors.linked(finding.about, NAME)}"
    size = escape(words.size(finding, incident.peak), NAME)
    state = "" if incident.state == "open" else words.state(incident)
    return words.row(words.verdict(incident.verdict), what, size, state)
