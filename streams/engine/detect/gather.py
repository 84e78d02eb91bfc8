"""Merges the findings of all shards into one order, step by step."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice
from detectors.explain.examples import Illustration
from detectors.model.finding import Finding
from detectors.model.stated import StatedChange, in_order
from detectors.state.state import pack, unpack
from detectors.watch.hottest import Load, Use
from detectors.watch.maturity import Maturity


class JudgedStep(msgspec.Struct, frozen=True):
    """What one shard found in one step: what detect sends to incidents.

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
    early: bool = False  # what a look found in the step before ``watermark``, which has not been judged


class GatheredStep(NamedTuple):
    """What all shards found in one step."""

    watermark: int
    findings: list[Finding]
    loads: list[Load]
    uses: list[Use]
    maturity: list[Maturity]
    changes: list[StatedChange]  # in order, each once
    illustrations: list[Illustration]
    early: bool = False  # what looks found

    def tell(self, incidents: Incidents) -> list[Notice]:
        """Group what was found into incidents; return the notices about them."""
        if self.early:
            return incidents.look(self.findings, self.watermark)
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


class Gather:
    """Holds each step until every shard has judged it, so that incidents do not depend on shard speed.

    The same of looks, so that a page is about the deepest of what was found; but one is not waited for when
    another shard is a look ahead.
    """

    VERSION = 3

    def __init__(self, shards: int) -> None:
        self._newest: dict[int, int] = dict.fromkeys(range(shards), -1)  # start of a step, by shard
        self._waiting: dict[int, list[JudgedStep]] = {}
        self._looked: dict[int, int] = dict.fromkeys(range(shards), -1)  # end of the newest look, by shard
        self._found: dict[int, list[JudgedStep]] = {}  # looks that another shard has still to take, by end

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
        """Add steps and looks, in order for each shard; yield those that are complete."""
        for one in judged:
            if one.early:
                yield from self._looks(one)
                continue
            if one.start <= self._newest[one.shard]:
                continue  # sent again after a crash
            self._newest[one.shard] = one.start
            self._waiting.setdefault(one.start, []).append(one)
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
                    key=lambda one: (one.example.order, one.findings),
                )
                yield GatheredStep(
                    of_step[0].watermark, findings, loads, uses, maturity, changes, illustrations
                )

    def _looks(self, one: JudgedStep) -> Iterator[GatheredStep]:
        """Add a look; yield what was found by those that all shards have taken, or not within the next."""
        if one.watermark <= self._looked[one.shard]:
            return  # sent again after a crash
        self._looked[one.shard] = one.watermark
        if one.findings:
            self._found.setdefault(one.watermark, []).append(one)
        complete, newest = min(self._looked.values()), max(self._looked.values())
        for end in sorted(end for end in self._found if end <= complete or end < newest):
            findings = [finding for step in self._found.pop(end) for finding in step.findings]
            yield GatheredStep(end, findings, [], [], [], [], [], early=True)

    def snapshot(self) -> dict[str, bytes]:
        """Return the waiting steps and the newest step of each shard."""
        waiting = [step for start in sorted(self._waiting) for step in self._waiting[start]]
        found = [step for end in sorted(self._found) for step in self._found[end]]
        meta = _Meta(self._newest, waiting, self._looked, found)
        return {"gather": pack("gather", self.VERSION, meta, {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot."""
        meta, _ = unpack(parts["gather"], "gather", self.VERSION, _Meta)
        self._newest = meta.newest
        self._looked = {**dict.fromkeys(meta.newest, -1), **meta.looked}
        self._waiting, self._found = {}, {}
        for step in meta.found:
            self._found.setdefault(step.watermark, []).append(step)
        for step in meta.waiting:
            self._waiting.setdefault(step.start, []).append(step)
