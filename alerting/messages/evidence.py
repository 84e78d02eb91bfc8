"""The evidence behind an incident: all of it for Details and Markdown, the top callers for its page."""

from typing import Final

from alerting.incidents.incident import Incident
from alerting.messages.blocks import NAME, labelled
from alerting.messages.console_links import ConsoleLinks
from alerting.words.mrkdwn import clean, cut, escape
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding, Share, Verdict, notable
from detectors.model.scope import CLIENT, FUNCTION, TENANT


def evidence_lists(incident: Incident, words: Phrases) -> list[tuple[str, list[str]]]:
    """Return titled lists of mrkdwn, some empty: callers, clients, reasons, causes, grouped findings."""
    primary, labels = incident.primary, words.labels
    callers, suspects = notable(primary)
    alike = words.incident.all_alike(primary)
    basis = words.incident.rests_on(primary) if suspects else ""
    return [
        (labels.callers, [_share(caller, primary, words) for caller in callers]),
        (
            f"{labels.suspects}{basis}",
            [_share(suspect, primary, words) for suspect in suspects] or [alike] * bool(alike),
        ),
        (labels.reasons, [escape(reason, NAME) for reason in throttle_reasons(primary)]),
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
    """Return the data and weeks that a finding is based on, as fields of mrkdwn."""
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
    now, before = (figures.of_finding(value, finding) for value in (share.observed, share.expected))
    name = escape(figures.about(share.scope), 2 * NAME)
    # of what comes near a limit, nothing is too much
    amounts = now if finding.verdict is Verdict.LIMIT else f"{before} → {now}"
    change = escape(f"{figures.percent(share.share)} · {amounts}", 2 * NAME)
    return f"{name} · {change}{_because(share, finding, words)}"


def _member(finding: Finding, words: Phrases) -> str:
    what = f"{words.figures.about(finding.about)} · {words.incident.size(finding, finding.observed)}"
    return f"*{words.figures.verdict(finding.verdict)}*  {escape(what, 3 * NAME)}"


CALLERS: Final = 3
STANDS_OUT: Final = 0.5  # a client or tenant with at least this share of the excess is named


def caller_lines(finding: Finding, console: ConsoleLinks, words: Phrases) -> list[str]:
    """Return the lines about callers, clients and reasons for throttling, largest share first."""
    percent = words.figures.percent
    lines = [
        f"•  {console.linked(share.scope)}   *{percent(share.share)}*{_because(share, finding, words)}"
        for share in ranked(finding)[:CALLERS]
    ]
    basis, standing, alike = words.incident.rests_on(finding), standing_out(finding), ""
    if not standing:
        alike = words.incident.all_alike(finding)
    if lines:
        of = escape(words.incident.share_of(finding), 3 * NAME)
        lines.insert(0, f"*{words.labels.callers}* · {of}{'' if standing or alike else basis}")
    for share in standing:
        kind, label = words.figures.kind(share.scope.kind), f"*{escape(share.scope.label, NAME)}*"
        part = percent(share.share)
        lines.append(words.incident.stands_out(kind=kind, label=label, part=part, basis=basis))
    if alike:
        lines.append(alike)
    reasons = throttle_reasons(finding)[:CALLERS]
    if reasons:
        lines.append(words.incident.throttled([escape(reason, NAME) for reason in reasons]))
    return lines


def ranked(finding: Finding) -> list[Share]:
    """Return the calling functions, or routes where no function calls it, largest share first."""
    known = notable(finding).callers
    calling = [share for share in known if share.scope.kind == FUNCTION]
    if not any(share.scope.kind == FUNCTION for share in finding.callers):  # functions are called by routes
        calling = [share for share in known if share.scope.kind not in (CLIENT, TENANT)]
    return sorted(calling, key=lambda share: -share.share)


def standing_out(finding: Finding) -> list[Share]:
    """Return the clients and tenants that account for most of it."""
    suspected = {share.scope for share in finding.suspects if share.share >= STANDS_OUT}
    suspects = [share for share in notable(finding).suspects if share.scope in suspected]
    return sorted(suspects, key=lambda share: -share.share)[:CALLERS]


def throttle_reasons(finding: Finding) -> list[str]:
    """Return the reasons for throttling, the most frequent of one minute first."""
    ordered = sorted(finding.throttle_reasons.items(), key=lambda item: (-item[1], item[0]))
    return [cut(clean(reason), NAME) for reason, _ in ordered]


def _because(share: Share, finding: Finding, words: Phrases) -> str:
    why = words.incident.because(share, finding)
    return f" · {why}" if why else ""
