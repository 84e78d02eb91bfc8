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
from detectors.watch.hottest import Load
from detectors.watch.maturity import Maturity
from detectors.watch.standings import Use


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


class GatheredStep(NamedTuple):
    """What all shards found in one step."""

    watermark: int
    findings: list[Finding]
    loads: list[Load]
    uses: list[Use]
    maturity: list[Maturity]
    changes: list[StatedChange]  # in order, each once
    illustrations: list[Illustration]

    def tell(self, incidents: Incidents) -> list[Notice]:
        """Group what was found into incidents; return the notices about them."""
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


class Gather:
    """Holds each step until every shard has judged it, so that incidents do not depend on shard speed."""

    VERSION = 3

    def __init__(self, shards: int) -> None:
        self._newest: dict[int, int] = dict.fromkeys(range(shards), -1)  # start of a step, by shard
        self._waiting: dict[int, list[JudgedStep]] = {}

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
        """Add steps, in order for each shard; yield those that are complete."""
        for one in judged:
            if one.start <= self._newest[one.shard]:
                continue  # sent again after a crash
            self._newest[one.shard] = one.start
            self._waiting.setdefault(one.start, []).append(one)
            complete = min(self._newest.values())
            for start in sorted(start for start in self._waiting if start <= complete):
                of_step = self._waiting.pop(start)
                findings = [finding for each in of_step for finding in each.findings]
                findings.sort(key=lambda finding: (finding.start, finding.id, finding.revision))
                loads = [load for each in of_step for load in each.loads]
                uses = [use for each in of_step for use in each.uses]
                maturity = [each.maturity for each in of_step if each.maturity is not None]
                changes = in_order(change for each in of_step for change in each.changes)
                illustrations = sorted(
                    (one for each in of_step for one in each.illustrations),
                    key=lambda one: (one.example.order, one.findings),
                )
                yield GatheredStep(
                    of_step[0].watermark, findings, loads, uses, maturity, changes, illustrations
                )

    def snapshot(self) -> dict[str, bytes]:
        """Return the waiting steps and the newest step of each shard."""
        waiting = [one for start in sorted(self._waiting) for one in self._waiting[start]]
        return {"gather": pack("gather", self.VERSION, _Meta(self._newest, waiting), {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot."""
        meta, _ = unpack(parts["gather"], "gather", self.VERSION, _Meta)
        self._newest = meta.newest
        self._waiting = {}
        for one in meta.waiting:
            self._waiting.setdefault(one.start, []).append(one)
