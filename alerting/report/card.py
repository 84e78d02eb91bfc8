"""The card of one incident in the report: words, figures, chart and message."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from alerting.messages.evidence import reason_counts
from alerting.messages.render import Renderer
from alerting.messages.request_lines import example_texts
from alerting.report.carriers import NAME, Carriers, carriers, causes, is_split
from alerting.report.chart import Chart, chart, forecast, merged, without
from alerting.report.preview import fragment
from alerting.report.timeline import name_of
from alerting.words import numbers
from alerting.words.mrkdwn import clean, cut
from alerting.words.phrases import Phrases
from alerting.words.stated_texts import stated_url
from detectors.model.finding import AddedUp, Failures, Finding, Growth, Trace, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import TABLE, ScopeOrEdge

MEMBERS: Final = 12
_NAME: Final = 200
_SENTENCE: Final = 600


class Fact(NamedTuple):
    """A named figure; ``detail`` may be empty."""

    name: str
    value: str
    detail: str = ""


class ChangeLine(NamedTuple):
    """A change before an incident; ``url`` is empty without a safe one."""

    text: str
    url: str


class ExampleLine(NamedTuple):
    """A request; each text may be empty, and so may each address."""

    text: str
    identity: str
    sample: str
    logs: str
    trace: str


class Member(NamedTuple):
    """A finding that is part of an incident."""

    verdict: str
    what: str
    when: str


class Card(NamedTuple):
    """One incident as the template shows it."""

    id: str
    verdict: str
    sent: str
    state: str
    services: str
    what: str
    kind: str
    size: str
    when: str
    facts: list[Fact]
    changes: list[ChangeLine]  # shortly before it
    sentence: str
    compared: str
    chart: Chart | None
    chart_title: str
    chart_words: str
    no_chart: str
    is_forecast: bool
    carriers: list[Carriers]
    carried: str  # the whole that the parts belong to
    split: bool
    causes: list[str]
    throttles: list[tuple[str, str]]
    examples: list[ExampleLine]
    examples_title: str
    trace_word: str
    members: list[Member]
    more_members: int
    message: str  # as Slack shows it, HTML


class IncidentRow(NamedTuple):
    """One incident in a table."""

    id: str
    verdict: str
    sent: str
    services: str
    start: str
    lasted: str
    what: str
    size: str
    reason: str


class ReportedIncidents:
    """The newest message and the curves of each incident."""

    def __init__(self, notices: Sequence[Notice]) -> None:
        self._newest: dict[str, Notice] = {}
        self._charted: dict[str, Incident] = {}
        self._traces: dict[str, list[tuple[ScopeOrEdge, str, Trace]]] = {}
        self._digested: dict[str, tuple[Incident, int]] = {}
        for notice in notices:
            if notice.action is Action.DIGEST:
                self._digested |= {incident.id: (incident, notice.at) for incident in notice.incidents}
                continue
            incident = notice.incident
            if incident.sent == "page":
                self._newest[incident.id] = notice
            primary = incident.primary
            if primary.trace is not None and primary.trace.now:
                self._charted[incident.id] = incident
                series = (primary.about, primary.measure.value, primary.trace)
                self._traces.setdefault(incident.id, []).append(series)

    def newest(self, incident: str) -> Notice | None:
        """Return the notice of the newest message about an incident."""
        return self._newest.get(incident)

    def as_digested(self, incident: Incident) -> tuple[Incident, int | None]:
        """Return growth as in the newest digest, with its time: forecasts change every day.

        Anything else is returned as it is, and so is growth that is over or in no digest yet.
        """
        digested, at = self._digested.get(incident.id, (None, None))
        if digested is None or incident.ended or incident.sent != "digest":
            return incident, None
        if digested.primary.id != incident.primary.id:
            return incident, None
        return replace(incident, primary=digested.primary), at

    def curve(self, incident: str) -> tuple[Finding, Trace] | None:
        """Return the finding of the newest curve, and all traces of its series merged."""
        charted = self._charted.get(incident)
        if charted is None:
            return None
        about, measure = charted.primary.about, charted.primary.measure.value
        trace = merged(trace for *series, trace in self._traces[incident] if series == [about, measure])
        return None if trace is None else (charted.primary, trace)


class Cards:
    """Makes the card and the row of each incident.

    ``services`` is the filter key of each incident, by id.
    """

    def __init__(self, reported: ReportedIncidents, renderer: Renderer, services: dict[str, str]) -> None:
        self._reported = reported
        self._render = renderer
        self._words: Phrases = renderer.words
        self._zone = renderer.zone
        self._services = services

    def card(self, incident: Incident) -> Card:
        """Return the card of a reported incident."""
        incident, digested_at = self._reported.as_digested(incident)
        primary, words = incident.primary, self._words
        growth = primary.growth
        drawn, of = None, primary
        if (curve := self._reported.curve(incident.id)) is not None:
            of, trace = curve
            drawn = chart(incident, of, trace, self._zone, words)
        elif growth is not None and primary.observed > 0:
            drawn = forecast(primary, growth, self._zone, words)
        is_forecast = drawn is not None and curve is None
        figures = words.figures
        what, unit = figures.measure(of.measure, of.about), figures.unit(of.measure, of.about)
        title = f"{figures.about(of.about)}, {what} in {unit}"
        return Card(
            id=incident.id,
            verdict=incident.verdict.value,
            sent=incident.sent,
            state=incident.state,
            services=self._services[incident.id],
            kind=clean(words.figures.kind(primary.about.kind)),
            what=name_of(primary.about, words),
            size=clean(words.incident.size(primary, incident.peak)),
            when=self._when(incident),
            facts=[*self._facts(incident), *self._as_of(digested_at)],
            changes=self._changes(incident),
            sentence=cut(clean(words.incident.why(primary)), _SENTENCE),
            compared=clean(words.incident.compared(primary)),
            chart=drawn,
            chart_title=clean(title),
            chart_words=clean(self._described(incident, of, is_forecast=is_forecast)),
            no_chart=without(primary),
            is_forecast=is_forecast,
            carriers=carriers(primary, words),
            carried=clean(words.incident.share_of(primary)),
            split=is_split(primary, words),
            causes=causes(primary, words),
            throttles=reason_counts(primary, NAME),
            examples=self._examples(incident),
            examples_title=words.labels.examples,
            trace_word=words.labels.trace,
            members=[self._member(member) for member in incident.members[:MEMBERS]],
            more_members=max(0, len(incident.members) - MEMBERS),
            message=self._message(incident),
        )

    def row(self, incident: Incident) -> IncidentRow:
        """Return the table row of an incident."""
        incident, _ = self._reported.as_digested(incident)
        primary, words = incident.primary, self._words
        return IncidentRow(
            id=incident.id,
            verdict=incident.verdict.value,
            sent=incident.sent,
            services=self._services[incident.id],
            start=words.figures.clock(incident.primary_span[0], self._zone),
            lasted=self._lasted(incident),
            what=clean(words.figures.about(primary.about)),
            size=clean(words.incident.size(primary, incident.peak)),
            reason=clean(incident.reason),
        )

    def _message(self, incident: Incident) -> str:
        notice = self._reported.newest(incident.id)
        if notice is None:
            return ""
        return fragment(self._render(notice), self._zone, at=notice.at, words=self._words)

    def _lasted(self, incident: Incident) -> str:
        begun, ended = incident.primary_span
        return "still open" if ended is None else self._words.figures.duration(max(0, ended - begun))

    def _when(self, incident: Incident) -> str:
        begun, ended = incident.primary_span
        span = self._words.figures.clock(begun, self._zone)
        if ended is not None:
            day = [datetime.fromtimestamp(time, self._zone).date() for time in (begun, ended)]
            span += f" – {self._words.figures.slack_time(ended, self._zone, day=day[0] != day[1])}"
        parts = [span, self._lasted(incident)]
        if incident.reopened:
            parts.append(f"reopened {incident.reopened}×")
        return " · ".join(parts)

    def _facts(self, incident: Incident) -> list[Fact]:
        primary, words = incident.primary, self._words
        if primary.growth is not None:
            return [*self._growth(primary, primary.growth), *self._basis(incident)]
        facts = []
        usual = clean(words.figures.of_finding(primary.figures[1], primary))
        interval = f"{numbers.number(primary.lower)} – {numbers.number(primary.upper)}"
        expected = Fact("Expected", usual, interval if primary.is_minute else "")
        reached = clean(words.figures.of_finding(incident.peak, primary))
        match primary.verdict:
            case Verdict.FATAL:
                facts += [Fact("Error", cut(clean(primary.error_type), _NAME))]
                often = words.figures.times(primary.times)
                among = primary.failures and words.figures.failures(primary.failures, primary.about)
                facts += [Fact("Occurred", often, among or "")]
            case Verdict.LIMIT:
                facts += [Fact("Reached", reached)]
            case Verdict.ABSENCE:
                what = "calls" if primary.about.kind == TABLE else "requests"
                facts += [expected, Fact("Missed", f"{numbers.number(primary.missed)}", what)]
            case _ if primary.failures is not None:
                facts += self._failures(primary, primary.failures)
            case _:
                change = words.figures.change(incident.peak, primary.figures[1], primary.measure)
                facts.append(Fact("Peak" if primary.rises else "Lowest", reached, clean(change)))
                if primary.added_up is not None and not primary.is_minute:
                    facts.append(self._mean(primary, primary.added_up))
                facts.append(expected)
        limit = self._limit(primary, incident.peak) if primary.rises else []
        return [*facts, *limit, *self._basis(incident)]

    def _limit(self, primary: Finding, used: float) -> list[Fact]:
        if primary.limit is None or primary.limit <= 0:
            return []
        part = self._words.figures.percent(used / primary.limit)
        limit = clean(self._words.figures.of_finding(primary.limit, primary))
        return [Fact("Limit", limit, f"{part} of it used")]

    def _as_of(self, at: int | None) -> list[Fact]:
        if at is None:
            return []
        return [Fact("As of", "", f"the digest of {self._words.figures.clock(at, self._zone)}")]

    def _failures(self, primary: Finding, failures: Failures) -> list[Fact]:
        figures = self._words.figures
        failed = "Throttled" if primary.measure is Measure.THROTTLES else "Failed"
        counted = clean(figures.failures(failures, primary.about))
        kinds = clean(figures.failure_kinds(failures))
        return [
            Fact(failed, figures.percent(failures.share), counted),
            *([Fact("Error", cut(kinds, 2 * _NAME))] if kinds else []),
            Fact("Expected", figures.usually(failures)),
        ]

    def _mean(self, primary: Finding, span: AddedUp) -> Fact:
        figures = self._words.figures
        mean = clean(figures.of_finding(span.observed, primary))
        change = figures.change(span.observed, span.expected, primary.measure)
        return Fact("Averaged", mean, f"over {figures.duration(span.seconds)}, {clean(change)}")

    def _growth(self, primary: Finding, growth: Growth) -> list[Fact]:
        words = self._words
        facts = [
            Fact("Level", clean(words.figures.of_finding(primary.observed, primary))),
            Fact(
                "Grows by",
                words.figures.per_day(growth.per_day),
                f"{100 * growth.per_day_lower:.1f} – {100 * growth.per_day_upper:.1f} %, {growth.days} days",
            ),
        ]
        facts += self._limit(primary, primary.observed)
        if growth.days_to_limit is not None:
            reached = growth.days_to_limit <= 0
            days = "now" if reached else words.figures.days_to_limit(growth)
            facts.append(Fact("Met in", days, "" if reached else "80 %"))
        return facts

    def _basis(self, incident: Incident) -> list[Fact]:
        primary, words = incident.primary, self._words
        facts = []
        if primary.growth is None and incident.state != "withdrawn":
            level, _, reason = words.incident.severity_of(incident).partition(" · ")
            facts.append(Fact("Severity", level, reason))
            if hurt := words.affected_by(incident):
                facts.append(Fact("Affected", "", clean(hurt)))
        if incident.alerted is not None and incident.sent == "page":
            at = self._words.figures.slack_time(incident.alerted, self._zone, day=False)
            after = self._words.figures.duration(max(0, incident.alerted - incident.start))
            facts.append(Fact("Alerted", at, f"{after} after it began"))
        if primary.growth is None and primary.verdict is not Verdict.LIMIT:
            facts.append(Fact("Score", f"{primary.score:.4f}"))
        facts.append(Fact("Data", self._words.figures.percent(primary.completeness), "complete"))
        if primary.weeks_used or primary.weeks_left_out:
            left = f"{_weeks(primary.weeks_left_out)} left out" if primary.weeks_left_out else "none left out"
            facts.append(Fact("Weeks ago", _weeks(primary.weeks_used) or "none", left))
        return [*facts, Fact("Where", "", clean(self._words.place(primary.about)))]

    def _described(self, incident: Incident, of: Finding, *, is_forecast: bool) -> str:
        if is_forecast:
            return f"{self._words.figures.series(of)}: {of.sentence}"
        figures, primary = self._words.figures, incident.primary
        series, when = figures.series(of), self._when(incident)
        if primary.failures is not None and primary.verdict is not Verdict.FATAL:
            size = self._words.incident.size(primary, incident.peak)
            return f"{series}, {when}. {size}: {figures.failures(primary.failures, primary.about)}."
        reached, expected = (
            figures.of_finding(value, primary) for value in (incident.peak, primary.figures[1])
        )
        return f"{series}, {when}. It reached {reached} where {expected} was expected."

    def _changes(self, incident: Incident) -> list[ChangeLine]:
        if incident.state == "withdrawn":
            return []
        texts = self._words.after_changes(incident)
        urls = (stated_url(change.change) or "" for change in incident.changes)
        return [ChangeLine(clean(text), url) for text, url in zip(texts, urls, strict=False)]

    def _examples(self, incident: Incident) -> list[ExampleLine]:
        texts = example_texts(incident, self._words, self._render.links)
        lines = []
        for example, text in zip(incident.examples, texts, strict=True):
            at = self._words.figures.clock(int(example.request.ts), self._zone)
            shown = cut(clean(f"{text.why} · {at} · {text.what}"), 2 * _NAME)
            details = cut(clean(text.identity), _NAME), cut(clean(text.sample), _SENTENCE)
            lines.append(ExampleLine(shown, *details, text.logs or "", text.trace or ""))
        return lines

    def _member(self, finding: Finding) -> Member:
        ended = finding.end
        at = self._words.figures.slack_time(finding.start, self._zone, day=False)
        until = "" if ended is None else f" – {self._words.figures.slack_time(ended, self._zone, day=False)}"
        size = self._words.incident.size(finding, finding.observed)
        what = f"{self._words.figures.about(finding.about)} · {size}"
        return Member(finding.verdict.value, cut(clean(what), _NAME), at + until)


def _weeks(weeks: Sequence[int]) -> str:
    return ", ".join(map(str, weeks))
