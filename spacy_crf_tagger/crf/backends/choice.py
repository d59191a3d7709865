"""Choose the backend that computes a lattice."""

import os
import sys
from functools import cache
from typing import Any, cast

import numpy as np

from ..lattice import Lattice
from .protocol import Backend

# Set to 0, it leaves GPUs to torch.
USES_TRITON = "SPACY_CRF_TAGGER_TRITON"
# The oldest GPUs that Triton compiles for, by their compute capability.
_OLDEST = (8, 0)


def backend_for(lattice: Lattice) -> Backend:
    """Choose the kernels for a lattice: Numba for NumPy arrays if it can be imported,
    Triton for tensors on a GPU if it can be imported and supports the GPU, and torch
    otherwise.

    lattice (Lattice): The lattice.
    RETURNS (Backend): The module with the kernels.
    """
    if isinstance(lattice.emissions, np.ndarray):
        return _for_arrays()
    device = lattice.emissions.device
    return _for_gpu(device) if device.type == "cuda" else _of_torch()


@cache
def _for_gpu(device: Any) -> Backend:
    torch = sys.modules["torch"]
    # Those of AMD are called cuda as well.
    is_nvidia = torch.version.cuda is not None
    if os.environ.get(USES_TRITON) == "0" or not is_nvidia:
        return _of_torch()
    if torch.cuda.get_device_capability(device) < _OLDEST:
        return _of_torch()
    try:
        from .triton import backend as triton_backend
    except ImportError:
        return _of_torch()
    return cast(Backend, triton_backend)


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
