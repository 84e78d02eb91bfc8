"""A request that a second source reports as if it were alone: what the first has counted is left to it."""

from collections.abc import Iterable

from detectors.model.scope import TABLE
from streams.engine.decode.counted import counted, without
from streams.engine.decode.paths import Path
from streams.engine.decode.touched import PATH_SCOPES, scope_of


def left_to_count(path: Path, earlier: Iterable[Path]) -> Path:
    """Return the path of a request without the scopes that another source of it has counted.

    It is the same request if both know the key and name the same function. A source that reports twice under
    one key, as for an invocation that was retried, uses the same names each time: that counts twice.

    Parameters
    ----------
    path
        Of the record, as it came.
    earlier
        Of the requests with the same key before it, as they counted.

    Examples
    --------
    >>> report = Path("aws", "1", "eu", "put", "", "put", "", "", "")
    >>> line = Path("aws", "1", "eu", "inventory", "POST /items", "put", "ios", "", "")
    >>> left_to_count(line, [report]).counts, left_to_count(report, [report]).counts
    ('service,route,table,client', '')
    """
    for other in earlier:
        if not path.function or other.function != path.function or _names(other) == _names(path):
            continue
        both = counted(path.counts).kinds & counted(other.counts).kinds - {TABLE}
        again = [
            kind for kind in PATH_SCOPES if kind in both and scope_of(path, kind) == scope_of(other, kind)
        ]
        path = path._replace(counts=without(path.counts, again))
    return path


def _names(path: Path) -> Path:
    return path._replace(counts="")
