"""Whether an operation reads or writes its table, judged by its name."""

import re
from typing import Final

from streams.engine.decode.event import MAX_NAME_BYTES

READS: Final = 1
WRITES: Final = 2
UNKNOWN: Final = 0

MOST_NAMES: Final = 10_000
"""Names that are cached; existing stores have some tens each."""

# Prefixes of the verb in the names of DynamoDB, Firestore, Datastore, Bigtable, Spanner and Cosmos DB.
_BEFORE: Final = r"(?:batch|bulk|transact|transactional|run|execute|streaming|stream|async|do)*"
_WRITES: Final = re.compile(
    rf"{_BEFORE}(?:put|update|upsert|delete|remove|insert|create|add|set|replace|patch|commit|increment|save)"
    r"|.*(?:write|mutate|modify)"
)
_READS: Final = re.compile(
    rf"{_BEFORE}(?:get|query|scan|lookup|list|read|select|find|count|aggregat|search|fetch|sample)"
)
_LAST_PART: Final = re.compile(r"[^./:\s#]*\Z")


def kind_of(op: str | None) -> int:
    """Return READS, WRITES or UNKNOWN for the name of an operation.

    The verb decides, whatever its prefix and case; of a qualified name, the last part counts. An operation
    that may do either (a PartiQL statement, a script) is UNKNOWN.

    Examples
    --------
    >>> [kind_of(op) for op in ("GetItem", "BatchGetItem", "Query", "TransactGetItems", "RunQuery", "list")]
    [1, 1, 1, 1, 1, 1]
    >>> [kind_of(op) for op in ("UpdateItem", "BatchWriteItem", "Commit", "ReadModifyWriteRow", "docs.set")]
    [2, 2, 2, 2, 2]
    >>> [kind_of(op) for op in ("ExecuteStatement", "", None)]
    [0, 0, 0]
    """
    found = _LAST_PART.search((op or "").strip().lower())
    verb = (found.group() if found else "").replace("_", "").replace("-", "")
    if _WRITES.match(verb):
        return WRITES
    return READS if _READS.match(verb) else UNKNOWN


class Kinds(dict[str | None, int]):
    """Name of an operation as it is in an event -> its kind."""

    def __missing__(self, op: str | None) -> int:
        """Find the kind of an operation not seen before."""
        kind = kind_of(op)
        # neither names that never repeat nor long ones must fill memory
        if len(self) < MOST_NAMES and len(op or "") <= MAX_NAME_BYTES:
            self[op] = kind
        return kind
