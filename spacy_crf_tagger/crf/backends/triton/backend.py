"""The recursions on a GPU as kernels in Triton, for what training and predictions ask.
All else goes to torch, and so does what the kernels cannot compute.
"""

from typing import Optional

import numpy as np
from numpy.typing import NDArray

from ...arrays import Array
from ...lattice import Lattice, Marginals, TagPosterior, ViterbiPaths
from ..torch import backend as torch_backend
from ..torch.backend import edge_marginals, expected_weight, k_best, sample
from . import passes
from .trial import can_answer

__all__ = [
    "edge_marginals",
    "expected_weight",
    "forward_backward",
    "k_best",
    "log_partition",
    "sample",
    "subtract_paths",
    "tag_posterior",
    "viterbi",
]


def log_partition(lattice: Lattice) -> Array:
    """Compute log Z of each sequence, [B]; see `inference.log_partition`."""
    if can_answer("log_partition", lattice):
        return passes.log_partition(lattice)
    return torch_backend.log_partition(lattice)


def forward_backward(lattice: Lattice, weights: Optional[Array] = None) -> Marginals:
    """Compute log Z and marginals; see `inference.forward_backward`."""
    if can_answer("forward_backward", lattice):
        return passes.forward_backward(lattice, weights)
    return torch_backend.forward_backward(lattice, weights)


def subtract_paths(
    lattice: Lattice, tags: NDArray[np.int64], expected: Marginals
) -> Array:
    """Subtract paths from expected numbers; see `Backend.subtract_paths`."""
    if can_answer("subtract_paths", lattice):
        return passes.subtract_paths(lattice, tags, expected)
    return torch_backend.subtract_paths(lattice, tags, expected)


def viterbi(lattice: Lattice) -> ViterbiPaths:
    """Find the best paths; see `inference.viterbi`."""
    if can_answer("viterbi", lattice):
        return passes.viterbi(lattice)
    return torch_backend.viterbi(lattice)


def tag_posterior(lattice: Lattice, pairs: NDArray[np.int64]) -> TagPosterior:
    """Compute tag marginals and conditionals; see `posterior.tag_posterior`."""
    if can_answer("tag_posterior", lattice):
        return passes.tag_posterior(lattice, pairs)
    return torch_backend.tag_posterior(lattice, pairs)
