"""Pages about incidents of known cause: backends, replayed at the shipped defaults.

python benchmarks/incidents.py [shop b2b game partner growing | news depot clearing sprout meters]
                               [--quiet | --troubled] [--live] [--rate X] [--keep DIR]

Every backend is drawn twice (``benchmarks/backends``, a generator of its own that shares nothing with
``uneri simulate``): once as it is on quiet days, where every page is a false one, and once with incidents
after three weeks. What is printed for an incident: whether a page came that is about it, how late it left,
whether it was about the right scope with the right verdict, with the right caller on top and the right
suspect, and how many further pages it made. ``*`` marks incidents so small or so seldom called that missing
them is no shame; they are counted apart. ``--live`` runs the last weeks as a daemon meets them, evaluated
early between the steps; a replay has none.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from backends import b2b, clearing, depot, game, growing, meters, news, partner, shop, sprout
from backends.backend import DAY, HOUR, START, Backend
from backends.faults import Incident
from backends.live import lived
from backends.ndjson import write
from backends.requests import draw_log

BACKENDS: dict[str, ModuleType] = {
    generator.__name__.split(".")[-1]: generator
    for generator in (shop, b2b, game, partner, growing, news, depot, clearing, sprout, meters)
}
"""The last five prove what the others promise: no constant is chosen on them."""
AFTER = HOUR / 2  # a page that leaves so long after the end still is about it
WAKE = HOUR  # pages of its aftermath are counted as its own, not as false ones
LATEST = 8 * HOUR  # of an incident that goes on for days
EARLY = 60  # a step that had begun before it
EARLY_FROM = 20 * DAY  # before the first incident

HEAD = (
    f"{'incident':36}{'paged':>7}{'delay':>9}{'scope':>7}{'verdict':>9}{'caller':>8}{'suspect':>9}{'cause':>7}"
    f"{'more':>6}"
)

Page = dict[str, Any]


@dataclass
class Outcome:
    """The outcome of one incident."""

    incident: Incident
    page: Page | None
    more: list[Page]
    scope: bool = False
    verdict: bool = False
    caller: bool | None = None
    suspect: bool | None = None
    cause: bool | None = None  # whether demand and defect were told apart; None where neither is meant

    @property
    def delay(self) -> float:
        """Seconds from the start of the incident to the page; NaN of what is in the digest only."""
        at = self.page and self.page["alerted"]
        return float("nan") if at is None else at - START - self.incident.start


@dataclass
class Result:
    """One replay."""

    backend: str
    outcomes: list[Outcome]
    false: list[Page]
    holiday: list[Page]
    digests: list[Page]
    records: int
    days: float
    seconds: float


def replayed(
    backend: Backend,
    incidents: Sequence[Incident],
    seed: int,
    folder: Path,
    *,
    live: bool = False,
    program: Sequence[str | Path] = (),
) -> Result:
    """Draw, write, replay and score one log; limits of tables are all that is ever configured.

    ``program`` runs in place of ``uneri``, with the same arguments.
    """
    log = draw_log(backend, tuple(incidents), seed)
    source = folder / f"{backend.name}-{'troubled' if incidents else 'quiet'}-{seed}.ndjson.zst"
    records = write(log, backend, source, seed)
    del log
    began = time.perf_counter()
    out = source.with_suffix("").with_suffix("")
    asked: list[str | Path] = [*(program or [Path(sys.executable).with_name("uneri")])]
    asked += ["replay", source, "--out", out]
    config = source.with_suffix(".yaml") if backend.limits else None
    if config is not None:
        config.write_text(json.dumps({"limits": {"tables": backend.limits}}), encoding="utf-8")
        asked += ["--config", config]
    if live:
        lines = lived(source, config, START + EARLY_FROM)
        return scored(backend, incidents, lines, records, time.perf_counter() - began)
    done = subprocess.run(asked, check=False, capture_output=True, text=True, env=os.environ)  # noqa: S603 - ours
    if done.returncode:
        raise SystemExit(f"uneri replay failed:\n{done.stderr}")
    seconds = time.perf_counter() - began
    lines = [json.loads(line) for line in (out / "incidents.jsonl").read_text(encoding="utf-8").splitlines()]
    return scored(backend, incidents, lines, records, seconds)


def scored(
    backend: Backend, incidents: Sequence[Incident], lines: list[Page], records: int, seconds: float
) -> Result:
    """Give every page to the incident it is about; what is left is false."""
    pages = sorted((line for line in lines if line["sent"] == "page"), key=lambda line: line["alerted"])
    digests = [line for line in lines if line["sent"] == "digest"]
    outcomes, taken = [], set[str]()
    for incident in incidents:
        if incident.expect == "digest":
            found = [_judged(incident, line, []) for line in digests if _about(line, incident)]
            best = max(
                found,
                key=lambda outcome: (outcome.verdict, outcome.scope, bool(outcome.caller)),
                default=None,
            )
            outcomes.append(best or Outcome(incident, None, []))
            continue
        until = min(incident.end + AFTER, incident.start + LATEST)
        near = [page for page in pages if page["alerted"] - START - incident.start >= -EARLY]
        first = next((p for p in near if p["alerted"] - START <= until and _about(p, incident)), None)
        wake = min(incident.end, incident.start + LATEST) + WAKE
        more = [page for page in near if page is not first and page["alerted"] - START <= wake]
        long = [page for page in near if page is not first and _about(page, incident)]
        more += [page for page in long if page not in more and page["alerted"] - START <= incident.end + WAKE]
        more = [page for page in more if page["id"] not in taken]
        taken |= {page["id"] for page in (*more, *([first] if first else []))}
        outcomes.append(_judged(incident, first, more))
    left = [page for page in pages if page["id"] not in taken]
    holiday = [
        page
        for page in left
        if any(0 <= page["start"] - START - day * DAY < DAY for day, _ in backend.holidays)
    ]
    false = [page for page in left if page not in holiday]
    return Result(backend.name, outcomes, false, holiday, digests, records, backend.seconds / DAY, seconds)


def _scopes(line: Page) -> list[tuple[str, str, str]]:
    return [
        (scope["kind"], scope.get("name", ""), scope.get("account", ""))
        for scope in (line["scope"], *(member["scope"] for member in line["members"]))
    ]


def _about(line: Page, incident: Incident) -> bool:
    account = incident.extra.get("account")
    return any(
        (kind, name) in incident.scopes and account in {None, where} for kind, name, where in _scopes(line)
    )


def _judged(incident: Incident, page: Page | None, more: list[Page]) -> Outcome:
    outcome = Outcome(incident, page, more)
    if page is None:
        return outcome
    scope = page["scope"]
    outcome.scope = (scope["kind"], scope.get("name", "")) in incident.scopes
    outcome.verdict = page["verdict"] in incident.verdicts
    if incident.caller:
        top = page["callers"][0] if page["callers"] else {}
        outcome.caller = incident.caller in {
            (top.get("kind"), top.get("name")),
            (scope["kind"], scope.get("name")),
        }
    if incident.suspect:
        labels = {" ".join(filter(None, (who["name"], who.get("version")))) for who in page["suspects"]}
        outcome.suspect = incident.suspect in labels
    if incident.cause and outcome.verdict:
        outcome.cause = page.get("concentration", {}).get("cause") == incident.cause
    return outcome


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%a %m-%d %H:%M")


def _line(page: Page) -> str:
    scope = page["scope"]
    members = ", ".join(
        f"{m['scope']['kind']} {m['scope'].get('name')} {m['measure']}" for m in page["members"][:4]
    )
    more = f" (+ {members}{', …' if len(page['members']) > 4 else ''})" if members else ""  # noqa: PLR2004
    about = f"{scope['kind']} {scope.get('name')}"
    end = f"{(page['end'] - page['start']) / 60:.0f} min" if page["end"] else "open"
    return (
        f"{_when(page['alerted'] or page['start'])}  {page['verdict']} {page['measure']} of {about}: "
        f"{page['observed']:.3g} for {page['expected']:.3g}, score {page['score']:.3f}, {end}{more}"
    )


def _mark(right: bool | None) -> str:
    return "-" if right is None else "yes" if right else "NO"


def show(result: Result, *, troubled: bool) -> None:
    """Print one replay."""
    kind = "troubled" if troubled else "quiet"
    print(f"\n== {result.backend}, {kind}: {result.records:,} records, {result.days:.0f} days", end=" ")
    print(f"in {result.seconds:.0f} s; {len(result.false)} false pages", end=" ")
    print(
        f"({len(result.false) / result.days * 30:.1f} a month), {len(result.digests)} in the digest",
        flush=True,
    )
    if result.outcomes:
        print(HEAD)
    for outcome in result.outcomes:
        name = outcome.incident.kind + (" *" if outcome.incident.small else "")
        if outcome.page is None:
            print(f"{name:36}{'NO':>7}{'':49}{len(outcome.more):>6}")
        else:
            print(
                f"{name:36}{'yes':>7}{outcome.delay:>8.0f}s{_mark(outcome.scope):>7}{_mark(outcome.verdict):>9}"
                f"{_mark(outcome.caller):>8}{_mark(outcome.suspect):>9}{_mark(outcome.cause):>7}{len(outcome.more):>6}"
            )
            wrong = not (outcome.scope and outcome.verdict) or False in (
                outcome.caller,
                outcome.suspect,
                outcome.cause,
            )
            if wrong:
                callers = ", ".join(f"{c['name']} {c['share']:.2f}" for c in outcome.page["callers"][:3])
                suspects = [who["name"] for who in outcome.page["suspects"]]
                print(f"      {_line(outcome.page)}; callers {callers}; suspects {suspects}")
        for page in outcome.more:
            print(f"    + {_line(page)}")
    for page in result.holiday:
        print(f"  holiday: {_line(page)}")
    for page in result.false:
        print(f"  false: {_line(page)}")


def at_rate(backend: Backend, factor: float) -> Backend:
    """Return the backend with ``factor`` times the traffic of people and machines."""
    return replace(
        backend, sources=tuple(replace(source, rate=factor * source.rate) for source in backend.sources)
    )


def summary(results: list[tuple[bool, Result]]) -> dict[str, float]:
    """Return the figures over all replays."""
    outcomes = [outcome for _, result in results for outcome in result.outcomes]
    asked = [outcome for outcome in outcomes if not outcome.incident.small]
    small = [outcome for outcome in outcomes if outcome.incident.small]
    paged = [outcome for outcome in outcomes if outcome.page]
    quiet = [result for troubled, result in results if not troubled]
    loud = [result for troubled, result in results if troubled]

    def share(of: list[bool]) -> float:
        return sum(of) / len(of) if of else float("nan")

    delays = sorted(outcome.delay for outcome in paged if outcome.incident.expect == "page")
    return {
        "incidents told": share([outcome.page is not None for outcome in asked]),
        "small ones told": share([outcome.page is not None for outcome in small]),
        "right scope": share([outcome.scope for outcome in paged]),
        "right verdict": share([outcome.verdict for outcome in paged]),
        "right caller": share([bool(outcome.caller) for outcome in paged if outcome.caller is not None]),
        "right suspect": share([bool(outcome.suspect) for outcome in paged if outcome.suspect is not None]),
        "right cause": share([bool(outcome.cause) for outcome in paged if outcome.cause is not None]),
        "median delay, s": delays[len(delays) // 2] if delays else float("nan"),
        "further pages an incident": sum(len(outcome.more) for outcome in outcomes) / max(len(outcomes), 1),
        "false pages a quiet month": sum(len(r.false) for r in quiet)
        / max(sum(r.days for r in quiet), 1e-9)
        * 30,
        "false pages a troubled month": sum(len(r.false) for r in loud)
        / max(sum(r.days for r in loud), 1e-9)
        * 30,
        "pages on holidays": sum(len(result.holiday) for _, result in results),
        "seconds": sum(result.seconds for _, result in results),
    }


def main() -> int:
    """Run what was asked for."""
    asked = argparse.ArgumentParser(description="who is paged for what")
    asked.add_argument("backends", nargs="*", choices=[*BACKENDS, []], help="all when absent")
    asked.add_argument("--quiet", action="store_true", help="only the quiet logs")
    asked.add_argument("--troubled", action="store_true", help="only the logs with incidents")
    asked.add_argument("--live", action="store_true", help="as a daemon meets them, with early evaluation")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--rate", type=float, default=1.0, help="times the usual traffic")
    asked.add_argument("--keep", type=Path, help="folder in which logs and results stay")
    given = asked.parse_args()
    results: list[tuple[bool, Result]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.backends or BACKENDS:
            module = BACKENDS[name]
            for troubled in (False, True):
                if (troubled and given.quiet) or (not troubled and given.troubled):
                    continue
                incidents = module.incidents() if troubled else ()
                drawn = at_rate(module.backend(), given.rate)
                seed = given.seed + 1000 * troubled
                result = replayed(drawn, incidents, seed, folder, live=given.live)
                show(result, troubled=troubled)
                results.append((troubled, result))
    print()
    for name, figure in summary(results).items():
        print(f"{name:32}{figure:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
