"""numba's compiler for functions that only compiled functions call, as short as that allows.

numba makes finished machine code of every function it compiles, and again of what it calls with each caller:
of ten functions that call one another in a row, the last is made ten times. A part is handed on as optimised
intermediate code instead, and becomes machine code with the functions that Python calls.
"""

from typing import Any

from numba._dynfunc import make_function
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.typed_passes import NativeLowering


class PartLibrary(JITCodeLibrary):
    """The code of a part and of what it calls, to be linked into that of its callers."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=False)
class PartEntry(LoweringPass):
    """Registers a part with numba, for callers to link; its handle for Python leads nowhere."""

    _name = "part_entry"

    def __init__(self) -> None:
        super().__init__()  # abstract in numba

    def run_pass(self, state: Any) -> bool:
        """Register the part."""
        lowered, name = state.cr, state.func_id.func_name
        handle = make_function(lowered.fndesc.lookup_module(), name, "", 0, lowered.env, (state.library,))
        state.targetctx.insert_user_function(handle, lowered.fndesc, [state.library])
        state.cr = lowered._replace(cfunc=handle)
        return True


class PartCompiler(CompilerBase):
    """numba's own steps, without those that make machine code."""

    def define_pipelines(self) -> list[Any]:
        """Return the one pipeline; numba calls it for each function."""
        state = self.state
        state.library = PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        pipeline = DefaultPassBuilder.define_nopython_pipeline(state)
        pipeline.add_pass_after(PartEntry, NativeLowering)
        pipeline.finalize()
        return [pipeline]
