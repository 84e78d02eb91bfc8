"""The state folder belongs to its user alone: no other user reads the events in it, or holds its lock."""

import contextlib
import os
import pwd
import stat
from pathlib import Path
from typing import Final

import structlog

from config.settings import Settings

STATE_LOCK: Final = "lock"
LOG_FILE: Final = "uneri.db"
OUTBOX_FILE: Final = "outbox.db"
BACKFILL_FILE: Final = "backfill.db"  # learnt by a backfill for a running daemon
HISTORY_FOLDER: Final = "history"  # the files of the history, if they have no place of their own
SESSION_KEY_FILE: Final = (
    "sessions.key"  # of browsers; not in a backup: after a restore, people sign in again
)
OWN_NAMES: Final = (STATE_LOCK, LOG_FILE, OUTBOX_FILE, BACKFILL_FILE, SESSION_KEY_FILE)  # and their journals
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077

log = structlog.get_logger("uneri.local")


def history_place(settings: Settings) -> str:
    """Return where the files of the history are: a folder, or a bucket."""
    return settings.history.place or str(Path(settings.local.state) / HISTORY_FOLDER)


class OpenFolderError(Exception):
    """A folder cannot be made this user's alone; the message has the remedy."""


def make_private(folder: Path) -> None:
    """Create a state folder that only its owner can enter, or take the access of others away.

    A folder that holds anything else, such as a home folder, is not touched. A lock file that others could
    open is replaced, because one of them may hold it for ever. Nothing is followed out of the folder: a link
    in it may have been put there for the file that it leads to.

    Raises
    ------
    OpenFolderError
        When the folder or a file in it belongs to another user, a file in it is a link or no file at all, or
        others keep access: the folder holds something else, or its file system has no permissions.
    OSError
        When it cannot be created or listed.
    """
    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    if folder.is_symlink() and (placed_by := folder.lstat().st_uid) not in (0, os.geteuid()):
        raise OpenFolderError(
            f"the state folder {folder} is a link that {_user(placed_by)} placed: set local.state to the "
            "folder that you mean"
        )
    _check_owner(folder, folder.stat().st_uid, folder)
    was_open = bool(folder.stat().st_mode & _OTHERS)
    if was_open:
        if all(path.name.startswith((*OWN_NAMES, HISTORY_FOLDER)) for path in folder.iterdir()):
            with contextlib.suppress(OSError):
                folder.chmod(_FOLDER_MODE)
        if folder.stat().st_mode & _OTHERS:
            raise OpenFolderError(
                f"other users have access to the folder {folder}, which is to hold the state: run "
                f"`chmod 700 {folder}`, or set local.state to a folder of its own"
            )
        log.warning("other users had access to the state; from now on only its owner has", folder=str(folder))
    # From here on, no other user can put anything into it.
    own = [path for path in folder.iterdir() if path.name.startswith(OWN_NAMES)]
    for path in own:
        _check_file(path, folder)
    if (history := folder / HISTORY_FOLDER).is_symlink() or history.exists():
        _check_folder(history, folder)
    for path in own:
        with contextlib.suppress(OSError):  # the folder is what keeps others out
            if path.lstat().st_mode & _OTHERS:
                if was_open and path.name == STATE_LOCK:
                    path.unlink()
                else:
                    path.chmod(_FILE_MODE)


def _check_file(path: Path, folder: Path) -> None:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        kind = "has another name elsewhere (a hard link)" if stat.S_ISREG(found.st_mode) else "is not a file"
        kind = "is a link" if stat.S_ISLNK(found.st_mode) else kind
        raise OpenFolderError(
            f"{path} {kind}, but must be a file of the state: move it away; to keep the state on another "
            "disk, set local.state to a folder there"
        )
    _check_owner(path, found.st_uid, folder)


def _check_folder(path: Path, folder: Path) -> None:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise OpenFolderError(
            f"{path} must be a folder of the state: move what is there away; to keep the history elsewhere, "
            "set history.place"
        )
    _check_owner(path, found.st_uid, folder)


def _check_owner(path: Path, owner: int, folder: Path) -> None:
    user = os.geteuid()
    if owner != user:
        raise OpenFolderError(
            f"{path} belongs to {_user(owner)}, but uneri runs as {_user(user)}, and the state must be its "
            f"user's alone: run uneri as {_user(owner)} (in a container: its user, such as --user {owner}), "
            f"or `chown -R {user} {folder}` if you trust what is in it"
        )


def _user(number: int) -> str:
    """Return the name of a user for a message; in a container, a user may have none."""
    try:
        return f"user {pwd.getpwuid(number).pw_name} ({number})"
    except KeyError:
        return f"user {number}"


def create_private(path: Path) -> None:
    """Create an empty file for its owner alone, unless it exists. SQLite gives its journal the same mode."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE))
