"""How kernels are compiled."""

from typing import Any, Callable

from numba import njit


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function on its first call, without Python's lock. The result is kept
    beside the package or, where that cannot be written, in the user's cache folder, for
    all processes to come; where neither can be written, each process compiles anew.

    function (Callable): The function.
    RETURNS (Callable): The compiled function.
    """
    try:
        compiled = njit(function, cache=True, nogil=True)
    except RuntimeError:  # there is no place for a cache
        compiled = njit(function, nogil=True)
    return compiled  # type: ignore[no-any-return]
