"""How kernels are compiled."""

from typing import Any, Callable

from numba import njit

Function = Callable[..., Any]


def kernel(function: Function) -> Function:
    """Compile a function on its first call, without Python's lock. The result is kept
    beside the package or, where that cannot be written, in the user's cache folder, for
    all processes to come; where neither can be written, each process compiles anew.

    function (Callable): The function.
    RETURNS (Callable): The compiled function.
    """
    return _compile(function, {})


def borrowing_kernel(function: Function) -> Function:
    """Compile a function that creates no array. It does not count who uses the arrays
    that it is given, which takes more time than many a step of a recursion.

    function (Callable): The function. It may call only functions like it.
    RETURNS (Callable): The compiled function.
    """
    return _compile(
        function, {"_nrt": False, "error_model": "numpy", "forceinline": True}
    )


def _compile(function: Function, options: "dict[str, Any]") -> Function:
    try:
        compiled = njit(function, cache=True, nogil=True, **options)
    except RuntimeError:  # there is no place for a cache
        compiled = njit(function, nogil=True, **options)
    return compiled  # type: ignore[no-any-return]
