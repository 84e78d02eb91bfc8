"""The events of a scope in a range: incidents, changes, memos, examples of its requests, and links."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from alerting.commands.memo import Memo, MemoAnswer
from alerting.incidents.answers import ChangeAnswer, change_answer
from alerting.incidents.incident import Incident
from alerting.messages.incident_answer import WhoAnswer, acknowledgement, example_answer
from alerting.pipeline.pipeline import Pipeline
from alerting.words.locales import translated_sentences
from config.links import Links
from detectors.model.copy_fields import copy_fields
from detectors.model.finding import Finding
from detectors.model.scope import ACCOUNT, Edge, Scope
from detectors.model.stated import StatedChange
from streams.screens.board.scope_pages.scope_page import ScopeExample, ScopeIncident, ScopeLink

MOST_INCIDENTS: Final = 50
MOST_CHANGES: Final = 50
MOST_MEMOS: Final = 50
MOST_EXAMPLES: Final = 8

_MATTERS: Final = 0.1
"""From this share of an excess elsewhere on, the page of a caller shows it."""


class PastIncident(NamedTuple):
    """An incident, and what became of it."""

    incident: Incident
    sent: str
    acknowledged: WhoAnswer | None = None


class BoardPast(NamedTuple):
    """The memory of a daemon besides its measured steps."""

    incidents: Sequence[PastIncident] = ()  # open and ended
    memos: Sequence[Memo] = ()
    changes: Sequence[StatedChange] = ()  # of the last days
    links: Links | None = None

    @classmethod
    def of(cls, pipeline: Pipeline | None, links: Links, changes: Sequence[StatedChange] = ()) -> "BoardPast":
        """Return the memory of a pipeline; only links before there is one."""
        if pipeline is None:
            return cls(links=links)
        incidents = [
            PastIncident(incident.incident, incident.sent, acknowledgement(incident.commands))
            for incident in pipeline.tracked()
        ]
        return cls(incidents, pipeline.memos, changes, links)


class ScopeEvents:
    """Finds the events of one scope in the range from ``first`` to ``end``, epoch seconds.

    Incidents of its ``members`` are its own, too; those of an account are all that it has.
    """

    def __init__(
        self, past: BoardPast, scope: Scope, members: Collection[Scope], first: int, end: int
    ) -> None:
        self._past = past
        self._scope = scope
        self._members = members
        self._first, self._end = first, end
        involved = (
            (self._involved(incident), incident.incident)
            for incident in past.incidents
            if incident.incident.start < end
            and (incident.incident.end is None or incident.incident.end >= first)
        )
        found = [(shown, incident) for shown, incident in involved if shown is not None]
        found.sort(key=lambda pair: (pair[0].end is not None, -pair[0].start))
        self._found = found[:MOST_INCIDENTS]

    def incidents(self) -> list[ScopeIncident]:
        """Return the incidents that involve the scope, open ones first, then the newest."""
        return [shown for shown, _ in self._found]

    def named(self) -> dict[str, str]:
        """Return the ids of open incidents, by the measure of the scope that they name."""
        return {
            measure: shown.id
            for shown, _ in reversed(self._found)
            if shown.end is None
            for measure in shown.measures
        }

    def changes(self) -> list[ChangeAnswer]:
        """Return deployments and changes of configuration, the newest first."""
        preceding = [change.change for _, incident in self._found for change in incident.changes]
        found = {
            change
            for change in (*self._past.changes, *preceding)
            if self._first <= change.ts < self._end and _fits(change.about, self._scope)
        }
        return [
            change_answer(change) for change in sorted(found, key=lambda change: -change.ts)[:MOST_CHANGES]
        ]

    def memos(self) -> list[MemoAnswer]:
        """Return the memos of its incidents, and those of the timeline about it, the newest first."""
        ids = {shown.id for shown, _ in self._found}
        name = f"{self._scope.kind}:{self._scope.name}"
        found = [
            memo
            for memo in self._past.memos
            if memo.incident in ids or (memo.scope == name and self._first <= memo.at < self._end)
        ]
        return [memo.as_answer() for memo in sorted(found, key=lambda memo: -memo.at)[:MOST_MEMOS]]

    def examples(self) -> list[ScopeExample]:
        """Return requests of the incidents about it, each with its links and its incident."""
        found = [
            copy_fields(ScopeExample, example_answer(example, self._past.links), incident=shown.id)
            for shown, incident in self._found
            if shown.measures
            for example in incident.examples
        ]
        return found[:MOST_EXAMPLES]

    def links(self) -> list[ScopeLink]:
        """Return links to other tools that show the scope over the range."""
        links, scope = self._past.links, self._scope
        if links is None:
            return []
        found = []
        for kind in links.kinds(scope.kind, cloud=scope.cloud):
            url = links.url(
                kind,
                cloud=scope.cloud,
                account=scope.account,
                region=scope.region,
                name=scope.name,
                start=self._first,
                end=self._end,
                version=scope.version,
            )
            if url is not None:
                found.append(ScopeLink(kind, url))
        return found

    def _involved(self, past: PastIncident) -> ScopeIncident | None:
        incident = past.incident
        findings = incident.primary, *incident.members
        mine = [finding.measure.value for finding in findings if self._scope in _scopes(finding)]
        share = None if mine else self._share(incident.primary)
        within = any(self._holds(scope) for finding in findings for scope in _scopes(finding))
        if not mine and not within and (share is None or share < _MATTERS):
            return None
        return copy_fields(
            ScopeIncident,
            incident,
            sent=past.sent,
            sentence=incident.primary.sentence,
            sentences=translated_sentences(incident),
            of=incident.primary.about.as_answer(),
            measures=list(dict.fromkeys(mine)),
            share=share,
            falls=incident.primary.observed < incident.primary.expected,
            acknowledged=past.acknowledged,
        )

    def _holds(self, scope: Scope) -> bool:
        own = self._scope
        return scope in self._members or (own.kind == ACCOUNT and scope.cloud_account == own.cloud_account)

    def _share(self, finding: Finding) -> float | None:
        shares = (*finding.callers, *finding.suspects)
        return next((share.share for share in shares if share.scope == self._scope), None)


def _scopes(finding: Finding) -> Iterator[Scope]:
    about = finding.about
    yield from (about.source, about.target) if isinstance(about, Edge) else (about,)


def _fits(about: Scope, scope: Scope) -> bool:
    """Return whether a change is one of the scope: deployers often know no account or region."""
    return (about.kind, about.name) == (scope.kind, scope.name) and all(
        not part or not wanted or part == wanted
        for part, wanted in zip(about[1:4] + about[5:], scope[1:4] + scope[5:], strict=True)
    )
