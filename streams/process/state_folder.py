"""The state folder belongs to its user alone: nobody else reads the events in it, or holds its lock."""

import contextlib
import os
from pathlib import Path
from typing import Final

import structlog

STATE_LOCK: Final = "lock"
LOG_FILE: Final = "uneri.db"
OUTBOX_FILE: Final = "outbox.db"
_OWN_NAMES: Final = (STATE_LOCK, LOG_FILE, OUTBOX_FILE)  # and their journals
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077

log = structlog.get_logger("uneri.local")


class OpenFolderError(Exception):
    """Other users have access to a folder, and that is not changed; the message has the remedy."""


def make_private(folder: Path) -> None:
    """Create a state folder that only its owner can enter, or take the access of others away.

    A folder that holds anything else, such as a home folder, is not touched. A lock file that others could
    open is replaced, because one of them may hold it for ever.

    Raises
    ------
    OpenFolderError
        When others keep access: the folder holds something else, belongs to another user, or its file system
        has no permissions.
    OSError
        When it cannot be created or listed.
    """
    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    was_open = bool(folder.stat().st_mode & _OTHERS)
    if was_open:
        if all(path.name.startswith(_OWN_NAMES) for path in folder.iterdir()):
            with contextlib.suppress(OSError):
                folder.chmod(_FOLDER_MODE)
        if folder.stat().st_mode & _OTHERS:
            raise OpenFolderError(
                f"other users have access to the folder {folder}, which is to hold the state: run "
                f"`chmod 700 {folder}`, or set local.state to a folder of its own"
            )
        log.warning("other users had access to the state; from now on only its owner has", folder=str(folder))
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # the folder is what keeps others out
            if path.name.startswith(_OWN_NAMES) and path.stat().st_mode & _OTHERS:
                if was_open and path.name == STATE_LOCK:
                    path.unlink()
                else:
                    path.chmod(_FILE_MODE)


def create_private(path: Path) -> None:
    """Create an empty file for its owner alone, unless it exists. SQLite gives its journal the same mode."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE))
