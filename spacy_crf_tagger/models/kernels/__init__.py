"""The model's arithmetic for predictions on the CPU, compiled by Numba."""

from functools import cache
from typing import Any

import numpy as np

from ..isolation import is_half_wanted


@cache
def are_available() -> bool:
    """RETURNS (bool): Whether there is Numba, without which predictions are slow."""
    try:
        from . import dense  # noqa: F401
    except ImportError:
        return False
    return True


def can_compute(vectors: Any) -> bool:
    """Find out whether the kernels can compute with an array.

    vectors (FloatsXd): The array.
    RETURNS (bool): Whether it is on the CPU and of single precision, half precision is
        not wanted, and there is Numba.
    """
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32:
        return False
    return not is_half_wanted() and are_available()
