"""What tests of compiled modules share."""

import importlib.util
from collections.abc import Callable
from types import ModuleType

import pytest

import detectors.state.compiled


@pytest.fixture(scope="session")
def uncompiled() -> Callable[[ModuleType], ModuleType]:
    """Return a function that loads a compiled module once more as plain Python, from the same source."""
    loaded: dict[str, ModuleType] = {}

    def load(module: ModuleType) -> ModuleType:
        name = module.__name__
        if name not in loaded:
            spec = importlib.util.spec_from_file_location(f"uncompiled_{name}", module.__file__)
            assert spec is not None
            assert spec.loader is not None
            plain = importlib.util.module_from_spec(spec)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(detectors.state.compiled, "njit", None)
                spec.loader.exec_module(plain)
            loaded[name] = plain
        return loaded[name]

    return load
