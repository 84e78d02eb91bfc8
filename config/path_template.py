"""Templates of paths as a backend names its routes: ``/items/{id}``, ``GET /files/{path+}``."""

import re
from typing import Final

_PLACE: Final = re.compile(r"\{([^{}+]+)\+?\}")
_METHOD: Final = re.compile(r"[A-Za-z]+ +(?=/)")


def path_template(text: str) -> str:
    """Return a template that some path fits.

    Raises
    ------
    ValueError
        When none does, or it is not plain which.

    Examples
    --------
    >>> path_template("GET /items/{id}")
    'GET /items/{id}'
    """
    path = _METHOD.sub("", text.strip(), count=1)
    if not path.startswith("/"):
        raise ValueError("not a path; begin with /, as in /items/{id}")
    *before, last = path[1:].split("/")
    names: set[str] = set()
    for segment in (*before, last):
        if "{" not in segment and "}" not in segment:
            continue
        place = _PLACE.fullmatch(segment)
        if place is None:
            raise ValueError(
                f"{segment!r} is neither a word nor a place; write a place such as {{id}}, alone"
            )
        if place[1] in names:
            raise ValueError(f"two places are called {place[1]!r}; give each a name of its own")
        names.add(place[1])
    if any(segment.endswith("+}") for segment in before):
        raise ValueError("nothing can follow a place for the whole rest; end with it, as in /files/{path+}")
    return text
