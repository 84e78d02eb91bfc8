"""Merges the findings of all shards into one order, step by step."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice
from detectors.explain.examples import Illustration
from detectors.model.finding import AccountTraffic, Finding
from detectors.model.stated import StatedChange, in_order
from detectors.state.declared import StatePart
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Load, Use

PART_BYTES: Final = 1024 * 1024
"""Of a record of the findings topic, which takes twice as much."""

_LISTS: Final = ("findings", "loads", "uses", "changes", "illustrations")
_encode: Final = msgspec.msgpack.Encoder().encode

AccountRequests = dict[str, AccountTraffic]
"""By account, its requests a second in one step."""

REMEMBERED: Final = 60
"""Steps of which the requests of accounts are remembered: of few calls, half an hour shows that they rise."""

FIRST_STEPS: Final = 15
"""Steps of a finding in which they tell: later, what is expected may have followed the level."""


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
    accounts: AccountRequests = {}  # those of this shard
    part: int = 0  # a step that is too large for one record has several, numbered
    more: bool = False  # whether another one follows


def in_parts(judged: JudgedStep) -> Iterator[JudgedStep]:
    """Yield a step in parts that a topic takes: an incident of many scopes has thousands of findings."""
    if len(_encode(judged)) <= PART_BYTES:
        yield judged
        return
    parts: list[dict[str, list[object]]] = [{}]
    room = PART_BYTES
    for name in _LISTS:
        for item in getattr(judged, name):
            size = len(_encode(item))
            if size > room and parts[-1]:
                parts.append({})
                room = PART_BYTES
            parts[-1].setdefault(name, []).append(item)
            room -= size
    for number, lists in enumerate(parts):
        yield msgspec.structs.replace(
            judged,
            **{name: lists.get(name, []) for name in _LISTS},
            maturity=None if number else judged.maturity,
            accounts={} if number else judged.accounts,
            part=number,
            more=number + 1 < len(parts),
        )


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
    accounts: dict[int, AccountRequests] = {}


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
        self._accounts: dict[int, AccountRequests] = {}  # by start of the last steps
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
            if added.start <= self._newest[added.shard] or not _add(added, self._waiting, added.start):
                continue  # sent again after a crash, or not all of it is there
            self._newest[added.shard] = added.start
            complete = min(self._newest.values())
            for start in sorted(start for start in self._waiting if start <= complete):
                of_step = self._waiting.pop(start)
                self._accounts[start] = {name: of for step in of_step for name, of in step.accounts.items()}
                if len(self._accounts) > REMEMBERED:
                    del self._accounts[next(iter(self._accounts))]
                findings = [self._with_account(finding) for step in of_step for finding in step.findings]
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

    def _with_account(self, finding: Finding) -> Finding:
        """Return a finding with the requests of its account in its first steps, while they are remembered."""
        if finding.growth is not None or not finding.is_open or finding.start < next(iter(self._accounts)):
            return finding
        name = finding.about.account
        steps = [of for start, of in self._accounts.items() if start >= finding.start][:FIRST_STEPS]
        known = [of[name] for of in steps if name in of]
        if not known:
            return finding
        whole = AccountTraffic(*(sum(column) / len(known) for column in zip(*known, strict=True)))
        return msgspec.structs.replace(finding, account=whole)

    def _add_early(self, added: JudgedStep) -> Iterator[GatheredStep]:
        """Add early findings; yield those of minutes that all shards have reached, or not within the next."""
        if added.watermark <= self._newest_early[added.shard]:
            return  # sent again after a crash
        if added.findings and not _add(added, self._early, added.watermark):
            return
        self._newest_early[added.shard] = added.watermark
        complete, newest = min(self._newest_early.values()), max(self._newest_early.values())
        for end in sorted(end for end in self._early if end <= complete or end < newest):
            findings = [finding for step in self._early.pop(end) for finding in step.findings]
            yield GatheredStep(end, findings, [], [], [], [], [], early=True)

    def snapshot(self) -> dict[str, bytes]:
        """Return the waiting steps and the newest step of each shard."""
        waiting = [step for start in sorted(self._waiting) for step in self._waiting[start]]
        found = [step for end in sorted(self._early) for step in self._early[end]]
        return _STATE.pack(_Meta(self._newest, waiting, self._newest_early, found, self._accounts))

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot."""
        meta = _STATE.unpack(parts)
        self._newest = meta.newest
        self._newest_early = {**dict.fromkeys(meta.newest, -1), **meta.looked}
        self._waiting, self._early, self._accounts = {}, {}, meta.accounts
        for step in meta.found:
            self._early.setdefault(step.watermark, []).append(step)
        for step in meta.waiting:
            self._waiting.setdefault(step.start, []).append(step)


def _add(added: JudgedStep, to: dict[int, list[JudgedStep]], at: int) -> bool:
    """Add a part of a step to the others; return whether it is the last one, and was not there."""
    parts = to.setdefault(at, [])
    if added.part < sum(step.shard == added.shard for step in parts):
        return False
    parts.append(added)
    return not added.more
