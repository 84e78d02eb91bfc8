"""How far the constants of novelty carry: each halved and doubled, and chosen without the curves they score.

python benchmarks/novelty_groups.py [--shipped | --drawn N] [--json FILE]

The curves are those of ``boards/data/nab`` in their seven groups, scored as ``boards/nab.py`` does. The table
has the score of all curves with one constant changed. Below it is what is left when whoever chooses has
never seen the group: for each group, the one change (or none) and the threshold that are best on all others.
With ``--shipped`` no constant is changed: what is left if only the threshold is chosen without the group.
With ``--drawn`` nobody chooses: every constant is between half and twice its value.
"""

import argparse
import json
import lzma
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "boards"))

from nab import PROFILES, sweep, weigh_rows  # noqa: E402 - a program of its own

from config.settings import JudgeSettings  # noqa: E402
from detectors.score import novelty as shipped  # noqa: E402
from detectors.score import score as scoring  # noqa: E402

DATA = HERE / "boards" / "data" / "nab"
WHOLE = ("SHORT", "LEVEL", "RECENT", "SAMPLE", "STRIDE", "WARM_UP", "BLOCK", "REST", "CALM_ROWS")
PARTS = (
    "SHRINK", "LEAST", "FLAT", "JOIN", "BLOCKS", "PRIOR_MEAN", "PRIOR_SPREAD", "PRIOR_BLOCKS", "OUTLIER",
    "LEAST_SPREAD", "ONSET", "REST_SHARE", "STRONGER", "CALM",
)  # fmt: skip
TIMES = (0.5, 2.0)
UNCHANGED = ("", 1.0)

Change = tuple[str, float]


class Curve(NamedTuple):
    """A curve, and what of it does not depend on novelty."""

    group: str
    values: Floats
    deviation: Floats
    window: Ints
    weight: Floats
    live: Bools


def curves() -> list[Curve]:
    """Return all curves, judged."""
    labels = json.loads((DATA / "labels.json").read_text(encoding="utf-8"))["series"]
    found, windows = [], 0
    for key, meta in sorted(labels.items()):
        with lzma.open(next(iter(DATA.glob(f"{key}*"))), "rt") as file:
            rows = np.loadtxt(file, delimiter=",", skiprows=1, usecols=(0, 1))
        at, values = rows[:, 0].astype(np.int64), rows[:, 1]
        deviation = np.zeros(len(at))
        stretches = scoring._stretches(at, values)  # noqa: SLF001 - what novelty is joined with
        ends = [*(first for first, _ in stretches), len(at)][1:]
        for (begin, known), end in zip(stretches, ends, strict=True):
            judged = scoring._judge(at[:end], values[:end], known, JudgeSettings())  # noqa: SLF001
            deviation[begin:end] = judged.score[begin:]
        index, weight, live = weigh_rows(at, meta["windows"])
        window = np.where(index >= 0, index + windows, -1)
        windows += len(meta["windows"])
        found.append(Curve(key.split("/")[0], values, deviation, window, weight, live))
    return found


def novelty_with(times: Mapping[str, float], name: str, folder: Path) -> Any:
    """Return the module of novelty with some constants multiplied."""
    if not times:
        return shipped
    text = Path(shipped.__file__).read_text(encoding="utf-8")
    for constant, value in changed(times).items():
        text, found = re.subn(
            rf"^{constant}: Final = [-\d.e]+", f"{constant}: Final = {value}", text, flags=re.MULTILINE
        )
        if found != 1:
            raise SystemExit(f"{constant} is not written as a number")
    path = folder / f"novelty_{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be imported")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def changed(times: Mapping[str, float]) -> dict[str, float]:
    """Return the constants, multiplied; the rows that are kept are at least those of the longest view."""
    values = {name: getattr(shipped, name) * by for name, by in times.items()}
    values = {name: max(2, round(value)) if name in WHOLE else value for name, value in values.items()}
    if "RECENT" in values:
        longest = max(values.get(name, getattr(shipped, name)) for name in ("SHORT", "LEVEL"))
        values["RECENT"] = max(values["RECENT"], longest)
    return values


def scores_with(times: Mapping[str, float], name: str, given: list[Curve], folder: Path) -> list[Floats]:
    """Return the scores of each curve, before they are mapped below 1: that keeps their order."""
    module = novelty_with(times, name, folder)
    return [
        np.maximum(example.deviation, (module.novelty(example.values) / scoring.RARE) ** scoring.STEEP)
        for example in given
    ]


def drawn(number: int) -> dict[str, float]:
    """Return factors between a half and two for all constants."""
    draw = np.random.default_rng(number)
    return {name: float(2 ** draw.uniform(-1, 1)) for name in (*WHOLE, *PARTS)}


