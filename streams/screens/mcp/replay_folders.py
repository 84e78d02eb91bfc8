"""The results of replays below one folder: what ``uneri replay --out`` wrote there, nothing outside."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from streams.screens.mcp.board_client import BoardAnswerError
from streams.screens.mcp.untrusted_text import shown

INCIDENTS: Final = "incidents.jsonl"
COMPARISON: Final = "comparison.json"
EVALUATION: Final = "evaluation.json"
AGAINST: Final = "against"
MOST_FOLDERS: Final = 200
LARGEST: Final = 64 << 20  # bytes of a file
MOST_INCIDENTS: Final = 100_000

_BROKEN = "is not what uneri replay wrote; run the replay again"


class ReplayFolder(NamedTuple):
    """The results of one replay."""

    name: str
    path: Path

    def incidents(self, *, against: bool = False) -> list[dict[str, Any]]:
        """Return its incidents, ordered by start; of the other configuration if that was compared with.

        Raises
        ------
        BoardAnswerError
            When they cannot be read.
        """
        inside = Path(AGAINST) / INCIDENTS if against else Path(INCIDENTS)
        if against and not (self.path / inside).exists():
            raise BoardAnswerError(
                f"{self.name} was not compared with another configuration (replay --against)"
            )
        found = []
        for line in self._text(inside).splitlines()[:MOST_INCIDENTS]:
            try:
                one = json.loads(line)
            except ValueError:
                raise BoardAnswerError(f"{self.name}/{inside} {_BROKEN}") from None
            found.append(one)
        return found

    def document(self, name: str) -> dict[str, Any] | None:
        """Return one of its JSON files; None if the replay wrote none.

        Raises
        ------
        BoardAnswerError
            When it cannot be read.
        """
        if not (self.path / name).exists():
            return None
        try:
            found = json.loads(self._text(Path(name)))
        except ValueError:
            raise BoardAnswerError(f"{self.name}/{name} {_BROKEN}") from None
        return found if isinstance(found, dict) else None

    def _text(self, inside: Path) -> str:
        path = self.path / inside
        try:
            if not path.resolve(strict=True).is_relative_to(self.path.resolve()) or not path.is_file():
                raise BoardAnswerError(
                    f"{self.name}/{inside} leads elsewhere; only files of the folder are read"
                )
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise BoardAnswerError(
                f"{self.name}/{inside} cannot be read ({error.strerror or error})"
            ) from None
        if len(content) > LARGEST:
            raise BoardAnswerError(
                f"{self.name}/{inside} is larger than {LARGEST >> 20} MiB; replay a shorter time"
            )
        return content.decode("utf-8", "replace")


class ReplayFolders:
    """Those below a folder, which may be one itself.

    Parameters
    ----------
    root
        The folder; links in it that lead out of it are left alone.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def all(self) -> list[ReplayFolder]:
        """Return them, sorted by name."""
        return sorted(self._found())[:MOST_FOLDERS]

    def named(self, name: str) -> ReplayFolder:
        """Return one of them.

        Raises
        ------
        BoardAnswerError
            When there is none of this name.
        """
        known = self.all()
        for folder in known:
            if folder.name == name or (not name and len(known) == 1):
                return folder
        names = ", ".join(one.name for one in known[:20]) or "none"
        raise BoardAnswerError(f"there is no replay {shown(name, 80)}; there are: {names}")

    def _found(self) -> Iterator[ReplayFolder]:
        if (self._root / INCIDENTS).is_file():
            yield ReplayFolder(self._root.name, self._root)
        try:
            inside = list(self._root.iterdir())
        except OSError:
            return
        for path in inside:
            if path.name == AGAINST or path.is_symlink() or not path.is_dir():
                continue
            if (path / INCIDENTS).is_file():
                yield ReplayFolder(path.name, path)
