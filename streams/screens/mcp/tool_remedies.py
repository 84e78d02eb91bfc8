"""What the board says to do, in the words of tools: an assistant has no addresses to open."""

from typing import Final

_REMEDIES: Final = (
    ("/board/scopes?like= finds names", "find_names finds names"),
    ("/incidents lists those that have not ended", "list_incidents lists them"),
    ("to needs from, ", "until needs since, "),
    ("from is no time: ", "since is no time: "),
    ("to is no time: ", "until is no time: "),
)


def in_tool_words(said: str) -> str:
    """Return why the board refuses, with the tools and arguments that help.

    Examples
    --------
    >>> in_tool_words("no table nope is known here: /board/scopes?like= finds names")
    'no table nope is known here: find_names finds names'
    """
    for board, tool in _REMEDIES:
        said = said.replace(board, tool)
    return said
