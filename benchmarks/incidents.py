"""Pages about incidents of known cause: backends, judged at the shipped defaults.

    python -m benchmarks.incidents [game b2b shop growing] [--rate X] [--seed N] [--live] [--smoke]

Every backend is drawn twice (``benchmarks/backends``): once as it is on quiet days, where every page is a
false one, and once with incidents after three weeks. Of an incident is printed whether a page came that is
about it, how late it left, whether it names the right table or what else the incident is about, the right
verdict, the right function on top of the callers, and the right client or tenant, and how many further pages
it made. ``*`` marks incidents so small or so seldom called that missing them is no shame; they are counted
apart. ``--live`` evaluates early between the steps, as a daemon does in the weeks that matter; a replay does
not. ``--smoke`` has two days of the office, and
fails if nothing is told of them.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from statistics import median
from typing import Any, Final

import msgspec
import numpy as np

from alerting.incidents.answers import incident_entry
from benchmarks.backends.backend import DAY, FIRST_TROUBLE, HOUR, NAMES, START, Backend, Incident, read
from benchmarks.backends.log import arriving, draw_log
from config.settings import Settings
from streams.drivers.compile_ahead import prepare_process
from streams.engine.stages.engine import Engine

SOURCE: Final = "requests/0"
AFTER: Final = HOUR / 2  # a page that leaves so long after the end still is about it
WAKE: Final = HOUR  # pages of its aftermath are counted as its own, not as false ones
LATEST: Final = 8 * HOUR  # of an incident that goes on for days
EARLY: Final = 60  # a step that had begun before it
YOUNG: Final = 2 * HOUR  # what a smoke waits for, in place of a week
ASKED: Final = ("right table", "right verdict", "right function", "right client", "defect told as one")

Page = dict[str, Any]


@dataclass
class Outcome:
    """What was told of one incident."""

    incident: Incident
    page: Page | None
    more: list[Page]

    @property
    def delay(self) -> float:
        """Seconds from the start of the incident until it was told; NaN where it was not."""
        at = None if self.page is None else self.page["alerted"]
        return float("nan") if at is None else float(at - START - self.incident.start)

    @property
    def right(self) -> tuple[bool | None, ...]:
        """Whether what is in ``ASKED`` is right; None where nothing was asked for."""
        incident, page = self.incident, self.page
        if page is None:
            return (None,) * len(ASKED)
        verdict = page["verdict"] in incident.verdicts
        top = [_named(caller) for caller in page["callers"][:1]]
        suspects = {" ".join(filter(None, (who["name"], who.get("version")))) for who in page["suspects"]}
        return (
            _named(page["scope"]) in incident.scopes,
            verdict,
            incident.caller in {*top, _named(page["scope"])} if incident.caller else None,
            incident.suspect in suspects if incident.suspect else None,
            page.get("concentration", {}).get("cause") == "defect"
            if incident.is_defect and verdict
            else None,
        )


@dataclass
class Result:
    """One log."""

    backend: Backend
    outcomes: list[Outcome]
    false: list[Page]
    digests: list[Page]
    records: int


def judged(backend: Backend, seed: int, live_from: float = np.inf, young: float | None = None) -> Result:
    """Draw a log, judge it, and give every page to the incident that it is about; what is left is false."""
    given = {"limits": {"tables": backend.limits}} | ({"judge": {"young": young}} if young else {})
    settings = Settings.model_validate(given)
    engine = Engine(settings, [SOURCE], remember_all=True)
    step, newest, records = settings.time.step, 0.0, 0
    for run in arriving(draw_log(backend, seed), backend, seed, live_from):
        alive = run.arrived[0] >= live_from
        if alive:  # while nothing arrives, time goes on by the clock
            for passed in np.arange(step, run.arrived[0] - newest, step):
                engine.idle(SOURCE, float(passed))
        newest, records = float(run.arrived[-1]), records + len(run.records)
        engine.feed(SOURCE, run.records, run.arrived)
        if alive:
            engine.evaluate_early(SOURCE, newest)
    engine.finish(SOURCE)
    told = [msgspec.to_builtins(incident_entry(incident)) for incident in engine.incidents.all()]
    pages = sorted((line for line in told if line["sent"] == "page"), key=lambda line: line["alerted"])
    digests = [line for line in told if line["sent"] == "digest"]
    outcomes, taken = [], set[str]()
    for incident in backend.incidents:
        if incident.expect == "digest":
            found = [Outcome(incident, line, []) for line in digests if _about(line, incident)]
            outcomes.append(max(found, key=_rightness, default=Outcome(incident, None, [])))
            continue
        outcome = _paged(incident, pages, taken)
        taken |= {page["id"] for page in (*outcome.more, *([outcome.page] if outcome.page else []))}
        outcomes.append(outcome)
    return Result(backend, outcomes, [page for page in pages if page["id"] not in taken], digests, records)


def _paged(incident: Incident, pages: list[Page], taken: set[str]) -> Outcome:
    """Return the first page about an incident, and what else it made of those that no other one has."""
    end = min(incident.end, incident.start + LATEST)
    near = [
        (page["alerted"] - START, page) for page in pages if page["alerted"] - START >= incident.start - EARLY
    ]
    until = min(incident.end + AFTER, incident.start + LATEST)
    first = next((page for at, page in near if at <= until and _about(page, incident)), None)
    more = [
        page
        for at, page in near
        if page is not first
        and page["id"] not in taken
        and (at <= end + WAKE or (at <= incident.end + WAKE and _about(page, incident)))
    ]
    return Outcome(incident, first, more)


def _rightness(outcome: Outcome) -> tuple[bool, ...]:
    return tuple(map(bool, outcome.right))


def _named(scope: Page) -> str:
    return f"{scope['kind']} {scope.get('name', '')}"


def _about(line: Page, incident: Incident) -> bool:
    scopes = [line["scope"], *(member["scope"] for member in line["members"])]
    return any(
        _named(scope) in incident.scopes and incident.account in {"", scope.get("account")}
        for scope in scopes
    )


def _line(page: Page) -> str:
    about = [page, *page["members"][:4]]
    what = ", ".join(f"{part['measure']} of {_named(part['scope'])}" for part in about)
    end = f"{(page['end'] - page['start']) / 60:.0f} min" if page["end"] else "open"
    at = datetime.fromtimestamp(page["alerted"] or page["start"], UTC).strftime("%a %m-%d %H:%M")
    callers = ", ".join(f"{caller['name']} {caller['share']:.2f}" for caller in page["callers"][:3])
    suspects = ", ".join(who["name"] for who in page["suspects"])
    return (
        f"{at}  {page['verdict']} {what}: {page['observed']:.3g} for {page['expected']:.3g}, "
        f"score {page['score']:.3f}, {end}; callers {callers}; suspects {suspects}"
    )


def show(result: Result) -> None:
    """Print one log."""
    if result.outcomes:
        print(
            f"{'incident':36}{'told':>6}{'delay':>9}  " + "".join(f"{name:>20}" for name in ASKED) + "  more"
        )
    for outcome in result.outcomes:
        marks = ["" if right is None else "yes" if right else "NO" for right in outcome.right]
        told = "yes" if outcome.page else "NO"
        days = f"{outcome.delay / DAY:.1f} d" if abs(outcome.delay) > DAY else ""
        delay = "" if isnan(outcome.delay) else days or f"{outcome.delay:.0f} s"
        name = outcome.incident.kind + " *" * outcome.incident.small
        print(
            f"{name:36}{told:>6}{delay:>9}  "
            + "".join(f"{mark:>20}" for mark in marks)
            + f"{len(outcome.more):>6}"
        )
        if outcome.page and False in outcome.right:
            print(f"      {_line(outcome.page)}")
        for page in outcome.more:
            print(f"    + {_line(page)}")
    for page in result.false:
        print(f"  false: {_line(page)}")


def of(parts: Sequence[bool | None]) -> str:
    """Return how many of those that were asked are true."""
    asked = [part for part in parts if part is not None]
    return f"{sum(asked)} of {len(asked)}"


def row(name: str, results: Sequence[Result]) -> list[str]:
    """Return the row of a backend in docs/detection.md: the quiet log, if any, before the other."""
    outcomes = results[-1].outcomes
    delays = [outcome.delay for outcome in outcomes if outcome.page and outcome.incident.expect == "page"]
    asked = zip(*(outcome.right for outcome in outcomes), strict=True)
    return [
        name,
        of([outcome.page is not None for outcome in outcomes if not outcome.incident.small]),
        of([outcome.page is not None for outcome in outcomes if outcome.incident.small]),
        "; ".join(str(len(result.false)) for result in results),
        f"{sum(len(outcome.more) for outcome in outcomes)}",
        "; ".join(str(len(result.digests)) for result in results),
        *map(of, asked),
        f"{median(delays):.0f} s" if delays else "",
    ]


def main() -> int:
    """Judge what was asked for; print a table for docs/detection.md. 1 where a smoke tells nothing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backends", nargs="*", choices=[*NAMES, []], help="all when absent")
    parser.add_argument("--live", action="store_true", help="with early evaluation, as a daemon")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1.0, help="times the usual traffic")
    parser.add_argument("--smoke", action="store_true", help="two days of the office")
    given = parser.parse_args()
    prepare_process()
    rows, told = [], 0
    live_from = START + DAY * (1 if given.smoke else FIRST_TROUBLE - 1) if given.live else np.inf
    for name in ["b2b"] if given.smoke else given.backends or NAMES:
        drawn = read(name, given.rate, days=2 if given.smoke else None)
        quiet = msgspec.structs.replace(drawn, incidents=())
        results = []
        for backend in [drawn] if given.smoke else [quiet, drawn]:
            began, seed = time.perf_counter(), given.seed + 1000 * bool(backend.incidents)
            result = judged(backend, seed, live_from, YOUNG if given.smoke else None)
            print(
                f"\n== {name}, {'troubled' if backend.incidents else 'quiet'}: {result.records:,} records, "
                f"{backend.days} days in {time.perf_counter() - began:.0f} s"
            )
            show(result)
            sys.stdout.flush()
            results.append(result)
        told += sum(outcome.page is not None for outcome in results[-1].outcomes)
        rows.append(row(name, results))
    head = ["backend", "told", "small ones told", "false pages: quiet; troubled", "further pages"]
    head += ["in the digest: quiet; troubled", *ASKED, "median delay"]
    print()
    for cells in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(cells)} |")
    return 0 if told else 1


if __name__ == "__main__":
    sys.exit(main())
