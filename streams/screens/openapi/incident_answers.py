"""Incidents as the web server answers with them: the JSON that docs/alerts.md gives to webhooks, and more.

They are written by ``to_json`` of the incident and what belongs to it; these are the types of that JSON.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from alerting.commands.labels import LabelKind
from alerting.incidents.incident import Sent, State
from alerting.incidents.severity import Harm
from detectors.explain.examples import Why
from detectors.model.finding import AddedUp, ComparedWith, Failures, Growth, Plan, Verdict
from detectors.model.finding import State as FindingState
from detectors.model.measures import Measure
from detectors.model.request_example import RequestExample


class ScopeAnswer(msgspec.Struct, kw_only=True):
    """A scope; of calls between two of them, ``from`` and ``to`` in place of ``name``."""

    kind: str
    cloud: str
    account: str
    region: str
    name: str | UnsetType = UNSET
    version: str | UnsetType = UNSET
    source: str | UnsetType = msgspec.field(name="from", default=UNSET)
    target: str | UnsetType = msgspec.field(name="to", default=UNSET)


class SeverityAnswer(msgspec.Struct, kw_only=True):
    """How bad it is, and what that follows from; ``share`` is what ``harm`` says, from 0 to 1 or times."""

    level: Literal["low", "medium", "high", "critical"]
    harm: Harm
    share: float


class AffectedAnswer(msgspec.Struct, kw_only=True):
    """Who it hurts: requests in so many seconds, None where unknown, and the routes that they came by."""

    requests: int | None
    seconds: int
    routes: list[str]
    more_routes: int


class ShareAnswer(msgspec.Struct, kw_only=True):
    """A caller's part of the excess: ``more_calls`` and ``more_per_call`` add up to ``share``."""

    kind: str
    name: str
    version: str | UnsetType = UNSET
    share: float
    more_calls: float
    more_per_call: float


class CauseAnswer(ScopeAnswer, kw_only=True):
    """The finding that explains a part ``score`` of this one, from 0 to 1."""

    measure: Measure
    score: float


class MemberAnswer(msgspec.Struct, kw_only=True):
    """Another finding of the incident."""

    scope: ScopeAnswer
    measure: Measure
    verdict: Verdict
    id: str
    start: int
    end: int | None
    state: FindingState
    causes: list[CauseAnswer]


class ChangeAnswer(msgspec.Struct, kw_only=True):
    """Something was deployed or configured; ``after`` is how many seconds later the incident began."""

    ts: float
    of: ScopeAnswer
    what: str
    version: str
    by: str
    url: str
    after: int | UnsetType = UNSET


class ExampleAnswer(RequestExample, frozen=True, kw_only=True):
    """A request of the incident, with the addresses of its logs and its trace."""

    why: Why
    links: dict[str, str]


class MemoAnswer(msgspec.Struct, kw_only=True):
    """What a person noted: of an incident, or of a moment (``scope`` is ``kind:name``, or empty)."""

    id: str
    incident: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    at: int
    written: int
    by: str
    name: str | UnsetType = UNSET
    text: str


class WhoAnswer(msgspec.Struct, kw_only=True):
    """Who did it, and when."""

    by: str
    at: int


class LabelledAnswer(WhoAnswer, kw_only=True):
    """What a person said that the incident is."""

    label: LabelKind = msgspec.field(name="as")


class IncidentAnswer(msgspec.Struct, kw_only=True):
    """An incident, with the evidence of the finding that explains the others.

    Times are epoch seconds of event time; amounts are per second, milliseconds of a latency, of a level
    itself. ``reason`` says why it was, or was not, reported.
    """

    id: str
    verdict: Verdict
    sent: Sent
    reason: str
    start: int
    alerted: int | None
    end: int | None
    scope: ScopeAnswer
    measure: Measure
    observed: float
    expected: float
    lower: float
    upper: float
    score: float
    completeness: float
    weeks_used: list[int]
    weeks_left_out: list[int]
    compared_with: ComparedWith
    callers: list[ShareAnswer]
    suspects: list[ShareAnswer]
    planned: Plan | UnsetType = UNSET
    limit: float | UnsetType = UNSET
    failures: Failures | UnsetType = UNSET
    added_up: AddedUp | UnsetType = UNSET
    throttle_reasons: dict[str, float] | UnsetType = UNSET
    error_type: str | UnsetType = UNSET
    times: int | UnsetType = UNSET
    growth: Growth | UnsetType = UNSET
    causes: list[CauseAnswer]
    members: list[MemberAnswer]
    sentence: str
    severity: SeverityAnswer
    affected: AffectedAnswer
    state: State
    peak: float
    reopened: int
    fingerprint: str
    follows: str | None
    finding: str
    changes: list[ChangeAnswer]
    examples: list[ExampleAnswer]
    memos: list[MemoAnswer]
    acknowledged: WhoAnswer | UnsetType = UNSET
    labelled: LabelledAnswer | UnsetType = UNSET


class IncidentsAnswer(msgspec.Struct):
    """The incidents that have not ended, oldest first."""

    incidents: list[IncidentAnswer]


class CommandAnswer(msgspec.Struct, kw_only=True):
    """What a person did; ``at`` is a time of RFC 3339."""

    ask: str
    by: str
    at: str
    why: str


class WholeIncidentAnswer(msgspec.Struct, kw_only=True):
    """One incident: what a webhook receives of it, with a title and the whole as Markdown."""

    incident: IncidentAnswer
    links: dict[str, str]
    runbook: str | None
    account_name: str | None
    commands: list[CommandAnswer]
    title: str
    markdown: str


class MomentAnswer(msgspec.Struct, kw_only=True):
    """Something that happened; ``what`` says which of the fields there are."""

    at: float
    what: str
    scope: ScopeAnswer | UnsetType = UNSET
    measure: Measure | UnsetType = UNSET
    sent: Sent | UnsetType = UNSET
    by: str | UnsetType = UNSET
    until: int | UnsetType | None = UNSET
    why: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    ts: float | UnsetType = UNSET
    of: ScopeAnswer | UnsetType = UNSET
    version: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    after: int | UnsetType = UNSET
    did: str | UnsetType = UNSET


class HoldingAnswer(msgspec.Struct, kw_only=True):
    """What a person did that holds the messages of an incident, and until when."""

    id: str
    ask: str
    by: str
    until: int | None
    why: str


class BoardIncidentAnswer(WholeIncidentAnswer, kw_only=True):
    """One incident as its page has it; ``at`` is the watermark."""

    at: int
    story: list[MomentAnswer]
    silences: list[HoldingAnswer]
    exports: list[str]
