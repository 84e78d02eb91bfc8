"""Labels as JSON lines: with the keys of labels, or what a simulation made to happen."""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from alerting.commands.labels import LabelKind

_MADE: Final = ("function", "table", "client", "route", "service")
_KEYS: Final = frozenset({*_MADE, "version", "account", "start", "end", "kind", "verdict", "measure"})


def rows_of(text: str) -> tuple[list[tuple[int, dict[str, Any]]], list[tuple[int, str]]]:
    r"""Return the rows of JSON lines by line, and what is wrong with the others.

    Examples
    --------
    >>> rows_of('{"start": 5, "kind": "spike"}\n[]\n')
    ([(1, {'start': 5, 'kind': 'spike'})], [(2, 'no label; write an object with start and kind')])
    """
    rows: list[tuple[int, dict[str, Any]]] = []
    wrong = []
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            row = msgspec.json.decode(written)
            twice = _twice(written)
        except (msgspec.DecodeError, RecursionError) as error:
            wrong.append((line, f"not JSON: {error}; write one object a line"))
            continue
        if twice is not None:
            wrong.append((line, f"two keys {twice!r}; keep one of them"))
            continue
        if not isinstance(row, dict):
            wrong.append((line, "no label; write an object with start and kind"))
        else:
            rows.append((line, known_of(row) if row.keys() >= _KEYS else row))
    return rows, wrong


def _twice(written: str) -> str | None:
    """Return a key that an object of this JSON has twice: which of the two was meant is not to be guessed."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in pairs]
        found.extend(key for key in keys if keys.count(key) > 1)

    json.loads(written, object_pairs_hook=look)
    return found[0] if found else None


def known_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the label that says what a simulation made to happen (``Simulation.labels``).

    Its scope is the function that is named, which what its tables show names as well, else the table, client,
    route or service. It has no measure, since any that shows it will do. What nothing may be told of is no
    anomaly.

    Examples
    --------
    >>> nobody = dict.fromkeys(("table", "client", "function", "route", "service", "version", "account"))
    >>> known_of(nobody | {"start": 5, "end": 9, "kind": "slow", "verdict": "spike", "measure": "latency",
    ...                    "function": "buy", "client": "ios"})
    {'kind': 'spike', 'start': 5, 'end': 9, 'scope': 'function:buy', 'note': 'slow, client ios, function buy'}
    """
    client = " ".join(str(made[key]) for key in ("client", "version") if made[key] is not None)
    names = {kind: made[kind] for kind in _MADE} | {"client": client or None}
    whom = [f"{kind} {names[kind]}" for kind in reversed(_MADE) if names[kind] is not None]
    scope = next((f"{kind}:{names[kind]}" for kind in _MADE if names[kind] is not None), None)
    fields = {
        "kind": made["verdict"] or LabelKind.NOT_AN_ANOMALY.value,
        "start": made["start"],
        "end": made["end"],
        "scope": scope,
        "account": made["account"],
        "note": ", ".join([str(made["kind"]), *whom]),
    }
    return {key: value for key, value in fields.items() if value is not None}
