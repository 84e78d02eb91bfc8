"""Characters that nobody sees, and that a terminal may obey: control, bidi, zero-width."""

import json
import unicodedata


def is_seen(character: str) -> bool:
    """Return whether a character is shown, or is a space."""
    return character.isprintable() or unicodedata.category(character) == "Zs"


def escape_unseen(text: str) -> str:
    r"""Return a text with what is not seen as an escape.

    Examples
    --------
    >>> print(escape_unseen("put\x1b[2J\u202e"))
    put\x1b[2J\u202e
    """
    if text.isprintable():
        return text
    return "".join(
        character if is_seen(character) else character.encode("unicode_escape").decode() for character in text
    )


def escape_unseen_json(written: str) -> str:
    r"""Return equal JSON with what is not seen as an escape.

    Examples
    --------
    >>> print(escape_unseen_json('{\n"name": "put\x9b2J\u202e"}'))
    {
    "name": "put\u009b2J\u202e"}
    """
    if written.isprintable():
        return written
    return "".join(
        character if is_seen(character) or character == "\n" else json.dumps(character)[1:-1]
        for character in written
    )
