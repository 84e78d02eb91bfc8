"""The evidence behind an incident, list by list: for Details, and for an incident that leaves Slack."""

from alerting.incidents.incident import Incident
from alerting.messages.callers import reason_counts
from alerting.messages.message import NAME, labelled
from alerting.words.mrkdwn import escape
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding, Share
from detectors.model.shares import notable


def evidence_lists(incident: Incident, words: Phrases) -> list[tuple[str, list[str]]]:
    """Return titled lists of mrkdwn, some empty: callers, clients, reasons, causes, grouped findings."""
    primary, labels = incident.primary, words.labels
    callers, suspects = notable(primary)
    return [
        (labels.callers, [_share(caller, primary, words) for caller in callers]),
        (labels.suspects, [_share(suspect, primary, words) for suspect in suspects]),
        (labels.reasons, [f"{escape(reason, NAME)} · {count}" for reason, count in reason_counts(primary)]),
        (
            labels.causes,
            [
                escape(
                    f"{words.figures.about(cause.scope)} · {words.figures.measure(cause.measure)}", 2 * NAME
                )
                + f" · {words.figures.percent(cause.score)}"
                for cause in primary.causes
            ],
        ),
        (labels.members, [_member(member, words) for member in incident.members]),
    ]


def basis_fields(finding: Finding, words: Phrases) -> list[str]:
    """Return what a finding rests on, as fields of mrkdwn."""
    labels = words.labels
    return [
        labelled(labels.completeness, words.figures.completeness(finding.completeness)),
        labelled(labels.weeks_used, ", ".join(map(str, finding.weeks_used))),
        labelled(labels.weeks_left_out, ", ".join(map(str, finding.weeks_left_out))),
        labelled(labels.basis, words.incident.compared(finding)),
        labelled(labels.where, words.place(finding.about)),
    ]


def _share(share: Share, finding: Finding, words: Phrases) -> str:
    figures = words.figures
    now, before = (
        figures.quantity(value, finding.measure, finding.about) for value in (share.observed, share.expected)
    )
    name = escape(figures.about(share.scope), 2 * NAME)
    change = escape(f"{figures.percent(share.share)} · {before} → {now}", 2 * NAME)
    why = words.incident.because(share, finding)
    return f"{name} · {change}" + (f" · {why}" if why else "")


def _member(finding: Finding, words: Phrases) -> str:
    what = f"{words.figures.about(finding.about)} · {words.incident.size(finding, finding.observed)}"
    return f"*{words.figures.verdict(finding.verdict)}*  {escape(what, 3 * NAME)}"
