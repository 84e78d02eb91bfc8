"""Compiles what runs once for every series and step.

The functions are plain Python and say the same either way: where numba is missing, or switched off with
``NUMBA_DISABLE_JIT=1``, they run uncompiled, some hundred times slower (docs/adr/0009).
"""

from collections.abc import Callable
from typing import TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., object])

try:
    from numba import njit
except ImportError:  # no wheel for this platform
    njit = None  # type: ignore[assignment]


def compiled(function: Function) -> Function:
    """Return ``function`` compiled at its first call; the machine code is kept beside the module."""
    if njit is None:
        return function
    return cast("Function", njit(cache=True, error_model="numpy")(function))
