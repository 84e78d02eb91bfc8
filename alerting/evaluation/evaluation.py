"""Measures incidents against labels: found, missed, and false pages; and the gate of ``--fail-on``."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final, Literal, TypeVar

from alerting.commands.labels import Label
from alerting.commands.matching import services_of
from alerting.evaluation.comparison import WEEK, Comparison, outline
from alerting.evaluation.label_fit import TOLERANCE, about, has_right_verdict, is_negative, justifies, reports
from alerting.evaluation.quality import DetectionQuality
from alerting.incidents.incident import Incident

UNKNOWN: Final = ""
"""The verdict of a label without one, and the service where it is unknown."""


@dataclass(frozen=True, slots=True)
class Found:
    """A label whose incident was reported."""

    label: Label
    incident: Incident  # the first to report it; a page comes before a digest entry
    others: tuple[Incident, ...]  # that report it, too
    delay: int  # seconds from the label's start until the report
    other_verdict: bool  # none of them has the label's verdict

    @property
    def in_digest(self) -> bool:
        """True if only the digest reports it."""
        return self.incident.sent == "digest"

    def to_json(self) -> dict[str, object]:
        """Return the JSON of ``evaluation.json``."""
        return {
            "label": self.label.to_json(),
            "delay": self.delay,
            "sent": self.incident.sent,
            "other_verdict": self.other_verdict,
            "incident": outline(self.incident),
            "others": [other.id for other in self.others],
        }


@dataclass(frozen=True, slots=True)
class Missed:
    """A label whose incident was not reported."""

    label: Label
    seen: tuple[Incident, ...]  # about it, but not sent, late, or in the wrong place

    def to_json(self) -> dict[str, object]:
        """Return the JSON of ``evaluation.json``."""
        return {"label": self.label.to_json(), "seen": [outline(incident) for incident in self.seen]}


@dataclass(frozen=True, slots=True)
class FalsePage:
    """A page that no label justifies."""

    incident: Incident
    label: Label | None  # that denies it; None: no label is about it

    def to_json(self) -> dict[str, object]:
        """Return the JSON of ``evaluation.json``."""
        return {"incident": outline(self.incident), "label": self.label and self.label.to_json()}


Why = Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Incidents against labels. Times are epoch seconds; all lists are ordered by start."""

    first: int
    last: int
    tolerance: int
    total: DetectionQuality
    by_verdict: dict[str, DetectionQuality]  # labels and pages by their own verdict
    by_service: dict[str, DetectionQuality]  # a page of several services counts in each
    found: tuple[Found, ...]
    missed: tuple[Missed, ...]
    false_pages: tuple[FalsePage, ...]
    repeated: tuple[Incident, ...]
    outside: tuple[tuple[Label, Why], ...]  # labels of incidents that are not counted

    def to_json(self) -> dict[str, object]:
        """Return the content of ``evaluation.json``."""
        return {
            "first": self.first,
            "last": self.last,
            "tolerance": self.tolerance,
            "total": self.total.to_json(),
            "by_verdict": {name: quality.to_json() for name, quality in self.by_verdict.items()},
            "by_service": {name: quality.to_json() for name, quality in self.by_service.items()},
            "found": [found.to_json() for found in self.found],
            "missed": [missed.to_json() for missed in self.missed],
            "false_pages": [false_page.to_json() for false_page in self.false_pages],
            "repeated": [outline(incident) for incident in self.repeated],
            "outside": [{"label": label.to_json(), "why": why} for label, why in self.outside],
        }


