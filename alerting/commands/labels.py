"""A label: what people know about a period, against which replay and tuning are measured."""

from enum import StrEnum
from typing import Final

import msgspec

from alerting.commands.command import Command, CommandKind
from alerting.incidents.incident import Incident
from detectors.model.finding import Finding
from detectors.model.scope import Edge


class LabelKind(StrEnum):
    """The kinds of labels."""

    INCIDENT = "incident"  # something happened that must be reported
    EXPECTED = "expected"  # a real, known change: not to be reported
    NOT_AN_ANOMALY = "not_an_anomaly"  # nothing happened: not to be reported


LABEL_KINDS: Final = {
    CommandKind.EXPECTED: LabelKind.EXPECTED,
    CommandKind.NOT_AN_ANOMALY: LabelKind.NOT_AN_ANOMALY,
}
"""The commands that make labels."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One label: of a reported incident, by a button, or of a known one, added manually.

    Times are epoch seconds of event time, ``end`` is None while it lasts. An empty string matches any
    scope, measure, verdict or account.
    """

    kind: LabelKind
    start: int
    end: int | None = None
    scope: str = ""  # kind:name, such as table:items
    account: str = ""
    measure: str = ""
    verdict: str = ""
    incident: str = ""  # id of the incident that was labelled
    by: str = ""  # the person, as the sink names people
    at: int | None = None  # when
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the fields that are set."""
        fields: dict[str, object] = msgspec.to_builtins(self)
        return {name: value for name, value in fields.items() if value not in ("", None)}

    @classmethod
    def of(cls, command: Command, incident: Incident) -> "Label | None":
        """Return the label that a command gives to an incident, None if it gives none."""
        kind = LABEL_KINDS.get(command.kind)
        if kind is None:
            return None
        return cls(
            kind=kind,
            start=incident.start,
            end=incident.end,
            scope=scope_of(incident.primary),
            account=incident.primary.about.account,
            measure=incident.primary.measure.value,
            verdict=incident.verdict.value,
            incident=incident.id,
            by=command.by,
            at=command.at,
            note=command.why,
        )


def scope_of(finding: Finding) -> str:
    """Return ``kind:name`` of what a finding is about; of an edge, its target."""
    about = finding.about
    scope = about.target if isinstance(about, Edge) else about
    return f"{scope.kind}:{scope.label}"
