"""The files of the state belong together, and are those at their path for as long as a daemon uses them."""

from os.path import samestat
from pathlib import Path

from streams.drivers.local.sqlite_errors import DamagedError, MovedError
from streams.process.files.state_folder import LOG_FILE, OUTBOX_FILE, STATE_LOCK


class StateFiles:
    """The files of a state folder as they were opened.

    Someone may delete, move or replace them, or their folder. What is written to them from then on is lost,
    and no lock keeps a second daemon from the same path.

    Parameters
    ----------
    folder
        The state folder, whose files are open: the number of an open file is not used again.
    """

    def __init__(self, folder: Path) -> None:
        files = {name: folder / name for name in (STATE_LOCK, LOG_FILE, OUTBOX_FILE)}
        self._opened = {name: (path, path.stat()) for name, path in ({"the folder": folder} | files).items()}

    def moved(self) -> str | None:
        """Return what is no longer at its path, None if all is."""
        for name, (path, opened) in self._opened.items():
            try:
                if not samestat(path.stat(), opened):
                    return f"{name} is no longer the one that was opened"
            except (FileNotFoundError, NotADirectoryError):
                return f"{name} is gone"
            except OSError:  # the disk fails, and whoever uses the file will say how
                continue
        return None

    def check(self) -> None:
        """Raise ``MovedError`` when a file is no longer at its path."""
        if moved := self.moved():
            raise MovedError(moved)


def check_whole(folder: Path) -> None:
    """Check that the log is there if the outbox is: a daemon creates the log first.

    Raises
    ------
    streams.drivers.local.sqlite_errors.DamagedError
        When it is missing or empty, so that a daemon would silently start over.
    """
    if _size(folder / OUTBOX_FILE) and not _size(folder / LOG_FILE):
        found = "is empty" if (folder / LOG_FILE).exists() else "is missing"
        raise DamagedError(f"{found}, though {OUTBOX_FILE} is not")


def lacks_outbox(folder: Path) -> bool:
    """Return whether the outbox is missing or empty."""
    return not _size(folder / OUTBOX_FILE)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