def evaluate(
    incidents: Sequence[Incident],
    labels: Sequence[Label],
    first: int,
    last: int,
    *,
    tolerance: int = TOLERANCE,
    services: Mapping[str, Collection[str]] | None = None,
) -> Evaluation:
    """Measure incidents against labels.

    Parameters
    ----------
    incidents
        Of the whole replay, each in its last state. A page counts when it was sent after ``first`` and not
        after ``last``, so that consecutive stretches count each page once.
    labels
        A label of an incident counts when it starts at ``first`` or later and before ``last``; other labels
        still justify pages about them. It is found by reports within the stretch. Labels of expected events
        or non-anomalies are not to be found: they mark pages as false.
    first, last
        The judged stretch in epoch seconds: from when baselines are old enough to the end of the last step.
    tolerance
        Seconds before and after a label that belong to it.
    services
        By scope as in labels (``table:items``): the services it belongs to, if known. Without it, only labels
        whose scope is a service count for one: asking the incidents would leave out the missed ones.
    """
    ordered = sorted(incidents, key=lambda incident: (incident.start, incident.id))
    known = sorted(
        labels, key=lambda label: (label.start, label.end or last, label.scope, label.kind, label.verdict)
    )
    labelled = _Labelled(ordered, known, last, tolerance)
    counted = [label for label in labelled.wanted if first <= label.start < last]
    outside = [(label, _why(label, first)) for label in labelled.wanted if not first <= label.start < last]
    met = [labelled.met(label, first, last) for label in counted]
    found = tuple(outcome for outcome in met if isinstance(outcome, Found))
    pages = [incident for incident in ordered if incident.sent == "page" and _within(incident, first, last)]
    false = tuple(labelled.false_page(page) for page in pages if not labelled.right(page))
    wrong = {page.incident.id for page in false}
    again = [page for page in pages if page.id not in wrong and labelled.reported_before(page)]
    counts = _Counts(max(0, last - first) / WEEK, met, pages, wrong, {page.id for page in again})
    return Evaluation(
        first=first,
        last=last,
        tolerance=tolerance,
        total=counts.of(lambda _: True, lambda _: True),
        by_verdict=counts.each(lambda label: [label.verdict], lambda page: [page.verdict.value]),
        by_service=counts.each(
            lambda label: _services(label, services or {}),
            lambda page: sorted(services_of(page)) or [UNKNOWN],
        ),
        found=found,
        missed=tuple(outcome for outcome in met if isinstance(outcome, Missed)),
        false_pages=false,
        repeated=tuple(again),
        outside=tuple(outside),
    )


class _Labelled:
    """Labels and the incidents they are about."""

    def __init__(
        self, incidents: Sequence[Incident], labels: Sequence[Label], last: int, tolerance: int
    ) -> None:
        self.wanted = [label for label in labels if not is_negative(label)]
        self._tolerance = tolerance
        self._about = {id(label): about(label, incidents, last, tolerance) for label in labels}
        self._labels: dict[str, list[Label]] = defaultdict(list)
        for label in labels:
            for incident in self._about[id(label)]:
                self._labels[incident.id].append(label)
        self._reports_of = {id(label): self._reporting(label) for label in self.wanted}
        self._first_reports = {reporting[0].id for reporting in self._reports_of.values() if reporting}

    def _reporting(self, label: Label) -> list[Incident]:
        """Return the incidents that report a label, pages first, each in order of time."""
        seen = self._about[id(label)]
        reporting = [
            incident
            for incident in seen
            if reports(label, incident, self._tolerance) and self._denied(incident) is None
        ]
        return sorted(
            reporting, key=lambda incident: (incident.sent != "page", incident.alerted or 0, incident.id)
        )

    def met(self, label: Label, first: int, last: int) -> Found | Missed:
        reporting = [incident for incident in self._reports_of[id(label)] if _within(incident, first, last)]
        if not reporting:
            return Missed(label, tuple(self._about[id(label)]))
        best, *others = reporting
        delay = (best.alerted or 0) - label.start
        return Found(
            label,
            best,
            tuple(others),
            delay,
            not any(has_right_verdict(label, incident) for incident in reporting),
        )

    def right(self, page: Incident) -> bool:
        return self._denied(page) is None and any(self._excusing(page))

    def reported_before(self, page: Incident) -> bool:
        """Return whether it reports labels, counted or not, that another page had already reported.

        A page about the limit that a known growth reaches reports none.
        """
        return page.id not in self._first_reports and any(
            reports(label, page, self._tolerance) for label in self._excusing(page)
        )

    def false_page(self, page: Incident) -> FalsePage:
        negative = [label for label in self._labels[page.id] if is_negative(label)]
        return FalsePage(page, self._denied(page) or next(iter(negative), None))

    def _excusing(self, page: Incident) -> list[Label]:
        return [
            label
            for label in self._labels[page.id]
            if not is_negative(label) and justifies(label, page, self._tolerance)
        ]

    def _denied(self, incident: Incident) -> Label | None:
        """Return the label that denies this very incident."""
        negative = (label for label in self._labels[incident.id] if label.incident == incident.id)
        return next((label for label in negative if is_negative(label)), None)


