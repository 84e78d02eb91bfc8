"""Configurations and what is wrong with each, in a file that people review.

A case is a configuration, then a line for each of its mistakes, which begins with ``! ``; a valid one has
none.
``python -m tests.config.refusals`` writes the mistakes anew; read what changed before it is committed.
"""

from pathlib import Path
from typing import Final, NamedTuple

from config.load import ConfigError, load_settings

FILE: Final = Path(__file__).with_suffix(".txt")
_MISTAKE: Final = "! "


class Case(NamedTuple):
    """A configuration, and the mistakes in it."""

    text: str
    mistakes: list[str]


def reviewed() -> dict[str, list[Case]]:
    """Return the cases of the file, by its headings."""
    found: dict[str, list[Case]] = {}
    for block in FILE.read_text("utf-8").rstrip("\n").split("\n\n"):
        if block.startswith("# "):
            found[block] = []
            continue
        lines = block.split("\n")
        text = "".join(f"{line}\n" for line in lines if not line.startswith(_MISTAKE))
        mistakes = [line.removeprefix(_MISTAKE) for line in lines if line.startswith(_MISTAKE)]
        found[list(found)[-1]].append(Case(text, mistakes))
    return found


def mistakes_in(text: str) -> list[str]:
    """Return the lines by which a configuration is refused; none if it is valid."""
    try:
        load_settings(Path("uneri.yaml"), text)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def main() -> None:
    """Write the mistakes of all cases anew."""
    blocks: list[str] = []
    for heading, cases in reviewed().items():
        blocks.append(f"{heading}\n")
        blocks += [
            case.text + "".join(f"{_MISTAKE}{line}\n" for line in mistakes_in(case.text)) for case in cases
        ]
    FILE.write_text("\n".join(blocks), "utf-8")


if __name__ == "__main__":
    main()
