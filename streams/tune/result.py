"""What a search came to: all of it as JSON, the lines for a terminal, the proposal, the picture."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.commands.local_time import shown
from config.amend import Amendment, amended, full_floor
from streams.process.whole_file import write_whole
from streams.tune.pick import Pick, gain
from streams.tune.recording import Totals
from streams.tune.rule import Rule, front
from streams.tune.search import BATCH, sensitivity_of
from streams.tune.space import Choice, Space
from streams.tune.stretch import Stretches
from streams.tune.tradeoff_chart import Tradeoff, draw_tradeoff
from streams.tune.trial import Both, TrialOutcome

_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A search and its validation."""

    space: Space
    rule: Rule
    seed: int
    totals: Totals
    stretches: Stretches
    tried: Sequence[tuple[Choice, TrialOutcome]]  # in order, the present configuration first
    known: dict[Choice, TrialOutcome]  # these and what was tried to prune the pick
    pick: Pick
    present: Both
    picked: Both

    @property
    def better(self) -> bool:
        """Whether the pick is better than what is, on the stretch that was not searched."""
        ranks = [
            self.rule.rank(both.unseen, sensitivity_of(self.space, choice))
            for both, choice in ((self.picked, self.pick.choice), (self.present, self.space.present))
        ]
        return bool(self.pick.changes) and ranks[0] > ranks[1]

    @property
    def front(self) -> list[Choice]:
        """The configurations that no other beats on both sides of the trade-off."""
        points = {
            choice: self.rule.objectives(outcome, sensitivity_of(self.space, choice))
            for choice, outcome in self.known.items()
        }
        return front(points, self.space)

    def to_json(self) -> dict[str, object]:
        """Return the content of ``tune.json``: a function of history, settings, labels and seed alone."""
        at = self.stretches
        return {
            "version": _VERSION,
            "versions": {name: version(name) for name in ("uneri", "optuna", "numpy")},
            "seed": self.seed,
            "batch": BATCH,
            "rule": self.rule.said,
            "budget": self.rule.budget,
            "history": msgspec.to_builtins(self.totals),
            "stretches": dict(zip(("begin", "first", "split", "last"), at, strict=True)),
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
                **self._stretches(self.picked),
            },
            "present": self._stretches(self.present),
            "proposed": self.better,
        }

    def _trial(self, choice: Choice, outcome: TrialOutcome) -> dict[str, object]:
        return {"changes": self.space.changes(choice), **outcome.to_json(labelled=self.rule.labelled)}

    def _stretches(self, both: Both) -> dict[str, object]:
        labelled = self.rule.labelled
        return {name: one.to_json(labelled=labelled) for name, one in both._asdict().items()}

    def chart(self) -> str:
        """Return ``tradeoff.svg``."""

        def point(choice: Choice, outcome: TrialOutcome) -> tuple[float, float]:
            high, low = self.rule.objectives(outcome, sensitivity_of(self.space, choice))
            return low, high

        tried = [point(choice, outcome) for choice, outcome in self.known.items()]
        here = self.space.present
        labelled = self.rule.labelled
        return draw_tradeoff(
            Tradeoff(
                title=f"{len(self.known)} configurations over {_days(self.stretches)} that were searched",
                across="false pages a week" if labelled else "pages a week",
                up="labels told" if labelled else "sensitivity",
                share=labelled,
                tried=tried,
                front=[point(choice, self.known[choice]) for choice in self.front],
                present=point(here, self.known[here]),
                pick=point(self.pick.choice, self.pick.outcome),
                budget=None if labelled else self.rule.budget,
            )
        )

    def proposal(self, text: str) -> str:
        """Return ``proposed.yaml``: the user's file with the changes, each with its reason."""
        return amended(text, self._amendments)

    @property
    def _amendments(self) -> dict[str, Amendment]:
        amendments = {
            change.key: Amendment(change.new, f"was {change.old:g}: {change.reason}")
            for change in self.pick.changes
        }
        return full_floor(self.space.settings, amendments)


