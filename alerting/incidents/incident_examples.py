"""A few requests of an incident that people can look up: the worst of each kind."""

from collections.abc import Iterable
from typing import Final

import msgspec

from detectors.explain.examples import EACH, Why, weight, why
from detectors.model.finding import Finding
from detectors.model.request_example import RequestExample

ILLUSTRATED: Final = 200
"""Live incidents that have examples, those that began first."""

_ORDER: Final = tuple(Why)


class IncidentExample(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and why it is an example."""

    why: Why
    weight: float  # milliseconds, capacity units, or of a failure how much of it can be read
    request: RequestExample

    @classmethod
    def of(cls, finding: Finding, request: RequestExample) -> "IncidentExample | None":
        """Return what a request is to a finding; None if it does not illustrate it."""
        found, reason = weight(finding, request), why(finding.measure)
        return None if found is None or reason is None else cls(why=reason, weight=found, request=request)

    def to_json(self) -> dict[str, object]:
        """Return the form in ``incidents.jsonl`` and webhooks."""
        return {"why": self.why.value, **self.request.to_json()}


def worst(examples: Iterable[IncidentExample], each: int = EACH) -> list[IncidentExample]:
    """Return the worst examples of each kind; a request is an example once."""
    found: list[IncidentExample] = []
    taken: set[RequestExample] = set()
    ordered = sorted(examples, key=lambda one: (_ORDER.index(one.why), -one.weight, one.request.order))
    for example in ordered:
        of_kind = sum(one.why is example.why for one in found)
        if of_kind < each and example.request not in taken:
            taken.add(example.request)
            found.append(example)
    return found
