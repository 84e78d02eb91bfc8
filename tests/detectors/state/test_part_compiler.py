"""A part is translated with its callers, and only there."""

from typing import Any

import pytest

from detectors.state.compiled import COMPILES, compiled, inlined, part
from detectors.state.part_compiler import PartLibrary

pytestmark = pytest.mark.skipif(not COMPILES, reason="the compiler is off")


@inlined
def half(number: float) -> float:
    return number / 2


@part
def quarter(number: float) -> float:
    return half(half(number))


@compiled
def eighth(number: float) -> float:
    return quarter(number) / 2


@compiled
def sixteenth(number: float) -> float:
    return quarter(quarter(number))


def test_functions_give_the_same_with_parts_of_parts_whoever_calls_these_first() -> None:
    assert eighth(1.0) == 0.125
    assert sixteenth(1.0) == 0.0625


def test_parts_have_neither_machine_code_nor_files_of_their_own() -> None:
    """With the version of numba that is locked; a newer one may need another ``PartCompiler``."""
    assert eighth(1.0) == 0.125
    parts: list[Any] = [globals()[name] for name in ("half", "quarter")]  # named only: a call would end us
    for each in parts:
        assert [type(made.library) for made in each.overloads.values()] == [PartLibrary]
        assert each.stats.cache_path is None
