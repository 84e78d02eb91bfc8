"""Compiles functions that run once for every event, or for every series and step.

The functions are plain Python and give the same results either way: without numba, or with
``NUMBA_DISABLE_JIT=1``, they run uncompiled, ten to sixty times slower (docs/adr/0009). Code that has no
plain form, because it reads memory by address, checks ``COMPILES`` first and has a reference implementation
(docs/adr/0018).
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
try:
    from detectors.state.part_compiler import PartCompiler
except ImportError:  # neither is part of numba's promises
    PartCompiler = None  # type: ignore[assignment, misc]

COMPILES: Final = njit is not None and not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
"""Whether functions are compiled."""

_NO_WRAPPER: Final = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

_NEWEST: Final = (0, 68)
"""Of numba, that ``PartCompiler`` is known to work with; newer ones compile parts as all else, for longer."""

_PARTS: Final = COMPILES and PartCompiler is not None and numba.version_info.short <= _NEWEST


def compiled(function: Function) -> Function:
    """Return ``function`` compiled at its first call; the machine code is cached beside the module."""
    return _compiled(function)


def part(function: Function) -> Function:
    """Compile a function that only compiled ones call, and that neither makes nor keeps arrays.

    It has no entry point for Python, which takes as long to compile as the function where arguments are some
    forty arrays. So Python must not call it: a call ends the process.
    """
    return _part(function, _nrt=False, **_NO_WRAPPER)


def without_arrays(function: Function) -> Function:
    """Compile a function that neither makes nor keeps arrays: references to its arguments are not counted.

    Counting the references of some forty arrays at every call costs more than the judgement itself.
    """
    return _compiled(function, _nrt=False)


def unlocked(function: Function) -> Function:
    """Compile as ``without_arrays`` does, and release the GIL while it runs."""
    return _compiled(function, _nrt=False, nogil=True)


def inlined(function: Function) -> Function:
    """Compile a part into the code of each caller: a call would cost as much.

    A call hands over some forty arrays, eight numbers for each: more than most parts of the judge calculate.
    Parts that are rarely called stay calls, which compile faster.
    """
    return _part(function, _nrt=False, forceinline=True, **_NO_WRAPPER)


def is_kept(function: Callable[..., object]) -> bool | None:
    """Return whether machine code of a compiled function is kept for this processor.

    None if it cannot be kept, so that no other process could compile it for this one.
    """
    made: Any = function
    try:
        if made.stats.cache_path is None:
            return None
        processor = made.targetctx.codegen().magic_tuple()
        return any(kept[1] == processor for kept in made._cache._cache_file._load_index())  # noqa: SLF001 - numba has no public name for it
    except (AttributeError, IndexError, OSError):  # another numba, or nothing to read
        return None


def _part(function: Function, **options: bool) -> Function:
    if njit is None or not _PARTS:
        return _compiled(function, **options)
    compiler: Callable[..., Callable[[Function], Function]] = njit
    # not cached: it is in the machine code of its callers
    return compiler(error_model="numpy", pipeline_class=PartCompiler, **options)(function)


def _compiled(function: Function, **options: bool) -> Function:
    if njit is None:
        return function
    compiler: Callable[..., Callable[[Function], Function]] = njit
    try:
        made: Any = compiler(cache=True, error_model="numpy", **options)(function)
    except RuntimeError:  # no writable place for the cache: compile at every start
        return compiler(error_model="numpy", **options)(function)
    # numba checks the function's own file only, and would use machine code of other files' old sources
    cache: Any = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if hasattr(cache, "_source_stamp"):
        cache._source_stamp = _STAMP  # noqa: SLF001
    function_: Function = made
    return function_


def _stamp() -> str:
    """Return a digest of every source in the folders that hold compiled code: constants are compiled in."""
    found = hashlib.blake2b(digest_size=16)
    for package in ("detectors", "streams"):
        folders: dict[Path, list[bytes]] = {}
        for source in sorted((Path(__file__).parents[2] / package).rglob("*.py")):
            folders.setdefault(source.parent, []).append(source.read_bytes())
        for texts in folders.values():
            if any(b"detectors.state.compiled" in text or b"from numba" in text for text in texts):
                found.update(b"".join(texts))
    return found.hexdigest()


_STAMP: Final = _stamp() if COMPILES else ""