class Sweep(NamedTuple):
    """The scores of a profile at each threshold, falling, over some curves."""

    thresholds: Floats
    totals: Floats
    nothing: float
    perfect: float


def swept(given: list[Curve], scores: list[Floats], profile: tuple[float, float, float]) -> Sweep:
    live = [example.live for example in given]
    joined = [
        np.concatenate([part[kept] for part, kept in zip(column, live, strict=True)])
        for column in (scores, [example.window for example in given], [example.weight for example in given])
    ]
    thresholds, totals, nothing = sweep(*joined, profile)
    windows = len(np.unique(joined[1][joined[1] >= 0]))
    thresholds[0] = np.inf
    return Sweep(thresholds, totals, nothing, windows * profile[0])


def best(found: Sweep) -> float:
    return 100 * (found.totals.max() - found.nothing) / (found.perfect - found.nothing)


def held_out(
    profile: tuple[float, float, float],
    given: list[Curve],
    by_change: Mapping[Change, list[Floats]],
    choices: list[str],
) -> float:
    """Return the score of all groups, each by what is best on the others; add what that is to ``choices``."""
    total = nothing = perfect = 0.0
    for group in sorted({example.group for example in given}):
        rest = [at for at, example in enumerate(given) if example.group != group]
        own = [at for at, example in enumerate(given) if example.group == group]

        def of(change: Change, at: list[int]) -> Sweep:
            return swept([given[n] for n in at], [by_change[change][n] for n in at], profile)

        chosen = max(by_change, key=lambda change: float(of(change, rest).totals.max()))
        there = of(chosen, rest)
        threshold = there.thresholds[int(np.argmax(there.totals))]
        here = of(chosen, own)
        reached = np.flatnonzero(here.thresholds >= threshold)[-1]
        total, nothing, perfect = total + here.totals[reached], nothing + here.nothing, perfect + here.perfect
        choices.append(f"{group:24} {chosen[0] or 'as shipped':14} {chosen[1]:g}")
    return 100 * (total - nothing) / (perfect - nothing)


def changes() -> Iterator[Change]:
    yield UNCHANGED
    for name in (*WHOLE, *PARTS):
        for times in TIMES:
            yield name, times


def main() -> None:
    """Print the table, and what is left of it on groups that were left out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shipped", action="store_true", help="change no constant")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--drawn", type=int, metavar="N", help="N times, draw all constants at random instead"
    )
    asked = parser.parse_args()
    given = curves()
    by_change: dict[Change, list[Floats]] = {}
    print(f"{'':16}{'times':>6}" + "".join(f"{name:>10}" for name in PROFILES))
    with tempfile.TemporaryDirectory() as folder:
        if asked.drawn:
            show_drawn(asked.drawn, given, Path(folder))
            return
        for name, times in [UNCHANGED] if asked.shipped else changes():
            found = scores_with(
                {name: times} if name else {}, f"{name}_{times:g}".replace(".", "_"), given, Path(folder)
            )
            by_change[name, times] = found
            show(name or "as shipped", times, given, found)
    show("no novelty", 1.0, given, [example.deviation for example in given])
    kept = {}
    for name, profile in PROFILES.items():
        alone = held_out(profile, given, {UNCHANGED: by_change[UNCHANGED]}, [])
        chosen = list[str]()
        whole = held_out(profile, given, by_change, chosen)
        kept[name] = {"threshold": alone, "all": whole}
        print(f"{name}: {alone:.1f} if the threshold is chosen without the group, {whole:.1f} if all is")
        print("\n".join(f"    {line}" for line in chosen))
    if asked.json:
        asked.json.write_text(json.dumps(kept), encoding="utf-8")


def show_drawn(count: int, given: list[Curve], folder: Path) -> None:
    """Print the score of all curves with constants that nobody chose."""
    rows = []
    for number in range(count):
        scores = scores_with(drawn(number), f"drawn_{number}", given, folder)
        rows.append([best(swept(given, scores, profile)) for profile in PROFILES.values()])
    for name, row in (("mean", np.mean(rows, axis=0)), ("spread", np.std(rows, axis=0))):
        print(f"{name:22}" + "".join(f"{value:>10.1f}" for value in row))


def show(name: str, times: float, given: list[Curve], scores: list[Floats]) -> None:
    """Print the score of all curves for each profile."""
    row = [best(swept(given, scores, profile)) for profile in PROFILES.values()]
    print(f"{name:16}{times:>6g}" + "".join(f"{value:>10.1f}" for value in row), flush=True)


if __name__ == "__main__":
    main()
