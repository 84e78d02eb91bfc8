"""A part is translated with its callers, and only there."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from detectors.state.compiled import COMPILES
from detectors.state.part_compiler import PartLibrary

pytestmark = pytest.mark.skipif(not COMPILES, reason="the compiler is off")

SOURCE = """
from detectors.state.compiled import compiled, inlined, part

@inlined
def half(number): return number / 2

@part
def quarter(number): return half(half(number))

@compiled
def eighth(number): return quarter(number) / 2

@compiled
def sixteenth(number): return quarter(quarter(number))
"""


@pytest.fixture
def functions(tmp_path: Path) -> Any:
    """Functions of which no machine code is kept: where it is, parts are not compiled."""
    path = tmp_path / "functions_with_parts.py"
    path.write_text(SOURCE)
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_functions_give_the_same_with_parts_of_parts_whoever_calls_these_first(functions: Any) -> None:
    assert functions.eighth(1.0) == 0.125
    assert functions.sixteenth(1.0) == 0.0625


def test_parts_have_neither_machine_code_nor_files_of_their_own(functions: Any) -> None:
    """With the version of numba that is locked; a newer one may need another ``PartCompiler``."""
    assert functions.eighth(1.0) == 0.125
    for function in (functions.half, functions.quarter):  # named only: a call would end the process
        assert [type(made.library) for made in function.overloads.values()] == [PartLibrary]
        assert function.stats.cache_path is None
