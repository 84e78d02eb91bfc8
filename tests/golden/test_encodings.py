"""No encoding of the state changes unnoticed: without another version, what was written is read as it is."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.golden.encodings import FILE, breaks, present

ROOT = Path(__file__).parent.parent.parent
NOT_IN_THE_STORY = {"incidents-forgotten"}  # of a replay
OTHERS = {"demo", "counts", "live"}  # of examples; the name of a part of another kind


@pytest.fixture(scope="module")
def pinned() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def test_every_encoding_is_the_pinned_one(pinned: dict[str, Any]) -> None:
    now = present(max(FILE.parent.glob("*/embedded.tar.zst")).parent)
    assert not breaks(pinned, now), "raise the version and give unpack a migration (CONTRIBUTING.md)"
    assert now == pinned, "run `PYTHONPATH=. python tests/golden/encodings.py` and commit what it writes"


def changed(pinned: dict[str, Any], change: Any) -> list[str]:
    now = copy.deepcopy(pinned)
    change(now)
    return breaks(pinned, now)


def test_a_change_without_another_version_is_noticed(pinned: dict[str, Any]) -> None:
    def renamed(now: dict[str, Any]) -> None:
        now["types"]["finding.Finding"]["fields"][0][0] = "identity"

    def added(now: dict[str, Any]) -> None:
        now["types"]["finding.Finding"]["fields"].append(["more", "int", "required"])

    def array_gone(now: dict[str, Any]) -> None:
        now["kinds"]["decoder"]["arrays"] = now["kinds"]["decoder"]["arrays"][1:]

    def table(now: dict[str, Any]) -> None:
        now["kinds"]["tables"]["meta"][0] += " WITHOUT ROWID"

    for change, kinds in (
        (renamed, {"gather", "a row of the outbox", "a record of the findings topic"}),
        (added, {"gather", "a row of the outbox", "a record of the findings topic"}),
        (array_gone, {"decoder"}),
        (table, {"tables"}),
    ):
        assert kinds <= {line.partition(":")[0] for line in changed(pinned, change)}


def test_a_field_with_a_default_and_another_version_are_no_break(pinned: dict[str, Any]) -> None:
    def default(now: dict[str, Any]) -> None:
        now["types"]["finding.Finding"]["fields"].append(["more", "int", "default"])

    def bumped(now: dict[str, Any]) -> None:
        now["kinds"]["decoder"] = {"version": now["kinds"]["decoder"]["version"] + 1, "meta": "int"}

    assert not changed(pinned, default)
    assert not changed(pinned, bumped)


def test_every_kind_of_part_is_pinned(pinned: dict[str, Any]) -> None:
    sources = [
        path.read_text("utf-8")
        for name in ("alerting", "detectors", "streams")
        for path in (ROOT / name).rglob("*.py")
    ]
    named = re.compile(r'(?:(?<![\w.])pack\(|\bStatePart\(|^    KIND = )\s*"([\w-]+)"', re.MULTILINE)
    kinds = {kind for text in sources for kind in named.findall(text)}
    assert kinds - NOT_IN_THE_STORY - OTHERS <= pinned["kinds"].keys()
