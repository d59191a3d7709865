"""Decorators that compile kernels and their parts."""

import gc
from functools import wraps
from typing import Any, Callable

from numba import njit

from . import compiler
from .kernel_cache import KernelCache

Function = Callable[..., Any]
# There are no arrays to count the users of, no exceptions of Python's, and no
# expressions of whole arrays to look for.
_BORROWING = {"_nrt": False, "error_model": "numpy", "no_rewrites": True}


def kernel(function: Function) -> Function:
    """Compile a function on its first call, without Python's lock. The result is kept
    for all processes to come, as far as there is a place for it (see `KernelCache`).

    function (Callable): The function.
    RETURNS (Callable): The compiled function.
    """
    return _compile(function, {}, has_runtime=True)


def borrowing_kernel(function: Function) -> Function:
    """Compile a function that creates no array. It does not count who uses the arrays
    that it is given, which takes more time than many a step of a recursion.

    function (Callable): The function. It may call only functions that are `inlined` or
        `called`, has no closure and no `with`, and gives each variable one type.
    RETURNS (Callable): The compiled function.
    """
    options = compiler.options_of_kernel()
    all_options = {"no_cfunc_wrapper": True, **_BORROWING, **options}
    # Versions that are not known load all kernels in their own way.
    return _compile(function, all_options, has_runtime=not options)


def inlined(function: Function) -> Function:
    """Compile a function into the kernels that call it, wherever they do.

    function (Callable): The function, which creates no array. It may call only
        functions that are `inlined` or `called`.
    RETURNS (Callable): The compiled function. It cannot be called from Python.
    """
    return _compile_part(function, {"forceinline": True})


def called(function: Function) -> Function:
    """Compile a function once for each kernel that calls it, however often: for those
    that are long, since a kernel's size is the time that it takes to compile.

    function (Callable): See `inlined`.
    RETURNS (Callable): The compiled function. It cannot be called from Python.
    """
    return _compile_part(function, {})


def _compile(
    function: Function, options: "dict[str, Any]", *, has_runtime: bool
) -> Function:
    compiled: Any = njit(function, nogil=True, **options)
    if hasattr(compiled, "_cache"):  # not if NUMBA_DISABLE_JIT is set
        compiled._cache = KernelCache(function, has_runtime=has_runtime)
        compiled.compile = _without_garbage_collection(compiled.compile)
        # Kernels know no types of other packages, so these need not be looked for.
        compiled._compilation_chain_init_hook = lambda: None
    return compiled  # type: ignore[no-any-return]


def _without_garbage_collection(compile: Function) -> Function:
    """Make a function that compiles without collecting garbage meanwhile. Numba makes
    hundreds of thousands of objects, for which Python would look through all that spaCy
    and torch hold a dozen times: a seventh of the time.
    """

    @wraps(compile)
    def compile_at_once(*arguments: Any) -> Any:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return compile(*arguments)
        finally:
            if was_enabled:
                gc.enable()

    return compile_at_once


def _compile_part(function: Function, options: "dict[str, Any]") -> Function:
    all_options = {
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        **_BORROWING,
        **compiler.options_of_part(),
        **options,
    }
    compiled = njit(function, nogil=True, **all_options)
    return compiled  # type: ignore[no-any-return]