class _Counts:
    """Counts over all or some labels and pages."""

    def __init__(
        self,
        weeks: float,
        met: Sequence[Found | Missed],
        pages: Sequence[Incident],
        wrong: Collection[str],
        again: Collection[str],
    ) -> None:
        self._weeks, self._met, self._pages, self._wrong, self._again = weeks, met, pages, wrong, again

    def of(
        self, has_label: Callable[[Label], bool], has_page: Callable[[Incident], bool]
    ) -> DetectionQuality:
        met = [outcome for outcome in self._met if has_label(outcome.label)]
        found = [outcome for outcome in met if isinstance(outcome, Found)]
        pages = [page for page in self._pages if has_page(page)]
        return DetectionQuality(
            labels=len(met),
            found=len(found),
            in_digest=sum(report.in_digest for report in found),
            other_verdict=sum(report.other_verdict for report in found),
            pages=len(pages),
            false_pages=sum(page.id in self._wrong for page in pages),
            repeated=sum(page.id in self._again for page in pages),
            weeks=self._weeks,
            delays=tuple(report.delay for report in found if not report.in_digest),
            digest_delays=tuple(report.delay for report in found if report.in_digest),
        )

    def each(
        self, of_label: Callable[[Label], Iterable[str]], of_page: Callable[[Incident], Iterable[str]]
    ) -> dict[str, DetectionQuality]:
        names = {name for outcome in self._met for name in of_label(outcome.label)}
        names |= {name for page in self._pages for name in of_page(page)}
        return {
            name: self.of(partial(_has, name, of_label), partial(_has, name, of_page))
            for name in sorted(names, key=lambda name: (name == UNKNOWN, name))
        }


T = TypeVar("T")


def _has(name: str, of: Callable[[T], Iterable[str]], thing: T) -> bool:
    return name in of(thing)


def _within(incident: Incident, first: int, last: int) -> bool:
    """Return whether an incident was reported after ``first`` and not after ``last``."""
    return first < (incident.alerted or incident.start) <= last


def _why(label: Label, first: int) -> Why:
    return "before" if label.start < first else "after"


def _services(label: Label, services: Mapping[str, Collection[str]]) -> list[str]:
    kind, _, name = label.scope.partition(":")
    return [name] if kind == "service" else sorted(services.get(label.scope, ())) or [UNKNOWN]


class FailOn(StrEnum):
    """A condition that fails the gate."""

    NEW_PAGES = "new-pages"  # B pages where A does not
    MISSED_LABELS = "missed-labels"  # a label is not found; with --against: found by A and missed by B


def unanswerable(fail_on: Collection[FailOn], *, against: bool, labels: bool) -> str | None:
    """Return the remedy when an option is missing to evaluate the gate, or None.

    Examples
    --------
    >>> unanswerable([FailOn.NEW_PAGES], against=False, labels=True)
    '--fail-on new-pages compares two configurations; add --against'
    """
    if FailOn.NEW_PAGES in fail_on and not against:
        return "--fail-on new-pages compares two configurations; add --against"
    if FailOn.MISSED_LABELS in fail_on and not labels:
        return "--fail-on missed-labels needs known incidents; add --labels"
    return None


def failures(
    fail_on: Collection[FailOn],
    *,
    comparison: Comparison | None = None,
    evaluation: Evaluation | None = None,
    against: Evaluation | None = None,
) -> list[str]:
    """Return a line for each condition that fails; an empty list passes the gate.

    Parameters
    ----------
    against
        Of B, the change under test; None without B. With B, only labels that A finds and B misses fail.

    Examples
    --------
    >>> failures([])
    []
    """
    lines = []
    if FailOn.NEW_PAGES in fail_on and comparison is not None and (new := len(comparison.new_pages)):
        lines.append(f"new-pages: {new} not in A")
    if FailOn.MISSED_LABELS in fail_on and evaluation is not None:
        if against is None:
            if missed := len(evaluation.missed):
                lines.append(f"missed-labels: {missed} of {evaluation.total.labels} not found")
        elif lost := len(lost_labels(evaluation, against)):
            lines.append(f"missed-labels: {lost} found by A and missed by B")
    return lines


def lost_labels(evaluation: Evaluation, against: Evaluation) -> list[Missed]:
    """Return the labels that ``against`` misses and ``evaluation`` finds."""
    found = {outcome.label for outcome in evaluation.found}
    return [missed for missed in against.missed if missed.label in found]
