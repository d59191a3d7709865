"""Compile the functions that kernels consist of once, as a part of each kernel, and not
by themselves.

Numba optimises each function and translates it to machine code by itself, then once
more as a part of each that calls it. Only the last of these ever runs.
"""

from functools import lru_cache
from typing import Any, Dict

import numba

# What is done here changes the inside of Numba: only in versions that it was tried
# with. Others compile the same kernels in a quarter more time.
FIRST_TRIED, LAST_TRIED = (0, 68), (0, 68)


def options() -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): Options of `njit` for functions that are only called by
    kernels.
    """
    if not FIRST_TRIED <= numba.version_info.short <= LAST_TRIED:
        return {}
    try:
        return {"pipeline_class": _pipeline_class()}
    except (ImportError, AttributeError):
        return {}


@lru_cache(maxsize=1)
def _pipeline_class() -> Any:
    import llvmlite.binding as llvm
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import Compiler

    class Part(JITCodeLibrary):
        """The code of a function that others are linked with."""

        def _optimize_functions(self, ll_module: Any) -> None:
            ll_module.data_layout = self._codegen._data_layout

        def _optimize_final_module(self) -> None:
            pass

        def _finalize_final_module(self) -> None:
            self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
            # Numba sets these, so there must be machine code that holds them.
            own = self._final_module.global_variables
            environments = [str(each) for each in own if "NumbaEnv" in each.name]
            self._environments = llvm.parse_assembly("\n".join(environments))
            self._environments.triple = self._final_module.triple
            self._environments.data_layout = self._codegen._data_layout
            self._codegen._add_module(self._environments)
            self._codegen._engine.finalize_object()
            self._finalized = True

        def get_pointer_to_function(self, name: str) -> int:
            self._ensure_finalized()  # type: ignore[no-untyped-call]
            return 0  # "there is no such function"

    make_part: Any = Part
    initialize: Any = Compiler.__init__

    class Pipeline(Compiler):
        """Numba's compiler, with another place for the code."""

        def __init__(
            self, typingctx: Any, targetctx: Any, library: Any, *arguments: Any
        ) -> None:
            if library is None:
                library = make_part(targetctx.codegen(), "part of a kernel")
            initialize(self, typingctx, targetctx, library, *arguments)

    for name in (
        "_optimize_functions",
        "_optimize_final_module",
        "_finalize_final_module",
        "_finalize_dynamic_globals",
    ):
        getattr(JITCodeLibrary, name)
    return Pipeline
