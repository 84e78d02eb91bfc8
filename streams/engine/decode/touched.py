"""The scopes and edges that a path, or a call on it, counts towards, and their shards."""

import zlib
from collections.abc import Sequence
from typing import Final

from detectors.model.measures import SOURCES_INTO
from detectors.model.scope import (
    ACCOUNT,
    CLIENT,
    FUNCTION,
    ROUTE,
    SERVICE,
    TABLE,
    TENANT,
    Edge,
    Scope,
    ScopeOrEdge,
)
from streams.engine.decode.counted_kinds import VALUES, counted_kinds
from streams.engine.decode.paths import Path

PATH_SCOPES: Final = (ACCOUNT, SERVICE, ROUTE, FUNCTION, CLIENT)
COST_SCOPES: Final = (ACCOUNT, SERVICE, CLIENT)
PATH_EDGES: Final = tuple(
    (source, target) for target in SOURCES_INTO if target != TABLE for source in SOURCES_INTO[target]
)

Touched = list[ScopeOrEdge | None]
"""One entry per kind, scopes first; None where the names do not include it."""


def scope_of(path: Path, kind: str) -> Scope | None:
    """Return the scope of this kind that a path counts towards, or None.

    An account spans its regions, and so do a client and a tenant: these have no region.
    """
    name = getattr(path, kind)  # each is named by its kind
    if not name:
        return None
    region = "" if kind in (ACCOUNT, CLIENT, TENANT) else path.region
    return Scope(kind, path.cloud, path.account, region, name, path.version if kind == CLIENT else "")


def scopes_of_path(path: Path) -> list[Scope | None]:
    """Return the scopes that a request on this path counts towards, itself or by an edge into them."""
    targets = counted_kinds(path.counts).targets
    touched = [scope_of(path, kind) if kind in targets else None for kind in PATH_SCOPES]
    return [*touched, *scopes_of_values(path), *scopes_of_costs(path)]


def scopes_of_values(path: Path) -> list[Scope | None]:
    """Return the scopes that only business values on this path count towards, not its requests."""
    if not path.counts.endswith(VALUES):
        return []
    return [scope_of(path, kind) for kind in (ACCOUNT, SERVICE)]


def scopes_of_costs(path: Path) -> list[Scope | None]:
    """Return the scopes that all costs of a path count towards: account, service and client.

    That does not depend on which kinds of scope its requests count: every part of a cost is stated by one
    source only. What a source revealed later, and is counted once more for the edges from a name, counts
    towards that name alone.
    """
    _, targets, sources = counted_kinds(path.counts)
    if not targets:
        return [None] * len(COST_SCOPES)
    limited = "<" in path.counts
    return [scope_of(path, kind) if not limited or kind in sources else None for kind in COST_SCOPES]


def table_of_call(path: Path, table: str) -> Scope | None:
    """Return the table that a call on this path counts towards, itself or by an edge into it."""
    if not table or TABLE not in counted_kinds(path.counts).targets:
        return None
    return Scope(TABLE, path.cloud, path.account, path.region, table)


def touched_by_path(path: Path) -> Touched:
    """Return the scopes and edges of a request on this path: ``PATH_SCOPES``, then ``PATH_EDGES``."""
    kinds, targets, sources = counted_kinds(path.counts)
    scopes = {kind: scope_of(path, kind) for kind in (*PATH_SCOPES, TENANT)}
    edges = [
        _edge(scopes[source], scopes[target]) if target in targets and source in sources else None
        for source, target in PATH_EDGES
    ]
    return [*(scopes[kind] if kind in kinds else None for kind in PATH_SCOPES), *edges]


def touched_by_call(path: Path, table: str) -> Touched:
    """Return the scopes and edges of a call on this path: the table, then the edges into it."""
    about = table_of_call(path, table)
    kinds, _, sources = counted_kinds(path.counts)
    edges = [_edge(scope_of(path, kind), about) if kind in sources else None for kind in SOURCES_INTO[TABLE]]
    return [about if TABLE in kinds else None, *edges]


def _edge(source: Scope | None, target: Scope | None) -> Edge | None:
    return Edge(source, target) if source and target else None


def shard_of(about: ScopeOrEdge, shards: int) -> int:
    """Return the shard of a scope; an edge goes with its target.

    The hash is the same in every process and version of Python.

    Examples
    --------
    >>> shard_of(Scope("table", "aws", "1", "", "items"), 4)
    3
    """
    scope = about.target if isinstance(about, Edge) else about
    return zlib.crc32("\x1f".join(scope).encode()) % shards


def shards_of(touched: Sequence[ScopeOrEdge | None], shards: int) -> set[int]:
    """Return the shards of these scopes and edges."""
    return {shard_of(about, shards) for about in touched if about is not None}
