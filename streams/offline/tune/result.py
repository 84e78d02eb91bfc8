"""The result of a search: ``tune.json``, lines for a terminal, the proposed configuration, the chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.commands.local_time import shown
from config.amend import Amendment, amended, full_floor
from streams.offline.replay.text_table import table_lines
from streams.offline.tune.periods import Periods
from streams.offline.tune.pick import Pick, Rule, front, gain
from streams.offline.tune.recording import Totals
from streams.offline.tune.search import BATCH
from streams.offline.tune.space import Choice, Space
from streams.offline.tune.tradeoff_chart import draw_tradeoff
from streams.offline.tune.trial import OutcomePair, TrialOutcome
from streams.process.files.atomic_file import write_atomic

_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneResult:
    """A search and its validation."""

    space: Space
    rule: Rule
    seed: int
    totals: Totals
    periods: Periods
    tried: Sequence[tuple[Choice, TrialOutcome]]  # in order; the first is the present configuration
    known: dict[Choice, TrialOutcome]  # also those tried while pruning
    pick: Pick
    present: OutcomePair
    picked: OutcomePair

    @property
    def better(self) -> bool:
        """Whether the pick beats the present configuration in the validation period."""
        ranks = [
            self.rule.rank(both.unseen, self.space.sensitivity(choice))
            for both, choice in ((self.picked, self.pick.choice), (self.present, self.space.present))
        ]
        return bool(self.pick.changes) and ranks[0] > ranks[1]

    @property
    def front(self) -> list[Choice]:
        """The Pareto front: the configurations that no other one dominates."""
        points = {
            choice: self.rule.objectives(outcome, self.space.sensitivity(choice))
            for choice, outcome in self.known.items()
        }
        return front(points, self.space)

    def to_json(self) -> dict[str, object]:
        """Return the content of ``tune.json``, which depends only on source, settings, labels and seed."""
        return {
            "version": _VERSION,
            "versions": {name: version(name) for name in ("uneri", "optuna", "numpy")},
            "seed": self.seed,
            "batch": BATCH,
            "rule": self.rule.text,
            "budget": self.rule.budget,
            "history": msgspec.to_builtins(self.totals),
            "stretches": self.periods._asdict(),
            "knobs": [
                {"key": knob.key, "values": knob.values, "present": knob.values[knob.present]}
                for knob in self.space.knobs
            ],
            "trials": [self._trial(choice, outcome) for choice, outcome in self.tried],
            "pruning": [
                self._trial(choice, outcome)
                for choice, outcome in self.known.items()
                if choice not in dict(self.tried)
            ],
            "front": [self._trial(choice, self.known[choice]) for choice in self.front],
            "pick": {
                "changes": [change._asdict() for change in self.pick.changes],
                **self._periods_json(self.picked),
            },
            "present": self._periods_json(self.present),
            "proposed": self.better,
        }

    def _trial(self, choice: Choice, outcome: TrialOutcome) -> dict[str, object]:
        return {"changes": self.space.changes(choice), **outcome.to_json(labelled=self.rule.labelled)}

    def _periods_json(self, both: OutcomePair) -> dict[str, object]:
        labelled = self.rule.labelled
        return {name: outcome.to_json(labelled=labelled) for name, outcome in both._asdict().items()}

    def chart(self) -> str:
        """Return ``tradeoff.svg``."""

        def point(choice: Choice, outcome: TrialOutcome) -> tuple[float, float]:
            high, low = self.rule.objectives(outcome, self.space.sensitivity(choice))
            return low, high

        tried = [point(choice, outcome) for choice, outcome in self.known.items()]
        here = self.space.present
        labelled = self.rule.labelled
        days = (self.periods.split - self.periods.first) / 86400
        return draw_tradeoff(
            title=f"{len(self.known)} configurations over {days:.1f} searched days",
            titles=("false pages a week", "labels found") if labelled else ("pages a week", "sensitivity"),
            share=labelled,
            tried=tried,
            front=[point(choice, self.known[choice]) for choice in self.front],
            present=point(here, self.known[here]),
            pick=point(self.pick.choice, self.pick.outcome),
            budget=None if labelled else self.rule.budget,
        )

    def proposal(self, text: str) -> str:
        """Return ``proposed.yaml``: the user's file with the changes, each with its reason as a comment."""
        amendments = {
            change.key: Amendment(change.new, f"was {change.old:g}: {change.reason}")
            for change in self.pick.changes
        }
        return amended(text, full_floor(self.space.settings, amendments))


