"""Makes the dashboards for Grafana: ``python -m release.dashboards.make [FOLDER]``.

They are made of Grafana's own types, so that what it does not know does not get into them.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from release.dashboards.scopes import function, service, table
from release.dashboards.wall import wall

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "grafana"
ANNOTATED: Final = "{{verdict}}: {{measure}} of {{kind}} {{name}}"
"""How an annotation is called: a field of Prometheus' data source, which Grafana's types leave to it."""

MADE: Final[Mapping[str, Callable[[], Dashboard]]] = {
    "uneri-wall.json": wall,
    "uneri-table.json": table,
    "uneri-function.json": function,
    "uneri-service.json": service,
}


def text_of(make: Callable[[], Dashboard]) -> str:
    """Return a dashboard as it is kept."""
    made = json.loads(json.dumps(make().build(), cls=JSONEncoder))
    for annotation in made["annotations"]["list"]:
        annotation["titleFormat"] = ANNOTATED
    return json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(folder: Path = FOLDER) -> None:
    """Write them all."""
    for name, make in MADE.items():
        (folder / name).write_text(text_of(make), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
