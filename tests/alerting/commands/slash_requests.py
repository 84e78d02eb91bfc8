"""What people write after ``/uneri``, and how it is understood, in a file that people review.

A case is a text as JSON, then what it asks for, indented. It is written anew by
``python -m tests.alerting.commands.slash_requests``; read what changed before it is committed.
"""

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from alerting.commands.slash import Help, SlashRequest, parse
from alerting.words.unseen import escape_unseen_json

FILE: Final = Path(__file__).with_suffix(".txt")


def reviewed() -> dict[str, str]:
    """Return the cases of the file."""
    lines = FILE.read_text("utf-8").splitlines()
    return {json.loads(text): asked.strip() for text, asked in zip(lines[::2], lines[1::2], strict=True)}


def understood(text: str) -> str:
    """Return what a text asks for, without what is empty."""
    asked = parse(text)
    if isinstance(asked, Help):
        return f"help {asked.fault} {asked.word!r}" if asked.fault else "help"
    return f"{type(asked).__name__} {_shown(asked)}"


def _shown(asked: SlashRequest) -> str:
    if not isinstance(asked, tuple):
        return str(asked)
    return json.dumps(_without_empty(msgspec.to_builtins(asked._asdict())), ensure_ascii=False)


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_empty(value) if isinstance(value, dict) else value
        for name, value in fields.items()
        if value
    }


def main() -> None:
    """Write what all texts ask for anew."""
    cases = [
        f"{escape_unseen_json(json.dumps(text, ensure_ascii=False))}\n    {understood(text)}\n"
        for text in reviewed()
    ]
    FILE.write_text("".join(cases), "utf-8")


if __name__ == "__main__":
    main()
