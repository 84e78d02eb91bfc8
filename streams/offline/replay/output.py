"""The output of a replay: the files of its folder, and the lines for a terminal."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.commands.labels import Label
from alerting.evaluation.comparison import Comparison, compare
from alerting.evaluation.evaluation import Evaluation
from alerting.evaluation.pressed_marks import PressedMarks, pressed_marks
from streams.offline.replay.post import renderer_of
from streams.offline.replay.replayed import DEAD_LETTERS, Replayed, evaluated, summary, write
from streams.offline.replay.result_lines import comparison_lines, evaluation_lines, mark_lines
from streams.process.files.atomic_file import atomic_file, refuse_link, write_atomic
from streams.screens.board.report.report import ReportHead, write_report

AGAINST: Final = "against"
"""Subfolder for the results of the other configuration."""

SERIES: Final = "series.parquet"
COMPARISON: Final = "comparison.json"
EVALUATION: Final = "evaluation.json"

_OPTIONAL: Final = (
    SERIES,
    COMPARISON,
    EVALUATION,
    DEAD_LETTERS,
    *(f"{AGAINST}/{name}" for name in ("findings.jsonl", "incidents.jsonl", DEAD_LETTERS, EVALUATION)),
)
"""Files that not every replay writes."""


@dataclass(frozen=True, slots=True)
class ReplayOutput:
    """The results of a replay with one configuration, or with two."""

    found: Replayed
    against: Replayed | None
    comparison: Comparison | None
    evaluation: Evaluation | None
    evaluation_against: Evaluation | None
    marks: PressedMarks | None  # those of the labels, with the first configuration

    @classmethod
    def of(cls, found: Sequence[Replayed], labels: Sequence[Label] | None) -> "ReplayOutput":
        """Compare and evaluate results; ``labels`` is None without a file of labels."""
        a, b = found[0], found[1] if len(found) > 1 else None
        return cls(
            found=a,
            against=b,
            comparison=None if b is None else compare(a.incidents, b.incidents, first=a.first, last=a.last),
            evaluation=None if labels is None else evaluated(a, labels),
            evaluation_against=None if labels is None or b is None else evaluated(b, labels),
            marks=None if labels is None else pressed_marks(a.notices, labels, a.settings),
        )

    def write(
        self, out: Path, *, source: str, names: tuple[str, str], notes: Sequence[str], series: bool = False
    ) -> list[str]:
        """Write all files, and ``report.html`` with the sources and configurations as the user named them.

        Files of an earlier replay that this one does not write are deleted first, since they would look
        current. ``series`` is whether this one has written ``series.parquet``. Returns the names and sizes.

        Raises
        ------
        OSError
            When a file cannot be written; it names the file.
        """
        measured = [
            (name, content)
            for name, content in (
                (COMPARISON, self.comparison),
                (EVALUATION, self.evaluation),
                (f"{AGAINST}/{EVALUATION}", self.evaluation_against),
            )
            if content is not None
        ]
        drop_leftovers(out, {name for name, _ in measured} | ({SERIES} if series else set()))
        write(self.found, out)
        files = [
            f"findings.jsonl ({len(self.found.findings)})",
            f"incidents.jsonl ({len(self.found.incidents)})",
        ]
        if self.against is not None:
            write(self.against, out / AGAINST)
            files.append(f"{AGAINST}/ (the same for the other configuration)")
        for name, content in measured:
            written = msgspec.json.format(msgspec.json.encode(content.to_json()), indent=2)
            write_atomic(out / name, written + b"\n")
            files.append(name)
        self._report(out / "report.html", source, names, notes)
        return [*files, "report.html", *([SERIES] if series else [])]

    def _report(self, path: Path, source: str, names: tuple[str, str], notes: Sequence[str]) -> None:
        found = self.found
        stopped = [f"{found.stopped}: the daemon would have stopped here"] if found.stopped else []
        with atomic_file(path) as part:
            write_report(
                part,
                found.incidents,
                found.notices,
                renderer_of(found.settings),
                ReportHead(
                    title="",
                    source=source,
                    first=found.first,
                    last=found.last,
                    records=found.records,
                    notes=(*notes, *stopped),
                    dead=found.bad,
                    compared=names,
                ),
                settings=found.settings,
                comparison=self.comparison,
                evaluation=self.evaluation,
            )

    def lines(self, names: tuple[str, str]) -> list[str]:
        """Return the results as text; ``names`` are those of the configurations."""
        zone = ZoneInfo(self.found.settings.digest.timezone)
        lines = summary(self.found)
        if self.evaluation is not None:
            lines += ["", *evaluation_lines(self.evaluation, zone)]
        if self.marks is not None and self.marks.pressed:
            lines += ["", *mark_lines(self.marks, zone)]
        if self.comparison is not None:
            lines += ["", *comparison_lines(self.comparison, zone, a=names[0], b=names[1])]
        if self.evaluation_against is not None:
            lines += [
                "",
                f"B ({names[1]}) against the labels:",
                *evaluation_lines(self.evaluation_against, zone),
            ]
        return lines


def drop_leftovers(out: Path, kept: Collection[str]) -> None:
    """Delete the files of an earlier replay except ``kept``, which this one writes; leave others alone."""
    refuse_link(out / AGAINST)
    gone = [out / name for name in _OPTIONAL if name not in kept and (out / name).is_file()]
    for file in gone:
        file.unlink()
    if any(file.parent.name == AGAINST for file in gone):
        with suppress(OSError):  # it contains other files
            (out / AGAINST).rmdir()
