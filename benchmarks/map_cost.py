"""Costs of the service map per step while a page shows it, in seconds of a core.

python -m benchmarks.map_cost          # 22,500 series of scopes and three times as many of edges
python -m benchmarks.map_cost 1000
"""

import gzip
import statistics
import sys
import tempfile
import time
from typing import Final

import msgspec

from benchmarks.history_cost import HALF, Shard
from config.settings import Settings
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_reader import HistoryView
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.service_map.map_figures import map_series
from streams.screens.board.service_map.map_making import service_map

TIMES: Final = 10

clock: Final = time.process_time


def main() -> None:
    """Make maps of a shard's newest steps."""
    shard = Shard(int(sys.argv[1]) if len(sys.argv) > 1 else 22_500)
    shard.steps(HALF, records=True)
    bodies = shard.detect.take_records()
    with tempfile.TemporaryDirectory() as folder:
        view = HistoryView(HistoryFolder(folder))
        view.set_recent(bodies)
        began = clock()
        series = map_series(view.names)
        finding, making = clock() - began, list[float]()
        for _ in range(TIMES):
            began = clock()
            shown = service_map(view, series, OpenVerdicts(()), Settings())
            making.append(clock() - began)
        began = clock()
        plain = msgspec.json.encode(shown)
        packed = gzip.compress(plain, 5)
        encoding = clock() - began
    print(
        f"series                  {shard.scopes:,} of scopes, {shard.detect.series - shard.scopes:,} of edges"
    )
    sent = f"{len(shown.nodes):,} nodes, {len(shown.edges):,} edges; {shown.folded:,} folded"
    print(f"sent                    {sent}")
    print(f"finding the series      {finding * 1000:.0f} ms, when there are new ones")
    print(f"making a map            {statistics.median(making) * 1000:.0f} ms")
    print(f"encoding it             {encoding * 1000:.0f} ms; {len(plain):,} bytes, {len(packed):,} packed")


if __name__ == "__main__":
    main()
