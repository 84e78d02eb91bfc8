"""Compiles what runs once for every event, or for every series and step.

The functions are plain Python and say the same either way: where numba is missing, or switched off with
``NUMBA_DISABLE_JIT=1``, they run uncompiled, ten to some sixty times slower (docs/adr/0009). What has no
plain form, because it reads memory by address, asks ``COMPILES`` first and has a twin (docs/adr/0018).
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

Function = TypeVar("Function", bound=Callable[..., object])

try:
    import numba
    from numba import njit
except ImportError:  # no wheel for this platform
    njit = None  # type: ignore[assignment]

COMPILES: Final = njit is not None and not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
"""Whether functions are compiled."""


def compiled(function: Function) -> Function:
    """Return ``function`` compiled at its first call; the machine code is kept beside the module."""
    return _compiled(function)


def without_arrays(function: Function) -> Function:
    """Compile a function that makes no arrays and keeps none: those it is given are not counted.

    Counting the references of some forty arrays at every call costs more than the judgement itself.
    """
    return _compiled(function, _nrt=False)


def unlocked(function: Function) -> Function:
    """Compile as ``without_arrays`` does, and let other threads run meanwhile."""
    return _compiled(function, _nrt=False, nogil=True)


def _compiled(function: Function, **options: bool) -> Function:
    if njit is None:
        return function
    compiler: Callable[..., Callable[[Function], Function]] = njit
    try:
        made: Any = compiler(cache=True, error_model="numpy", **options)(function)
    except RuntimeError:  # nowhere to keep the machine code: it is made anew at every start
        return compiler(error_model="numpy", **options)(function)
    # numba would look at the function's own file alone, and keep machine code of what other files said.
    kept: Any = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if hasattr(kept, "_source_stamp"):
        kept._source_stamp = _STAMP  # noqa: SLF001
    function_: Function = made
    return function_


def _stamp() -> str:
    """Return a digest of every source that has to do with compiled code."""
    found = hashlib.blake2b(digest_size=16)
    for package in ("detectors", "streams"):
        for source in sorted((Path(__file__).parents[2] / package).rglob("*.py")):
            text = source.read_bytes()
            if b"detectors.state.compiled" in text or b"from numba" in text:
                found.update(text)
    return found.hexdigest()


_STAMP: Final = _stamp() if COMPILES else ""