def lines(tuned: Tuned) -> list[str]:
    """Say what was found: the trade-off, the pick with its reasons, and the stretch that was not searched."""
    at, zone = tuned.stretches, ZoneInfo(tuned.space.settings.digest.timezone)
    said = [
        (
            f"searched {shown(at.first, zone)} to {shown(at.split, zone)}, "
            f"unseen until {shown(at.last, zone)}; {len(tuned.known)} configurations"
        ),
        *_table(tuned),
    ]
    if not tuned.rule.labelled:
        said.append(
            "without labels nothing is known of what is missed: this is about how many pages there are"
        )
    rule = tuned.rule
    picked = tuned.pick.outcome
    if not rule.met(picked):
        said.append(
            f"nothing that was tried stays within {rule.pages} a week: the nearest has "
            f"{picked.pages_per_week:.1f}"
        )
    by = rule.said if rule.met(picked) else f"the nearest to {rule.pages} a week"
    none_told = rule.labelled and not any(outcome.found for outcome in tuned.known.values())
    if none_told:
        said.append(_none_told(tuned.known.values()))
    if not tuned.pick.changes:
        if none_told:
            return [*said, "nothing is proposed"]
        return [*said, f"nothing is proposed: of all that was tried, the present configuration is {by}"]
    said.append(f"pick ({by}):")
    said += [
        f"  {change.key} {change.old:g} → {change.new:g}: {change.reason}" for change in tuned.pick.changes
    ]
    now, new = tuned.present.unseen, tuned.picked.unseen
    labelled = rule.labelled
    said.append(f"on the stretch it has not seen: {_said(now, rule)} → {_said(new, rule)}")
    blind = labelled and not now.labels
    if blind:
        said.append("no label lies there: false pages are compared, and what the pick misses is not known")
    if not tuned.better:
        least = "has no fewer false pages" if blind else "is not better"
        said.append(f"nothing is proposed: there the pick {least} than the present configuration")
    else:
        difference = gain(now, new, rule)
        said.append(f"proposed: {difference}")
    return said


def _table(tuned: Tuned) -> list[str]:
    labelled = tuned.rule.labelled
    head = ("labels told", "false pages/week", "pages/week") if labelled else ("sensitivity", "pages/week")
    rows = []
    front_ = tuned.front
    for choice in dict.fromkeys([tuned.space.present, *front_, tuned.pick.choice]):
        outcome = tuned.known[choice]
        changes = ", ".join(f"{key} {value:g}" for key, value in tuned.space.changes(choice).items())
        marks = [("as it is", tuned.space.present), ("pick", tuned.pick.choice)]
        mark = ", ".join(name for name, one in marks if one == choice)
        numbers = (
            (
                f"{outcome.found} of {outcome.labels}",
                f"{outcome.false_pages_per_week:.1f}",
                f"{outcome.pages_per_week:.1f}",
            )
            if labelled
            else (f"{sensitivity_of(tuned.space, choice):g}", f"{outcome.pages_per_week:.1f}")
        )
        rows.append((mark, *numbers, changes))
    widths = [max(len(name), 8) for name in head]
    return [
        "  ".join(
            ["        ", *(name.rjust(width) for name, width in zip(head, widths, strict=True)), "changes"]
        ),
        *(
            "  ".join(
                [
                    row[0].ljust(8),
                    *(cell.rjust(width) for cell, width in zip(row[1:-1], widths, strict=True)),
                    row[-1] or "none",
                ]
            )
            for row in rows
        ),
    ]


def _none_told(outcomes: Collection[TrialOutcome]) -> str:
    if any(outcome.fitting for outcome in outcomes):
        return "no configuration tells any label, though incidents that were not told fit some"
    return (
        "no incident of any configuration fits any label, told or not: check what the labels name "
        "(scope, account, measure), and their times"
    )


def _said(outcome: TrialOutcome, rule: Rule) -> str:
    pages = f"{outcome.pages_per_week:.1f} pages a week"
    if not rule.labelled:
        return pages
    said = [f"{outcome.found} of {outcome.labels} labels told"] if outcome.labels else []
    said.append(f"{outcome.false_pages_per_week:.1f} false pages a week")
    return ", ".join(said if rule.budget is None else [*said, pages])


def write_tuned(tuned: Tuned, text: str, out: Path) -> list[str]:
    """Leave the files of a search; return their names.

    Raises
    ------
    OSError
        When one cannot be written; it names the file.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = msgspec.json.format(msgspec.json.encode(tuned.to_json()), indent=1)
    write_whole(out / "tune.json", written + b"\n")
    write_whole(out / "tradeoff.svg", tuned.chart().encode())
    proposed = out / "proposed.yaml"
    if not tuned.better:
        proposed.unlink(missing_ok=True)
        return ["tune.json", "tradeoff.svg"]
    write_whole(proposed, tuned.proposal(text).encode())
    return ["tune.json", "tradeoff.svg", "proposed.yaml"]


def _days(at: Stretches) -> str:
    return f"{(at.split - at.first) / 86400:.1f} days"
