"""Choose the backend that computes a lattice."""

from functools import cache
from typing import cast

import numpy as np

from ..lattice import Lattice
from .protocol import Backend


def backend_for(lattice: Lattice) -> Backend:
    """Choose the kernels for a lattice: Numba for NumPy arrays if it can be imported,
    torch otherwise.

    lattice (Lattice): The lattice.
    RETURNS (Backend): The module with the kernels.
    """
    return _for_arrays() if isinstance(lattice.emissions, np.ndarray) else _of_torch()


@cache
def _for_arrays() -> Backend:
    try:
        from .numba import backend as numba_backend
    except ImportError:
        return _of_torch()
    return cast(Backend, numba_backend)


@cache
def _of_torch() -> Backend:
    from .torch import backend as torch_backend

    return cast(Backend, torch_backend)


def n_tokens_at_once(lattice: Lattice) -> int:
    """RETURNS (int): The tokens that have lists of paths in memory at a time while the
    best paths are found: torch has those of all sequences, Numba of one.
    """
    if isinstance(lattice.emissions, np.ndarray):
        return int(lattice.lengths.max(initial=0))
    return len(lattice.emissions)
