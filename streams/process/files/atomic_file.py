"""Files that appear complete or not at all, and a check that a path is a readable file."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: Path, by: str = "") -> Iterator[Path]:
    """Yield a temporary path beside ``path``, which it replaces when the block succeeds.

    ``by`` names the writer where several may write the same file at once: each has a temporary path of its
    own then, which stays if its process is killed.

    Raises
    ------
    OSError
        When it cannot be written. The error names ``path``, whose previous content is kept.
    """
    part = path.with_name(f".{path.name}{by and f'.{by}'}.part")
    try:
        part.unlink(missing_ok=True)  # of a killed process; or a link, and its file would be overwritten
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file with this content."""
    with atomic_file(path) as part:
        part.write_bytes(data)


def refuse_link(folder: Path) -> None:
    """Refuse a folder of results that is a link: files in it are deleted, and may belong to others.

    Raises
    ------
    OSError
        When it is a link; the error names ``folder``.
    """
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "is a link, which is not followed", str(folder))


def unreadable(source: Path) -> str:
    """Return the reason why a path cannot be read to its end as a file; empty if it can."""
    if source.is_file():
        return ""
    if source.is_dir():
        return f"{source}: is a folder; give the files in it"
    if source.exists():
        return f"{source}: not a regular file; save its content to one first"
    return f"{source}: no such file"
