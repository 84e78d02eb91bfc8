"""Services whose calls change their mix: what is called slower, and what really is.

python benchmarks/mixes.py [--rate REQUESTS_A_SECOND …] [--weeks N] [--seed S] [--json FILE]

A service of eight routes, all served by one function, whose usual times differ fifty-fold. Their shares
follow the time of day and wander within hours, as those of small backends do, and in the evaluated weeks a
client now and then calls the slow ones three times as often for two hours: nothing becomes slower by that.
What does become slower, for half an hour at a time: everything twofold, or one route fourfold. Verdicts on
times, of the service, its function and its routes, are scored from the third week on. A slowdown is found if
one opens within it or ten minutes after; a verdict that overlaps none, up to an hour after, is false.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import LATENCIES
from detectors.model.scope import Scope
from streams.engine.stages.engine import Engine

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 604_800
ORIGIN = 1_767_571_200 // WEEK * WEEK
MEDIANS = np.array([20.0, 35, 60, 60, 120, 200, 900, 1500])
SHARES = np.array([0.32, 0.22, 0.15, 0.12, 0.10, 0.06, 0.02, 0.01])
SLOW_ROUTES = np.array([6, 7])
PEAK_HOURS = np.array([12.0, 13, 20, 9, 15, 21, 3, 10])  # when each is called most
SWING, WANDER, WANDERS_FOR = 0.5, 0.4, 3 * HOUR  # of the logarithms of the shares
SPREAD, TAIL, TAIL_TIMES = 0.35, 0.01, 6.0  # of the logarithm of a time; a hundredth takes longer
LEARNT_WEEKS = 2
EVERY, SHIFTED_FOR, SLOW_FOR = 8 * HOUR, 2 * HOUR, HOUR // 2
AFTER, APART = 600, HOUR
SOURCE = "mixes/0"
CHUNK = 20_000  # records


class Change(NamedTuple):
    """A change for a while."""

    kind: str  # "mix", "all" or "route"
    start: int  # seconds after the beginning
    end: int
    route: int = -1


class Score(NamedTuple):
    """The outcomes of the slowdowns, and the false findings, in all evaluated weeks."""

    found: dict[str, int]
    slowdowns: dict[str, int]
    false: int
    false_in_mixes: int  # of these, within a change of the mix that was made


def changes(weeks: int, draw: np.random.Generator) -> list[Change]:
    """Return the changes of the evaluated weeks: every eight hours something, in turns."""
    found = []
    starts = range(LEARNT_WEEKS * WEEK + HOUR, weeks * WEEK - EVERY, EVERY)
    for number, start in enumerate(starts):
        at = start + int(draw.integers(0, 3 * HOUR)) // MINUTE * MINUTE
        kind = ("mix", "all", "mix", "route")[number % 4]
        lasts = SHIFTED_FOR if kind == "mix" else SLOW_FOR
        found.append(Change(kind, at, at + lasts, int(draw.integers(2, 6)) if kind == "route" else -1))
    return found


def lines(rate: float, weeks: int, made: list[Change], draw: np.random.Generator) -> Iterator[list[bytes]]:
    """Yield the records of each minute."""
    wander = np.zeros(len(SHARES))
    kept = np.exp(-MINUTE / WANDERS_FOR)
    number = 0
    for start in range(0, weeks * WEEK, MINUTE):
        wander = kept * wander + np.sqrt(1 - kept**2) * WANDER * draw.standard_normal(len(SHARES))
        hour = start % DAY / HOUR
        of_day = SWING * np.cos(2 * np.pi * (hour - PEAK_HOURS) / 24)
        weight = SHARES * np.exp(of_day + wander)
        times = np.ones(len(SHARES))
        for change in made:
            if change.start <= start < change.end:
                if change.kind == "mix":
                    weight[SLOW_ROUTES] *= 3
                elif change.kind == "all":
                    times *= 2
                else:
                    times[change.route] *= 4
        busy = rate * (1 + 0.6 * np.cos(2 * np.pi * (hour - 14) / 24))
        count = draw.poisson(busy * MINUTE)
        routes = draw.choice(len(SHARES), count, p=weight / weight.sum())
        ms = MEDIANS[routes] * times[routes] * np.exp(SPREAD * draw.standard_normal(count))
        ms *= np.where(draw.random(count) < TAIL, TAIL_TIMES, 1.0)
        written = []
        for route, taken in zip(routes.tolist(), ms.tolist(), strict=True):
            number += 1
            written.append(
                b'{"v":1,"ts":%d,"id":"%x","cloud":"aws","account":"1","region":"r","service":"api",'
                b'"route":"GET /%d","function":"api-handler","status":200,'
                b'"ms":{"total":%.1f,"function":%.1f}}' % (ORIGIN + start, number, route, taken + 4, taken)
            )
        yield written


def findings_of(rate: float, weeks: int, made: list[Change], seed: int) -> list[Finding]:
    """Return the last revision of each finding about times."""
    engine = Engine(Settings(), [SOURCE])
    found: dict[str, Finding] = {}

    def keep(findings: list[Finding]) -> None:
        found.update((finding.id, finding) for finding in findings)

    waiting: list[bytes] = []
    for minute in lines(rate, weeks, made, np.random.default_rng(seed)):
        waiting += minute
        if len(waiting) >= CHUNK:
            keep(engine.feed(SOURCE, waiting).findings)
            waiting = []
    keep(engine.feed(SOURCE, waiting).findings)
    keep(engine.finish(SOURCE).findings)
    return [
        report
        for report in found.values()
        if report.measure in LATENCIES
        and report.verdict not in (Verdict.GROWTH, Verdict.LIMIT)
        and report.state != "withdrawn"
        and isinstance(report.about, Scope)
        and report.start >= ORIGIN + LEARNT_WEEKS * WEEK
    ]


def score(findings: list[Finding], made: list[Change]) -> Score:
    """Return the outcome of each slowdown."""
    slow = [change for change in made if change.kind != "mix"]
    mixes = [change for change in made if change.kind == "mix"]

    def within(one: Finding, change: Change, after: int) -> bool:
        end = (one.end or one.seen) - ORIGIN
        return one.start - ORIGIN < change.end + after and end > change.start

    false = [finding for finding in findings if not any(within(finding, change, APART) for change in slow)]
    count = {kind: sum(change.kind == kind for change in slow) for kind in ("all", "route")}
    hits = {
        kind: sum(
            any(
                change.start - 5 * MINUTE <= finding.start - ORIGIN < change.end + AFTER
                for finding in findings
            )
            for change in slow
            if change.kind == kind
        )
        for kind in ("all", "route")
    }
    in_mixes = sum(any(within(report, change, AFTER) for change in mixes) for report in false)
    return Score(hits, count, len(false), in_mixes)


def main() -> None:
    """Print a row per rate."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, nargs="+", default=[0.3, 1.0, 4.0])
    parser.add_argument("--weeks", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    print("requests/s  everything ×2  one route ×4  false a week  of them while the mix is changed")
    rows = []
    for rate in asked.rate:
        made = changes(asked.weeks, np.random.default_rng(asked.seed))
        found = score(findings_of(rate, asked.weeks, made, asked.seed), made)
        weeks = asked.weeks - LEARNT_WEEKS
        parts = [f"{found.found[kind]} of {found.slowdowns[kind]}" for kind in ("all", "route")]
        print(
            f"{rate:10g}  {parts[0]:>13}  {parts[1]:>12}  {found.false / weeks:12.1f}"
            f"  {found.false_in_mixes / weeks:8.1f}"
        )
        sys.stdout.flush()
        rows.append({"rate": rate, **found._asdict(), "weeks": weeks})
    if asked.json:
        asked.json.write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
