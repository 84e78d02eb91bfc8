"""Fixtures for tests of compiled modules."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from detectors.state import compiled


@pytest.fixture(scope="session")
def uncompiled() -> Callable[[ModuleType], ModuleType]:
    """Return a function that loads a compiled module again as plain Python, with the compiled ones it uses.

    Plain and compiled modules share all others, so types and constants are the same objects.
    """
    loaded: dict[str, ModuleType] = {}

    def load(module: ModuleType) -> ModuleType:
        name = module.__name__
        if name not in loaded:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(compiled, "njit", None)
                for text in [name for name, known in sys.modules.items() if _compiles(known)]:
                    parent, _, child = text.rpartition(".")
                    patch.delattr(sys.modules[parent], child)  # which ``from parent import child`` asks first
                    patch.delitem(sys.modules, text)
                loaded[name] = importlib.import_module(name)
        return loaded[name]

    return load


def _compiles(module: ModuleType) -> bool:
    """Return whether a module of the detectors compiles functions of its own."""
    makers = (compiled.compiled, compiled.inlined, compiled.part, compiled.without_arrays)
    uses = any(var is maker for var in vars(module).values() for maker in makers)
    return uses and module is not compiled and module.__name__.startswith("detectors.")
