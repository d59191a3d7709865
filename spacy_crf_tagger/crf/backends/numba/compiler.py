"""Numba's compiler with only the steps that kernels need: a third less time.

Numba optimises each function and translates it to machine code by itself, then once
more as a part of each that calls it. Only the last of these ever runs, so a part of a
kernel is compiled once, as a part. Numba looks for closures, generators, expressions of
whole arrays and counts of users as well, which kernels do not have, and finds out anew
for each operation what type its result has.
"""

import copy
from functools import lru_cache
from typing import Any, Dict, NamedTuple

import numba

# What is done here changes the inside of Numba: only in versions that it was tried
# with. Others compile the same kernels in half as much time again.
FIRST_TRIED, LAST_TRIED = (0, 68), (0, 68)


class Compilers(NamedTuple):
    """What compiles functions that create no array, and call no function that does.

    kernel (type): Compiles kernels.
    part (type): Compiles functions that are only called by kernels.
    """

    kernel: Any
    part: Any


def options_of_kernel() -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): Options of `njit` for kernels."""
    compilers = _compilers()
    return {"pipeline_class": compilers.kernel} if compilers else {}


def options_of_part() -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): Options of `njit` for functions that are only called by
    kernels.
    """
    compilers = _compilers()
    return {"pipeline_class": compilers.part} if compilers else {}


def _compilers() -> "Compilers | None":
    if not FIRST_TRIED <= numba.version_info.short <= LAST_TRIED:
        return None
    try:
        return _make_compilers()
    except (ImportError, AttributeError):
        return None


@lru_cache(maxsize=1)
def _make_compilers() -> Compilers:
    import llvmlite.binding as llvm
    from numba.core import typed_passes, types, untyped_passes
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import CompilerBase
    from numba.core.compiler_machinery import PassManager

    for name in (
        "_optimize_functions",
        "_optimize_final_module",
        "_finalize_final_module",
        "_finalize_dynamic_globals",
    ):
        getattr(JITCodeLibrary, name)
    # Without the pass that gives a variable a name for each of its values, it has one
    # type in a whole function.
    passes = (
        untyped_passes.TranslateByteCode,
        untyped_passes.FixupArgs,
        typed_passes.NopythonTypeInference,
        typed_passes.IRLegalization,
        typed_passes.AnnotateTypes,
        typed_passes.NativeLowering,
        typed_passes.NoPythonBackend,
    )

    class Kernel(JITCodeLibrary):
        """The code of a kernel and its parts, which is optimised as a whole."""

        def _optimize_functions(self, ll_module: Any) -> None:
            ll_module.data_layout = self._codegen._data_layout

        def _optimize_final_module(self) -> None:
            # Numba does it twice, since it removes counts of users in between.
            manager, builder = self._codegen._module_pass_manager()
            manager.run(self._final_module, builder)

    class Part(Kernel):
        """The code of a function that kernels are linked with."""

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

    known: Dict[Any, Any] = {}  # types of results, by function and types of arguments

    class Typing:
        """What Numba knows about types, and what it has found out by it before."""

        def resolve_function_type(
            self, function: Any, arguments: Any, keywords: Any
        ) -> Any:
            """RETURNS (Signature): The types of a call."""
            find: Any = super().resolve_function_type  # type: ignore[misc]
            # Numba's own functions: those of kernels are compiled by this.
            if not isinstance(function, types.Function) or keywords:
                return find(function, arguments, keywords)
            signature = known.get((function, arguments))
            if signature is None:
                signature = find(function, arguments, keywords)
                known[function, arguments] = signature
            return signature

    @lru_cache(maxsize=1)
    def class_of(context: Any) -> Any:
        return type("Typing", (Typing, context), {})

    class Compiler(CompilerBase):
        """Numba's compiler, with fewer passes and another place for the code."""

        library: Any = Kernel

        def __init__(self, typing: Any, target: Any, library: Any, *others: Any):
            if library is None:
                library = self.library(target.codegen(), "kernel")
                library.enable_object_caching()
            own_typing = copy.copy(typing)  # shares all that there is
            own_typing.__class__ = class_of(own_typing.__class__)
            base: Any = super()
            base.__init__(own_typing, target, library, *others)

        def define_pipelines(self) -> Any:
            """RETURNS (list): The passes."""
            manager: Any = PassManager("kernel")
            for each in passes:
                manager.add_pass(each, each.__name__)
            manager.finalize()
            return [manager]

    return Compilers(Compiler, type("PartCompiler", (Compiler,), {"library": Part}))
