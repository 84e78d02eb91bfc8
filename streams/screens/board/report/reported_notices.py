"""What the notices of a replay show of each incident: its message, its curve, its growth in the digest."""

from collections.abc import Sequence

from msgspec.structs import replace

from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from detectors.model.finding import Finding, Trace
from streams.screens.board.report.report_curve import merged


class ReportedNotices:
    """The newest message and the curves of each incident, and the digests."""

    def __init__(self, notices: Sequence[Notice]) -> None:
        self.digests = [notice for notice in notices if notice.action is Action.DIGEST]
        self._newest: dict[str, Notice] = {}
        self._charted: dict[str, Incident] = {}
        self._traces: dict[str, list[Finding]] = {}
        self._digested: dict[str, tuple[Incident, int]] = {}
        for notice in self.digests:
            self._digested |= {incident.id: (incident, notice.at) for incident in notice.incidents}
        for notice in notices:
            if notice.action is Action.DIGEST:
                continue
            incident = notice.incident
            if incident.sent == "page":
                self._newest[incident.id] = notice
            if incident.primary.trace is not None and incident.primary.trace.now:
                self._charted[incident.id] = incident
                self._traces.setdefault(incident.id, []).append(incident.primary)

    def newest(self, incident: Incident) -> Notice | None:
        """Return the notice of the newest message about a page; None of what was no page in the end."""
        return self._newest.get(incident.id) if incident.sent == "page" else None

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

    def curve(self, incident: Incident) -> tuple[Finding, Trace] | None:
        """Return the finding of the newest curve, and all traces of its series merged."""
        charted = self._charted.get(incident.id)
        if charted is None:
            return None
        series = (charted.primary.about, charted.primary.measure)
        trace = merged(
            finding.trace
            for finding in self._traces[incident.id]
            if finding.trace is not None and (finding.about, finding.measure) == series
        )
        return None if trace is None else (charted.primary, trace)
