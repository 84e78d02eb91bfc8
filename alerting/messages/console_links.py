"""Links to consoles, metrics and logs, over the time range of the incident."""

from collections.abc import Iterable
from typing import Final

from alerting.incidents.incident import Incident
from alerting.messages.blocks import NAME, SECTION
from alerting.words.mrkdwn import escape, link
from alerting.words.phrases import Phrases
from config.links import Links
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import FUNCTION, SERVICE, Edge, Scope

MARGIN: Final = 900  # seconds before and after an incident that its links show too

_STATUS: Final = {Measure.ERRORS_USER: "400", Measure.THROTTLES: "429"}
_FAILED: Final = "500"
_LINE: Final = SECTION - 2 * NAME
_ADDRESS: Final = 2000  # characters of one link


class ConsoleLinks:
    """Links over one time range, with logs filtered for failures.

    ``start`` and ``end`` are epoch seconds; ``status`` is the lowest status of failed requests, and ``error``
    the exception, that logs are filtered for (empty for any).
    """

    def __init__(
        self, links: Links, words: Phrases, *, start: int, end: int, status: str = _FAILED, error: str = ""
    ) -> None:
        self._links = links
        self._words = words
        self._start, self._end = start, end
        self._status, self._error = status, error

    @classmethod
    def of(cls, incident: Incident, links: Links, words: Phrases, *, at: int) -> "ConsoleLinks":
        """Return the links of an incident: its time range with a margin on both sides."""
        finding = incident.primary
        return cls(
            links,
            words,
            start=incident.start - MARGIN,
            end=(incident.end if incident.end is not None else at) + MARGIN,
            status=_STATUS.get(finding.measure, _FAILED),
            error=finding.error_type if finding.verdict is Verdict.FATAL else "",
        )

    def linked(self, scope: Scope, limit: int = NAME) -> str:
        """Return a scope's name as a link to its console, or the name alone."""
        return link(self._url(scope.kind, scope), scope.label, limit)

    def lines(self, incident: Incident) -> list[str]:
        """Return the runbook, and a line of links each for its scope, top calling function and services."""
        runbook, label = self.runbook(incident), self._words.labels.runbook
        first = [] if runbook is None else [link(runbook, label, NAME, _ADDRESS)]
        return [*first, *(line for scope in _scopes(incident) for line in self._line(scope))]

    def runbook(self, incident: Incident) -> str | None:
        """Return the URL of what to do about it, None where the configuration names none."""
        scope, finding = _target(incident.primary), incident.primary
        values = {
            "name": scope.name,
            "version": scope.version,
            "account": scope.account,
            "region": scope.region,
            "status": self._status,
            "error": self._error,
            "measure": finding.measure.value,
        }
        return self._links.runbook(
            verdict=incident.verdict.value,
            kind=scope.kind,
            label=scope.label,
            start=self._start,
            end=self._end,
            values=values,
        )

    def addresses(self, incident: Incident) -> dict[str, str]:
        """Return the same links as URLs by kind, for sinks that show no text."""
        found: dict[str, str] = {}
        for scope in _scopes(incident):
            for kind in self._links.kinds(scope.kind, cloud=scope.cloud):
                if (url := self._url(kind, scope)) is not None:
                    found.setdefault(kind, url)
        return found

    def _line(self, scope: Scope) -> Iterable[str]:
        name = escape(self._words.figures.kind(scope.kind), NAME)
        line = f"{name[:1].upper()}{name[1:]}:"
        for kind in self._links.kinds(scope.kind, cloud=scope.cloud):
            url = self._url(kind, scope)
            if url is not None:
                suffix = kind.partition("_")[2]
                label = self._words.incident.link_name(suffix) if suffix else scope.label
                linked = link(url, label, NAME, _ADDRESS)
                if len(line) + len(linked) > _LINE:  # long names make long addresses
                    yield line
                    line = linked
                else:
                    line += f"  {linked}" if line.endswith(":") else f"  ·  {linked}"
        if not line.endswith(":"):
            yield line

    def _url(self, kind: str, scope: Scope) -> str | None:
        return self._links.url(
            kind,
            cloud=scope.cloud,
            account=scope.account,
            region=scope.region,
            name=scope.name,
            start=self._start,
            end=self._end,
            version=scope.version,
            status=self._status,
            error=self._error,
        )


def _scopes(incident: Incident) -> list[Scope]:
    first = _target(incident.primary)
    scopes = [first]
    if first.kind != FUNCTION:
        callers = [share for share in incident.primary.callers if share.scope.kind == FUNCTION]
        if callers:
            scopes.append(max(callers, key=lambda share: share.share).scope)
    for finding in (incident.primary, *incident.members):
        scopes += [scope for scope in (_target(finding), *finding.touches) if scope.kind == SERVICE]
    return list(dict.fromkeys(scopes))[:4]


def _target(finding: Finding) -> Scope:
    return finding.about.target if isinstance(finding.about, Edge) else finding.about
