"""What a replay leaves in its folder, and the lines that it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerting.commands.labels import Label
from alerting.evaluation.comparison import Comparison, compare
from alerting.evaluation.evaluation import Evaluation
from alerting.evaluation.fail_on import FailOn, failures
from alerting.messages.render import Renderer
from alerting.report.report import ReportHead, write_report
from alerting.words.locales import phrases_of
from config.links import Links
from streams.process.whole_file import whole_file, write_whole
from streams.replay.comparison_lines import comparison_lines
from streams.replay.evaluation import evaluated
from streams.replay.evaluation_lines import evaluation_lines
from streams.replay.leftovers import AGAINST, COMPARISON, EVALUATION, SERIES, drop_leftovers
from streams.replay.replayed import Replayed, summary, write


@dataclass(frozen=True, slots=True)
class Results:
    """What came of a replay with one configuration, or with two."""

    found: Replayed
    against: Replayed | None
    comparison: Comparison | None
    evaluation: Evaluation | None
    evaluation_against: Evaluation | None

    @classmethod
    def of(cls, found: Sequence[Replayed], labels: Sequence[Label] | None) -> "Results":
        """Compare and measure what was found; ``labels`` are None where there are none to measure with."""
        a, b = found[0], found[1] if len(found) > 1 else None
        return cls(
            found=a,
            against=b,
            comparison=None if b is None else compare(a.incidents, b.incidents, first=a.first, last=a.last),
            evaluation=None if labels is None else evaluated(a, labels),
            evaluation_against=None if labels is None or b is None else evaluated(b, labels),
        )

    def write(
        self, out: Path, *, source: str, names: tuple[str, str], notes: Sequence[str], series: bool = False
    ) -> list[str]:
        """Write all files; return their names, with how much is in them.

        What an earlier replay left in the folder and this one leaves none of is deleted first: nobody could
        tell it from what is new.

        Parameters
        ----------
        out
            The folder.
        source
            What was replayed, as it was named.
        names
            What the two configurations are called.
        notes
            What the user should know of the source.
        series
            Whether ``series.parquet`` is there, and of this replay.

        Raises
        ------
        OSError
            When one cannot be written; it names the file.
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
        left = [
            f"findings.jsonl ({len(self.found.findings)})",
            f"incidents.jsonl ({len(self.found.incidents)})",
        ]
        if self.against is not None:
            write(self.against, out / AGAINST)
            left.append(f"{AGAINST}/ (the same of the other configuration)")
        for name, content in measured:
            write_whole(out / name, _json(content.to_json()))
            left.append(name)
        self._report(out / "report.html", source, names, notes)
        return [*left, "report.html", *([SERIES] if series else [])]

    def _report(self, path: Path, source: str, names: tuple[str, str], notes: Sequence[str]) -> None:
        found = self.found
        zone = ZoneInfo(found.settings.digest.timezone)
        words = phrases_of(found.settings.notify.locale)
        renderer = Renderer(Links(found.settings.links), zone, words, pressable=False)
        said = [*notes, *([f"{found.stopped}: the daemon would have stopped there"] if found.stopped else [])]
        with whole_file(path) as part:
            write_report(
                part,
                found.incidents,
                found.notices,
                renderer,
                zone,
                title="What Uneri would have told",
                about=ReportHead(
                    source=source,
                    first=found.first,
                    last=found.last,
                    records=found.records,
                    notes=tuple(said),
                ),
                settings=found.settings,
                comparison=self.comparison,
                compared=names,
                evaluation=self.evaluation,
                dead=found.bad,
            )

    def lines(self, names: tuple[str, str]) -> list[str]:
        """Say what was found; ``names`` are what the configurations are called."""
        zone = ZoneInfo(self.found.settings.digest.timezone)
        lines = summary(self.found)
        if self.evaluation is not None:
            lines += ["", *evaluation_lines(self.evaluation, zone)]
        if self.comparison is not None:
            lines += ["", *comparison_lines(self.comparison, zone, a=names[0], b=names[1])]
        if self.evaluation_against is not None:
            lines += [
                "",
                f"B, {names[1]}, against the labels:",
                *evaluation_lines(self.evaluation_against, zone),
            ]
        return lines

    def failures(self, asked: Sequence[FailOn]) -> list[str]:
        """Return a line for each thing asked for that fails."""
        return failures(
            asked,
            comparison=self.comparison,
            evaluation=self.evaluation,
            against=self.evaluation_against,
        )


def _json(content: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
