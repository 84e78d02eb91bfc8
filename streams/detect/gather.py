"""Brings the shards' findings back into one order: step by step, all shards of a step together."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from detectors.model.finding import Finding
from detectors.state.state import pack, unpack
from detectors.watch.hottest import Load
from detectors.watch.standings import Use


class Judged(msgspec.Struct, frozen=True):
    """What one shard found in one step: the typed hand-over from detect to incidents.

    Every closed step is told, also one without findings: that is how the incident stage learns the time.
    """

    shard: int
    start: int
    watermark: int  # end of the step: everything before it has been judged
    findings: list[Finding]
    loads: list[Load] = []  # of the hour that this step ended
    uses: list[Use] = []  # up to the hour that this step ended
    completeness: float = 1.0  # share of the sources whose data it is of, 0 where all of them had a gap


class Together(NamedTuple):
    """What all shards found in one step."""

    watermark: int
    findings: list[Finding]
    loads: list[Load]
    uses: list[Use]


class _Meta(msgspec.Struct, array_like=True):
    told: dict[int, int]
    waiting: list[Judged]


class Gather:
    """Holds a step until every shard has judged it, so that incidents do not depend on who was faster."""

    VERSION = 3

    def __init__(self, shards: int) -> None:
        self._told: dict[int, int] = dict.fromkeys(range(shards), -1)  # shard -> newest start
        self._waiting: dict[int, list[Judged]] = {}

    @property
    def waiting(self) -> int:
        """How many steps wait for a shard that has not judged them."""
        return len(self._waiting)

    @property
    def complete(self) -> int | None:
        """Start of the newest step that every shard has judged."""
        start = min(self._told.values())
        return None if start < 0 else start

    def feed(self, judged: Iterable[Judged]) -> Iterator[Together]:
        """Take steps in, each shard's in order; give the complete ones."""
        for one in judged:
            if one.start <= self._told[one.shard]:
                continue  # told again after a crash
            self._told[one.shard] = one.start
            self._waiting.setdefault(one.start, []).append(one)
            complete = min(self._told.values())
            for start in sorted(start for start in self._waiting if start <= complete):
                together = self._waiting.pop(start)
                findings = [finding for each in together for finding in each.findings]
                findings.sort(key=lambda finding: (finding.start, finding.id, finding.revision))
                loads = [load for each in together for load in each.loads]
                uses = [use for each in together for use in each.uses]
                yield Together(together[0].watermark, findings, loads, uses)

    def snapshot(self) -> dict[str, bytes]:
        """Return what waits and how far each shard is."""
        waiting = [one for start in sorted(self._waiting) for one in self._waiting[start]]
        return {"gather": pack("gather", self.VERSION, _Meta(self._told, waiting), {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        meta, _ = unpack(parts["gather"], "gather", self.VERSION, _Meta)
        self._told = meta.told
        self._waiting = {}
        for one in meta.waiting:
            self._waiting.setdefault(one.start, []).append(one)
