"""Merges the findings of all shards into one order, step by step."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice
from detectors.explain.examples import Illustration
from detectors.model.finding import Finding
from detectors.model.stated import StatedChange, in_order
from detectors.state.state import StatePart
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Load, Use


class JudgedStep(msgspec.Struct, frozen=True):
    """The findings of one shard in one step, for the incident stage.

    Every closed step is sent, even without findings: the incident stage takes its time from them.
    """

    shard: int
    start: int
    watermark: int  # end of the step: everything before it has been judged
    findings: list[Finding]
    loads: list[Load] = []  # of the hour that this step ends
    uses: list[Use] = []  # up to the hour that this step ends
    completeness: float = 1.0  # share of the sources with data, 0 when all of them had a gap
    maturity: Maturity | None = None  # of the hour that this step ends
    changes: list[StatedChange] = []  # that were stated about scopes of this shard, in order
    illustrations: list[Illustration] = []  # of open findings
    early: bool = False  # found before the step that ends at ``watermark`` was judged


class GatheredStep(NamedTuple):
    """The findings of all shards in one step."""

    watermark: int
    findings: list[Finding]
    loads: list[Load]
    uses: list[Use]
    maturity: list[Maturity]
    changes: list[StatedChange]  # in order, each once
    illustrations: list[Illustration]
    early: bool = False  # before a step was judged

    def to_notices(self, incidents: Incidents) -> list[Notice]:
        """Group the findings into incidents; return the notices about them."""
        if self.early:
            return incidents.feed_early(self.findings, self.watermark)
        return incidents.feed(
            self.findings,
            self.watermark,
            self.loads,
            self.uses,
            self.maturity,
            changes=self.changes,
            illustrations=self.illustrations,
        )


class _Meta(msgspec.Struct, array_like=True):
    newest: dict[int, int]
    waiting: list[JudgedStep]
    looked: dict[int, int] = {}
    found: list[JudgedStep] = []


_STATE: Final = StatePart("gather", _Meta, 3)


class Gather:
    """Holds each step until every shard has judged it, so that incidents do not depend on shard speed.

    Early findings are held likewise, so that a page is about the deepest of them; but a shard is not waited
    for when another is ahead.
    """

    def __init__(self, shards: int) -> None:
        self._newest: dict[int, int] = dict.fromkeys(range(shards), -1)  # start of a step, by shard
        self._waiting: dict[int, list[JudgedStep]] = {}
        self._newest_early: dict[int, int] = dict.fromkeys(range(shards), -1)  # end of the minute, by shard
        self._early: dict[int, list[JudgedStep]] = {}  # that another shard has still to reach, by end

    @property
    def waiting(self) -> int:
        """Steps that some shard has not judged yet."""
        return len(self._waiting)

    @property
    def complete(self) -> int | None:
        """Start of the newest step that every shard has judged."""
        start = min(self._newest.values())
        return None if start < 0 else start

    def feed(self, judged: Iterable[JudgedStep]) -> Iterator[GatheredStep]:
        """Add steps, and early ones, in order for each shard; yield those that are complete."""
        for added in judged:
            if added.early:
                yield from self._add_early(added)
                continue
            if added.start <= self._newest[added.shard]:
                continue  # sent again after a crash
            self._newest[added.shard] = added.start
            self._waiting.setdefault(added.start, []).append(added)
            complete = min(self._newest.values())
            for start in sorted(start for start in self._waiting if start <= complete):
                of_step = self._waiting.pop(start)
                findings = [finding for step in of_step for finding in step.findings]
                findings.sort(key=lambda finding: (finding.start, finding.id, finding.revision))
                loads = [load for step in of_step for load in step.loads]
                uses = [use for step in of_step for use in step.uses]
                maturity = [step.maturity for step in of_step if step.maturity is not None]
                changes = in_order(change for step in of_step for change in step.changes)
                illustrations = sorted(
                    (illustration for step in of_step for illustration in step.illustrations),
                    key=lambda shown: (shown.example.order, shown.findings),
                )
                yield GatheredStep(
                    of_step[0].watermark, findings, loads, uses, maturity, changes, illustrations
                )

    def _add_early(self, added: JudgedStep) -> Iterator[GatheredStep]:
        """Add early findings; yield those of minutes that all shards have reached, or not within the next."""
        if added.watermark <= self._newest_early[added.shard]:
            return  # sent again after a crash
        self._newest_early[added.shard] = added.watermark
        if added.findings:
            self._early.setdefault(added.watermark, []).append(added)
        complete, newest = min(self._newest_early.values()), max(self._newest_early.values())
        for end in sorted(end for end in self._early if end <= complete or end < newest):
            findings = [finding for step in self._early.pop(end) for finding in step.findings]
            yield GatheredStep(end, findings, [], [], [], [], [], early=True)

    def snapshot(self) -> dict[str, bytes]:
        """Return the waiting steps and the newest step of each shard."""
        waiting = [step for start in sorted(self._waiting) for step in self._waiting[start]]
        found = [step for end in sorted(self._early) for step in self._early[end]]
        return _STATE.pack(_Meta(self._newest, waiting, self._newest_early, found))

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot."""
        meta = _STATE.unpack(parts)
        self._newest = meta.newest
        self._newest_early = {**dict.fromkeys(meta.newest, -1), **meta.looked}
        self._waiting, self._early = {}, {}
        for step in meta.found:
            self._early.setdefault(step.watermark, []).append(step)
        for step in meta.waiting:
            self._waiting.setdefault(step.start, []).append(step)