def lines(tuned: TuneResult) -> list[str]:
    """Return the result as text: the trade-off, the pick with its reasons, and its validation."""
    at, zone = tuned.periods, ZoneInfo(tuned.space.settings.digest.timezone)
    text = [
        (
            f"searched {shown(at.first, zone)} to {shown(at.split, zone)}, "
            f"validated until {shown(at.last, zone)}; {len(tuned.known)} configurations"
        ),
        *_table(tuned),
    ]
    rule, picked = tuned.rule, tuned.pick.outcome
    if not rule.labelled:
        text.append("without labels, missed incidents are unknown: only the number of pages was tuned")
    by = rule.text
    if not rule.met(picked):
        by = f"closest to {rule.budget_text}"
        text.append(
            f"no configuration tried stays within {rule.budget_text}; the closest has "
            f"{picked.pages_per_week:.1f}"
        )
    none_found = rule.labelled and not any(outcome.found for outcome in tuned.known.values())
    if none_found:
        text.append(_none_found(tuned))
    if not tuned.pick.changes:
        best = "" if none_found else f": the present configuration is the best one tried ({by})"
        return [*text, f"no change is proposed{best}"]
    text.append(f"pick ({by}):")
    text += [
        f"  {change.key} {change.old:g} → {change.new:g}: {change.reason}" for change in tuned.pick.changes
    ]
    now, new = tuned.present.unseen, tuned.picked.unseen
    text.append(f"validation: {_figures(now, rule)} → {_figures(new, rule)}")
    blind = rule.labelled and not now.labels
    if blind:
        text.append("the validation period has no labels: only false pages are compared, misses are unknown")
    if tuned.better:
        text.append(f"proposed: {gain(now, new, rule)}")
    else:
        least = "has no fewer false pages" if blind else "is not better"
        text.append(f"no change is proposed: in validation, the pick {least} than the present configuration")
    return text


def _table(tuned: TuneResult) -> list[str]:
    labelled = tuned.rule.labelled
    head = ("labels found", "false pages/week", "pages/week") if labelled else ("sensitivity", "pages/week")
    rows = [["", *head, "changes"]]
    for choice in dict.fromkeys([tuned.space.present, *tuned.front, tuned.pick.choice]):
        outcome = tuned.known[choice]
        marks = [("present", tuned.space.present), ("pick", tuned.pick.choice)]
        measured = (
            [f"{outcome.found} of {outcome.labels}", f"{outcome.false_pages_per_week:.1f}"]
            if labelled
            else [f"{tuned.space.sensitivity(choice):g}"]
        )
        changes = ", ".join(f"{key} {value:g}" for key, value in tuned.space.changes(choice).items())
        mark = ", ".join(name for name, marked in marks if marked == choice)
        rows.append([mark, *measured, f"{outcome.pages_per_week:.1f}", changes or "none"])
    return table_lines(rows, range(1, 1 + len(head)))


def _none_found(tuned: TuneResult) -> str:
    if any(outcome.fitting for outcome in tuned.known.values()):
        return "no configuration finds any label, although incidents that were not sent match some"
    return "no label matches any incident, sent or not; check scope, account, measure and times of the labels"


def _figures(outcome: TrialOutcome, rule: Rule) -> str:
    pages = f"{outcome.pages_per_week:.1f} pages a week"
    if not rule.labelled:
        return pages
    figures = [f"{outcome.found} of {outcome.labels} labels found"] if outcome.labels else []
    figures.append(f"{outcome.false_pages_per_week:.1f} false pages a week")
    return ", ".join(figures if rule.budget is None else [*figures, pages])


def write_tuned(tuned: TuneResult, text: str, out: Path) -> list[str]:
    """Write the files of a search; return their names.

    Raises
    ------
    OSError
        When a file cannot be written; it names the file.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = msgspec.json.format(msgspec.json.encode(tuned.to_json()), indent=1)
    write_atomic(out / "tune.json", written + b"\n")
    write_atomic(out / "tradeoff.svg", tuned.chart().encode())
    proposed = out / "proposed.yaml"
    if not tuned.better:
        proposed.unlink(missing_ok=True)
        return ["tune.json", "tradeoff.svg"]
    write_atomic(proposed, tuned.proposal(text).encode())
    return ["tune.json", "tradeoff.svg", "proposed.yaml"]
