"""A label: what people know of a stretch of time, which replay and tuning are measured with."""

from enum import StrEnum
from typing import Final

import msgspec

from alerting.commands.command import Command, CommandKind
from alerting.incidents.incident import Incident
from detectors.model.finding import Finding
from detectors.model.scope import Edge


class LabelKind(StrEnum):
    """What is known."""

    INCIDENT = "incident"  # something happened that people want to be told of
    EXPECTED = "expected"  # a real change that was known: nobody wants to be told
    NOT_AN_ANOMALY = "not_an_anomaly"  # nothing happened: nobody should have been told


OF_ASK: Final = {
    CommandKind.EXPECTED: LabelKind.EXPECTED,
    CommandKind.NOT_AN_ANOMALY: LabelKind.NOT_AN_ANOMALY,
}
"""The presses that make labels."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One label: of an incident that was told, by a press, or of a known one, by hand.

    Times are epoch seconds of event time, ``end`` is None while it lasts. An empty string says nothing: any
    scope, any measure, any verdict, any account.
    """

    kind: LabelKind
    start: int
    end: int | None = None
    scope: str = ""  # kind:name, such as table:items
    account: str = ""
    measure: str = ""
    verdict: str = ""
    incident: str = ""  # id of the incident that was labelled
    by: str = ""  # who said so, as the sink names people
    at: int | None = None  # when
    note: str = ""

    @classmethod
    def of(cls, command: Command, incident: Incident) -> "Label | None":
        """Return the label that a command makes of an incident; None when it makes none."""
        kind = OF_ASK.get(command.kind)
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
    """Return ``kind:name`` of what a finding is about; of an edge, the end that is loaded."""
    about = finding.about
    scope = about.target if isinstance(about, Edge) else about
    return f"{scope.kind}:{scope.label}"
