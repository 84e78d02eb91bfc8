"""Findings that were emitted and have not ended: a judge that takes over continues or withdraws them."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from detectors.model.finding import Finding
from detectors.state.declared import StatePart

_OVER: Final = ("end", "withdrawn")
_STATE: Final = StatePart("open-findings", tuple[list[Finding], list[Finding]])


class OpenFindings:
    """The newest revision of every open finding of one shard.

    Revisions always rise: after a judge has taken over, those of a finding that both know go on where they
    were, since readers ignore revisions that are not newer.
    """

    def __init__(self) -> None:
        self.open: dict[str, Finding] = {}  # by id, without their traces
        self.waiting: list[Finding] = []  # to emit with the next step

    def feed(self, findings: Iterable[Finding]) -> list[Finding]:
        """Add the findings of a step; return those to emit."""
        emitted, self.waiting = self.waiting, []
        for finding in findings:
            known = self.open.pop(finding.id, None)
            if known is not None and finding.revision <= known.revision:
                finding = msgspec.structs.replace(finding, revision=known.revision + 1)  # noqa: PLW2901
            if finding.state not in _OVER:
                self.open[finding.id] = msgspec.structs.replace(finding, trace=None)
            emitted.append(finding)
        return emitted

    def succeed(self, before: "OpenFindings", ended: Mapping[str, Finding], seen: int) -> None:
        """Take over from another judge, which emitted ``before``; the next step emits the difference.

        Parameters
        ----------
        before
            Findings emitted in the place of these.
        ended
            Findings of this judge that have ended, by id.
        seen
            The watermark of both, epoch seconds.
        """
        self.waiting = list(before.waiting)
        for name, known in before.open.items():
            own = self.open.get(name)
            if own is not None:
                revision = max(own.revision, known.revision)
                self.open[name] = msgspec.structs.replace(own, revision=revision)
                continue
            over = ended.get(name) or msgspec.structs.replace(known, state="withdrawn", end=seen)
            self.waiting.append(msgspec.structs.replace(over, revision=known.revision + 1, seen=seen))
        self.waiting += [
            msgspec.structs.replace(own, state="open", seen=seen)
            for name, own in self.open.items()
            if name not in before.open
        ]

    def snapshot(self) -> dict[str, bytes]:
        """Return the state."""
        return _STATE.pack((list(self.open.values()), self.waiting))

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot; before version 0.2 there was none."""
        findings, self.waiting = _STATE.unpack(parts, ([], []))
        self.open = {finding.id: finding for finding in findings}
