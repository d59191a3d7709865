"""Kernels whose reads and writes are watched, for tests that run with
`NUMBA_BOUNDSCHECK=1`. Numba then checks where arrays are indexed, but knows nothing of
the pointers that most kernels work with. So every array that a kernel is given lies
between two pages of memory that nobody may touch: directly before the one behind it in
one call, and directly behind the one before it in another. What reads or writes beyond
an array ends the process.
"""

import ctypes
import mmap
from typing import Any, Callable, List, Tuple

import numpy as np
from numba.core import config

from spacy_crf_tagger.crf.backends.numba import backend as numba_backend

_NOTHING = 0  # PROT_NONE
_LIBC = ctypes.CDLL(None, use_errno=True)


def fenced(array: np.ndarray, at_end: bool) -> Tuple[np.ndarray, mmap.mmap]:
    """Copy an array to between two pages that nobody may touch.

    array (NDArray): The array.
    at_end (bool): Whether the page behind it follows directly, rather than the one
        before it.
    RETURNS (Tuple): The copy, and the memory, which must live as long.
    """
    page = mmap.PAGESIZE
    n_pages = max(1, -(-array.nbytes // page))
    memory = mmap.mmap(-1, (n_pages + 2) * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for fence in (address, address + (n_pages + 1) * page):
        assert _LIBC.mprotect(ctypes.c_void_p(fence), page, _NOTHING) == 0
    first = page + (n_pages * page - array.nbytes if at_end else 0)
    copy = np.frombuffer(memory, array.dtype, array.size, first).reshape(array.shape)
    copy[...] = array
    copy.flags.writeable = array.flags.writeable
    return copy, memory


def watched(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """RETURNS (Callable): A kernel that is run twice, with fences behind and before
    what it is given; what it writes the second time is what its caller gets.
    """

    def run(*arguments: Any) -> Any:
        for at_end in (True, False):
            memories: List[mmap.mmap] = []
            copies: List[Tuple[np.ndarray, np.ndarray]] = []

            def fence(
                value: Any,
                at_end: bool = at_end,
                memories: List[mmap.mmap] = memories,
                copies: List[Tuple[np.ndarray, np.ndarray]] = copies,
            ) -> Any:
                if isinstance(value, tuple):
                    parts = [fence(part) for part in value]
                    return getattr(type(value), "_make", tuple)(parts)
                if not isinstance(value, np.ndarray):
                    return value
                copy, memory = fenced(value, at_end)
                memories.append(memory)
                copies.append((value, copy))
                return copy

            result = kernel(*map(fence, arguments))
        for value, copy in copies:
            if value.flags.writeable:
                value[...] = copy
        return result

    return run


class _Watched:
    """A module of kernels, as the backend sees it."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        return watched(found) if hasattr(found, "py_func") else found


def watch_kernels() -> None:
    """Watch all kernels that the backend calls from now on."""
    for name, value in list(vars(numba_backend).items()):
        if name.startswith("numba_") and not isinstance(value, _Watched):
            setattr(numba_backend, name, _Watched(value))


if config.BOUNDSCHECK:
    watch_kernels()
