"""What a replay found, the files it leaves, and the few lines that say it."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from alerting.incidents.incident import Incident, finding_to_json
from alerting.incidents.notice import Notice
from config.settings import Settings
from detectors.model.finding import Cause, Finding
from detectors.model.sentence import with_causes
from streams.decode.rejected import Rejected
from streams.process.whole_file import write_whole

WEEK: Final = 7 * 86400
MANY_LATE: Final = 0.01
"""From this share of late records on it is said: live sources have less, files that overlap in time more."""


@dataclass(slots=True)
class Replayed:
    """What a replay found with one configuration. Times are epoch seconds of event time."""

    settings: Settings = field(default_factory=Settings)
    findings: list[Finding] = field(default_factory=list)  # each in its newest telling, ordered by start
    incidents: list[Incident] = field(default_factory=list)  # each in its last state, ordered by start
    notices: list[Notice] = field(default_factory=list)  # what incidents had to tell, in order
    services: dict[str, set[str]] = field(default_factory=dict)  # by scope as labels write it (table:items)
    counts: dict[str, int] = field(default_factory=dict)  # incidents that each stage held or reshaped
    bad: Counter[str] = field(default_factory=Counter)  # bad records by reason
    dead: list[tuple[str, int, Rejected]] = field(default_factory=list)  # partition, offset, why: the first
    stopped: str = ""  # where and why the daemon would have stopped its intake: too many bad records
    records: int = 0
    late: int = 0  # records that came after their bucket had closed
    first: int = 0  # start of the first judged step
    last: int = 0  # end of the last
    seconds: float = 0.0  # wall time of this run

    @property
    def pages(self) -> int:
        """How many incidents would have paged somebody."""
        return sum(incident.sent == "page" for incident in self.incidents)

    @property
    def weeks(self) -> float:
        """How many weeks of event time were judged."""
        return (self.last - self.first) / WEEK

    @property
    def pages_per_week(self) -> float:
        """How many pages a week that makes; 0 when nothing was judged."""
        return self.pages / self.weeks if self.weeks else 0.0


def write(found: Replayed, out: Path) -> None:
    """Leave ``findings.jsonl``, ``incidents.jsonl`` and, if any record was bad, ``dead-letters.jsonl``.

    Each file is there as a whole or not at all.

    Raises
    ------
    OSError
        When one cannot be written; it names the file.
    """
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


def _write_lines(path: Path, lines: Sequence[dict[str, object]]) -> None:
    encode = msgspec.json.Encoder().encode
    write_whole(path, b"".join(encode(line) + b"\n" for line in lines))


def summary(found: Replayed) -> list[str]:
    """Say in a few lines what a replay found."""
    days = (found.last - found.first) / 86400
    rate = found.records / found.seconds if found.seconds else 0.0
    faster = days * 86400 / max(found.seconds, 1e-9)
    pace = f"{rate:,.0f} records/s, {faster:,.0f} times real time"
    lines = [f"{found.records:,} records, {days:.1f} days of event time in {found.seconds:.1f} s ({pace})"]
    if found.bad:
        lines.append(
            f"{found.bad.total():,} bad records: "
            + ", ".join(f"{count} {why}" for why, count in found.bad.most_common())
        )
    if found.late > MANY_LATE * found.records:
        lines.append(
            f"{found.late:,} records came late, after later ones of their source had closed their time: "
            "are the files in order of time?"
        )
    if found.stopped:
        lines.append(f"{found.stopped}: the daemon would have stopped there, see dead_letters")
    sent = Counter(incident.sent for incident in found.incidents)
    pages = f"{sent['page']} page{'s' * (sent['page'] != 1)}"
    lines.append(
        f"{pages}, {sent['digest']} in the digest, {sent['none']} not sent; "
        f"{found.pages_per_week:.1f} pages a week"
    )
    if found.counts:
        held = ", ".join(f"{name} {count}" for name, count in found.counts.items())
        lines.append(f"held or reshaped on their way: {held}")
    return lines
