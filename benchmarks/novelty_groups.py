"""How far the constants of novelty carry: each halved and doubled, and chosen without the curves they score.

python benchmarks/novelty_groups.py [--shipped] [--json FILE]

The curves are those of ``boards/data/nab`` in their seven groups, scored as ``boards/nab.py`` does. The table
has the score of all curves with one constant changed. Below it is what is left when whoever chooses has
never seen the group: for each group, the one change (or none) and the threshold that are best on all others.
With ``--shipped`` no constant is changed: what is left if only the threshold is chosen without the group.
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
from numpy.typing import NDArray

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "boards"))

from nab import PROFILES, sweep, weigh_rows  # noqa: E402 - a program of its own

from config.settings import JudgeSettings  # noqa: E402
from detectors.score import novelty as shipped  # noqa: E402
from detectors.score import score as scoring  # noqa: E402

Floats = NDArray[np.float64]

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
    window: NDArray[np.int64]
    weight: Floats
    live: NDArray[np.bool_]


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


def novelty_with(change: Change, folder: Path) -> Any:
    """Return the module of novelty with a constant changed."""
    name, times = change
    if not name:
        return shipped
    text = Path(shipped.__file__).read_text(encoding="utf-8")
    value = getattr(shipped, name) * times
    written = str(max(2, round(value)) if name in WHOLE else value)
    text, changed = re.subn(
        rf"^{name}: Final = [-\d.e]+", f"{name}: Final = {written}", text, flags=re.MULTILINE
    )
    if changed != 1:
        raise SystemExit(f"{name} is not written as a number")
    path = folder / f"novelty_{name.lower()}_{times}.py".replace("0.5", "half").replace("2.0", "double")
    path.write_text(text, encoding="utf-8")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be imported")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def scores_with(change: Change, given: list[Curve], folder: Path) -> list[Floats]:
    """Return the scores of each curve, before they are mapped below 1: that keeps their order."""
    module = novelty_with(change, folder)
    return [
        np.maximum(one.deviation, (module.novelty(one.values) / scoring.RARE) ** scoring.STEEP)
        for one in given
    ]


class Sweep(NamedTuple):
    """What a profile gives at each threshold, falling, over some curves."""

    thresholds: Floats
    totals: Floats
    nothing: float
    perfect: float


def swept(given: list[Curve], scores: list[Floats], profile: tuple[float, float, float]) -> Sweep:
    live = [one.live for one in given]
    joined = [
        np.concatenate([each[kept] for each, kept in zip(column, live, strict=True)])
        for column in (scores, [one.window for one in given], [one.weight for one in given])
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
    for group in sorted({one.group for one in given}):
        rest = [at for at, one in enumerate(given) if one.group != group]
        own = [at for at, one in enumerate(given) if one.group == group]

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
    asked = parser.parse_args()
    given = curves()
    by_change: dict[Change, list[Floats]] = {}
    print(f"{'':16}{'times':>6}" + "".join(f"{name:>10}" for name in PROFILES))
    with tempfile.TemporaryDirectory() as folder:
        for change in [UNCHANGED] if asked.shipped else changes():
            by_change[change] = scores_with(change, given, Path(folder))
            show(change[0] or "as shipped", change[1], given, by_change[change])
    show("no novelty", 1.0, given, [one.deviation for one in given])
    found = {}
    for name, profile in PROFILES.items():
        alone = held_out(profile, given, {UNCHANGED: by_change[UNCHANGED]}, [])
        chosen = list[str]()
        whole = held_out(profile, given, by_change, chosen)
        found[name] = {"threshold": alone, "all": whole}
        print(f"{name}: {alone:.1f} if the threshold is chosen without the group, {whole:.1f} if all is")
        print("\n".join(f"    {each}" for each in chosen))
    if asked.json:
        asked.json.write_text(json.dumps(found), encoding="utf-8")


def show(name: str, times: float, given: list[Curve], scores: list[Floats]) -> None:
    """Print the score of all curves for each profile."""
    row = [best(swept(given, scores, profile)) for profile in PROFILES.values()]
    print(f"{name:16}{times:>6g}" + "".join(f"{one:>10.1f}" for one in row), flush=True)


if __name__ == "__main__":
    main()
