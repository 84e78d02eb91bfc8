"""History through the same engine: what would have been told, and when."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from alerting.incident import Incident, finding_to_json
from alerting.notice import Notice
from alerting.pipeline import Pipeline
from config.settings import Settings
from detectors.finding import Cause, Finding
from detectors.sentence import with_causes
from streams.dead_letter_limit import DeadLetterLimit
from streams.engine import Engine
from streams.judging import Told
from streams.rejected import Rejected
from streams.replay_source import History


@dataclass(slots=True)
class Replayed:
    """What a replay found. Times are epoch seconds of event time."""

    findings: list[Finding] = field(default_factory=list)  # each in its newest telling, ordered by start
    incidents: list[Incident] = field(default_factory=list)  # each in its last state, ordered by start
    notices: list[Notice] = field(default_factory=list)  # what incidents had to tell, in order
    counts: dict[str, int] = field(default_factory=dict)  # incidents that each stage held or reshaped
    dead: list[tuple[str, int, Rejected]] = field(default_factory=list)  # partition, place in it, why
    stopped: str = ""  # where and why the daemon would have stopped its intake: too many bad records
    records: int = 0
    first: int = 0  # start of the first judged step
    last: int = 0  # end of the last
    seconds: float = 0.0  # wall time

    @property
    def pages(self) -> int:
        """How many incidents would have paged somebody."""
        return sum(incident.sent == "page" for incident in self.incidents)


def replay(
    history: History, settings: Settings, progress: Callable[[float, int, int], None] | None = None
) -> Replayed:
    """Read all of ``history`` and judge it as the daemon would have.

    Parameters
    ----------
    progress
        Called with the fraction read, records so far and the event time reached (0 before the first step).
    """
    began = time.perf_counter()
    found = Replayed()
    newest: dict[str, Finding] = {}

    def judged(start: int) -> None:
        found.first = found.first or start
        found.last = start + settings.time.step

    engine = Engine(settings, history.partitions, on_step=judged, remember_all=True)
    pipeline = Pipeline(settings, keep=True)
    place: Counter[str] = Counter()
    limits = {partition: DeadLetterLimit(settings.dead_letters) for partition in history.partitions}
    for piece in history.pieces():
        if piece.records is None:
            told = engine.finish(piece.partition)
        else:
            told = engine.feed(piece.partition, piece.records)
            found.dead += [
                (piece.partition, place[piece.partition] + bad.index, bad) for bad in told.rejected
            ]
            passed = limits[piece.partition].take(len(piece.records), told.rejected)
            if passed and not found.stopped:
                record = place[piece.partition] + passed.rejected.index + 1
                found.stopped = (
                    f"{passed.why} at {piece.partition}, record {record:,} "
                    f"({passed.rejected.reason.value}: {passed.rejected.detail})"
                )
            place[piece.partition] += len(piece.records)
            found.records += len(piece.records)
        _take(told, found, newest)
        if told.watermark is not None:
            pipeline.feed(told.notices, told.watermark)
        if progress:
            progress(piece.done, found.records, found.last)
    found.findings = sorted(newest.values(), key=lambda finding: (finding.start, finding.id))
    found.incidents = [with_fate(incident, pipeline) for incident in engine.incidents.known()]
    found.counts = pipeline.counts
    found.seconds = time.perf_counter() - began
    return found


def _take(told: Told, found: Replayed, newest: dict[str, Finding]) -> None:
    for finding in told.findings:
        newest[finding.id] = msgspec.structs.replace(finding, trace=None)
    found.notices += told.notices


def with_fate(incident: Incident, pipeline: Pipeline) -> Incident:
    """Return an incident with what the pipeline made of it: whether it was told, when, and why not."""
    fate = pipeline.fate(incident.id)
    if fate is None or (fate.sent, fate.alerted) == (incident.sent, incident.alerted):
        return incident
    return msgspec.structs.replace(incident, sent=fate.sent, reason=fate.reason, alerted=fate.alerted)


def write(found: Replayed, out: Path) -> None:
    """Leave ``findings.jsonl``, ``incidents.jsonl`` and, if any record was bad, ``dead-letters.jsonl``."""
    out.mkdir(parents=True, exist_ok=True)
    took_in: dict[str, Incident] = {}
    behind: dict[str, list[Cause]] = {}
    for incident in found.incidents:
        for finding in (incident.primary, *incident.members):
            took_in[finding.id], behind[finding.id] = incident, finding.causes
    _write_lines(
        out / "findings.jsonl",
        [
            finding_to_json(with_causes(one, behind.get(one.id, [])), took_in.get(one.id))
            for one in found.findings
        ],
    )
    _write_lines(out / "incidents.jsonl", [incident.to_json() for incident in found.incidents])
    dead = out / "dead-letters.jsonl"
    dead.unlink(missing_ok=True)
    if found.dead:
        _write_lines(
            dead,
            [
                {"partition": partition, "offset": offset, "reason": bad.reason.value, "detail": bad.detail}
                for partition, offset, bad in found.dead
            ],
        )


def _write_lines(path: Path, lines: list[dict[str, object]]) -> None:
    encode = msgspec.json.Encoder().encode
    path.write_bytes(b"".join(encode(line) + b"\n" for line in lines))


def summary(found: Replayed) -> list[str]:
    """Say in a few lines what a replay found."""
    days = (found.last - found.first) / 86400
    rate = found.records / found.seconds if found.seconds else 0.0
    faster = days * 86400 / max(found.seconds, 1e-9)
    pace = f"{rate:,.0f} records/s, {faster:,.0f} times real time"
    lines = [f"{found.records:,} records, {days:.1f} days of event time in {found.seconds:.1f} s ({pace})"]
    reasons = Counter(bad.reason.value for _, _, bad in found.dead)
    if reasons:
        lines.append(
            f"{reasons.total():,} bad records: "
            + ", ".join(f"{count} {why}" for why, count in reasons.most_common())
        )
    if found.stopped:
        lines.append(f"{found.stopped}: the daemon would have stopped there, see dead_letters")
    sent = Counter(incident.sent for incident in found.incidents)
    pages = f"{sent['page']} page{'s' * (sent['page'] != 1)}"
    a_week = sent["page"] / max(days / 7, 1e-9)
    lines.append(
        f"{pages}, {sent['digest']} in the digest, {sent['none']} not sent; {a_week:.1f} pages a week"
    )
    if found.counts:
        held = ", ".join(f"{name} {count}" for name, count in found.counts.items())
        lines.append(f"held or reshaped on their way: {held}")
    return lines
