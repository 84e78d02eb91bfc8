"""The ranking of incidents works on any folder in the layout of PetShop."""

import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from benchmarks.judging.petshop import rankings

NODES = ("front", "shop", "stock", "unseen")


def metrics(windows: int, slow: float) -> str:
    """Return a metrics file: three header rows, and ``stock`` slower in the second half."""
    draw = np.random.default_rng(windows)
    heads = [
        (node, metric, how)
        for node in NODES[:3]
        for metric, how in (("requests", "Sum"), ("latency", "Average"), ("availability", "Average"))
    ]
    lines = [",".join(("", *(head[level] for head in heads))) for level in range(3)]
    for window in range(windows):
        later = slow if 2 * window >= windows else 0.0
        cells = [str(1_700_000_000 + 300 * window)]
        for usual in (0.09, 0.05, 0.01):
            cells += ["100.0", f"{usual * draw.lognormal(0, 0.02) + later}", "" if window == 1 else "100.0"]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def layout(folder: Path, *, packed: bool) -> Path:
    scenario = folder / "other_traffic"
    issue = scenario / "test" / "issue_0"
    issue.mkdir(parents=True)
    (scenario / "noissue").mkdir()
    calls = {("front", "shop"), ("shop", "stock"), ("front", "unseen")}
    rows = [
        ",".join((node, *("1.0" if (node, other) in calls else "0.0" for other in NODES))) for node in NODES
    ]
    (scenario / "graph.csv").write_text("\n".join([",".join(("", *NODES)), *rows]) + "\n", encoding="utf-8")
    for place, text in ((scenario / "noissue", metrics(100, 0.0)), (issue, metrics(6, 0.2))):
        if packed:
            (place / "metrics.csv.xz").write_bytes(lzma.compress(text.encode()))
        else:
            (place / "metrics.csv").write_text(text, encoding="utf-8")
    target = {"node": "front", "metric": "latency", "agg": "Average", "timestamp": 1_700_000_900}
    (issue / "target.json").write_text(json.dumps({"target": target}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_every_issue_gets_a_ranking_of_all_nodes_with_the_struck_one_first(
    tmp_path: Path, *, packed: bool
) -> None:
    [(issue, ranked)] = rankings(layout(tmp_path, packed=packed)).items()
    assert issue == "other_traffic/test/issue_0"
    assert sorted(ranked) == sorted(NODES)
    assert ranked[0] == "stock"
