"""The results of a replay with one configuration: files, summary, and evaluation against labels."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from alerting.commands.labels import Label
from alerting.evaluation.evaluation import Evaluation, evaluate
from alerting.incidents.answers import finding_entry, incident_entry
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Notice
from config.settings import Settings
from detectors.model.finding import Cause, Finding
from detectors.model.sentence import with_causes
from streams.engine.decode.rejected import Rejected
from streams.offline.replay.text_table import by_name
from streams.process.files.atomic_file import write_atomic

DEAD_LETTERS: Final = "dead-letters.jsonl"
WEEK: Final = 7 * 86400
MANY_LATE: Final = 0.01
"""Share of late records that is worth a warning: live sources stay below, overlapping files exceed it."""


@dataclass(slots=True)
class Replayed:
    """The results of a replay with one configuration. Times are epoch seconds of event time."""

    settings: Settings = field(default_factory=Settings)
    findings: list[Finding] = field(default_factory=list)  # each in its last state, ordered by start
    incidents: list[Incident] = field(default_factory=list)  # each in its last state, ordered by start
    notices: list[Notice] = field(default_factory=list)  # notices of incidents, in order
    services: dict[str, set[str]] = field(default_factory=dict)  # by scope, as in labels (table:items)
    counts: dict[str, int] = field(default_factory=dict)  # incidents that each pipeline stage held or changed
    bad: Counter[str] = field(default_factory=Counter)  # bad records by reason
    dead: list[tuple[str, int, Rejected]] = field(default_factory=list)  # by partition and offset; the first
    stopped: str = ""  # where and why the daemon would have stopped: too many bad records
    records: int = 0
    late: int = 0  # records that arrived after their bucket had closed
    first: int = 0  # start of the first judged step
    last: int = 0  # end of the last
    seconds: float = 0.0  # wall time of this run

    @property
    def pages(self) -> int:
        """Number of incidents that would have paged."""
        return sum(incident.sent == "page" for incident in self.incidents)

    @property
    def weeks(self) -> float:
        """Judged event time in weeks."""
        return (self.last - self.first) / WEEK

    @property
    def pages_per_week(self) -> float:
        """Pages per week; 0 if nothing was judged."""
        return self.pages / self.weeks if self.weeks else 0.0


def write(found: Replayed, out: Path) -> None:
    """Write ``findings.jsonl``, ``incidents.jsonl`` and, if any record was bad, ``dead-letters.jsonl``.

    Each file is written atomically. An ``OSError`` names the file.
    """
    out.mkdir(parents=True, exist_ok=True)
    incident_of: dict[str, Incident] = {}
    causes: dict[str, list[Cause]] = {}
    for incident in found.incidents:
        for finding in (incident.primary, *incident.members):
            incident_of[finding.id], causes[finding.id] = incident, finding.causes
    _write_lines(
        out / "findings.jsonl",
        [
            finding_entry(with_causes(finding, causes.get(finding.id, [])), incident_of.get(finding.id))
            for finding in found.findings
        ],
    )
    _write_lines(out / "incidents.jsonl", [incident_entry(incident) for incident in found.incidents])
    dead = out / DEAD_LETTERS
    dead.unlink(missing_ok=True)
    if found.dead:
        _write_lines(
            dead,
            [
                {
                    "partition": partition,
                    "offset": offset,
                    "reason": bad.reason.value,
                    "detail": bad.detail,
                    "record": base64.b64encode(bad.sample).decode(),  # its first kilobyte
                }
                for partition, offset, bad in found.dead
            ],
        )


def _write_lines(path: Path, lines: Sequence[object]) -> None:
    encode = msgspec.json.Encoder().encode
    write_atomic(path, b"".join(encode(line) + b"\n" for line in lines))


def summary(found: Replayed) -> list[str]:
    """Return a summary of a few lines."""
    days = (found.last - found.first) / 86400
    rate = found.records / found.seconds if found.seconds else 0.0
    faster = days * 86400 / max(found.seconds, 1e-9)
    pace = f"{rate:,.0f} records/s, {faster:,.0f}× real time"
    lines = [f"{found.records:,} records, {days:.1f} days of event time in {found.seconds:.1f} s ({pace})"]
    if found.bad:
        lines.append(f"{found.bad.total():,} bad records: {by_name(found.bad)}")
    if found.late > MANY_LATE * found.records:
        lines.append(
            f"{found.late:,} records arrived late, after their bucket had closed; "
            "check that the files are in chronological order"
        )
    if found.stopped:
        lines.append(
            f"{found.stopped}: the daemon would have stopped here; see dead_letters in the configuration"
        )
    sent = Counter(incident.sent for incident in found.incidents)
    pages = f"{sent['page']} page{'s' * (sent['page'] != 1)}"
    lines.append(
        f"{pages}, {sent['digest']} in the digest, {sent['none']} not sent; "
        f"{found.pages_per_week:.1f} pages a week"
    )
    if found.counts:
        held = ", ".join(f"{name} {count}" for name, count in found.counts.items())
        lines.append(f"held or changed by the pipeline: {held}")
    return lines


def evaluated(found: Replayed, labels: Sequence[Label]) -> Evaluation:
    """Measure the results against labels, from the time at which series were old enough to be judged."""
    first = min(found.first + found.settings.judge.young, found.last)
    return evaluate(found.incidents, labels, first, found.last, services=found.services)
