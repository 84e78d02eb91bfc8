"""Whether a path is a file that can be read to its end."""

from pathlib import Path


def unreadable(source: Path) -> str:
    """Return why a path cannot be read as a file; empty if it can."""
    if source.is_file():
        return ""
    if source.is_dir():
        return f"{source}: is a folder; give the files in it"
    if source.exists():
        return f"{source}: not a regular file; save its content to one first"
    return f"{source}: no such file"
