"""Posterior of tags: conditionals of neighbouring tags, and expectations."""

from typing import Optional

import numpy as np
from numpy.typing import NDArray

from . import checks
from .backends.protocol import Backend
from .inference import kernels_for, require_paths_with_digits
from .lattice import Expectation, Lattice, TagPosterior


def tag_posterior(
    lattice: Lattice,
    pairs: Optional[NDArray[np.int64]] = None,
    backend: Optional[Backend] = None,
) -> TagPosterior:
    """Compute tag marginals, and the probability of one tag given the one before it:
    a CRF's posterior is a Markov chain whose transitions differ from token to token
    (Sutton and McCallum 2012, section 4.1).

    lattice (Lattice): The lattice.
    pairs (Optional[NDArray[int]]): Pairs of tags to follow each other, [P, 2]; None
        for none. The whole would be tokens × K × K.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (TagPosterior): The result; all zero where no path is allowed.
    RAISES (ValueError): If a pair is no pair of tags, or large negative scores leave no
        digits.
    """
    kernels = kernels_for(lattice, backend)
    steps = _NO_PAIRS if pairs is None else pairs
    steps = checks.as_indices(steps, "pairs", lattice.n_tags, columns=2)
    return kernels.tag_posterior(lattice, steps)


def expected_weight(
    lattice: Lattice, weights: NDArray[np.float64], backend: Optional[Backend] = None
) -> Expectation:
    """Compute the expected sum of the weights of a path's tags, and its gradients,
    which are the covariances of that sum and the tags; by forward-backward over pairs
    of a probability and its weighted value (Li and Eisner 2009, "First- and
    second-order expectation semirings").

    lattice (Lattice): The lattice.
    weights (NDArray[float]): The weight of each tag, [K]; a weight of 1 for some tags
        counts their tokens.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (Expectation): The expectations and gradients; zero where no path is
        allowed.
    RAISES (ValueError): If there is not one finite weight for each tag, or large
        negative scores leave no digits.
    """
    kernels = kernels_for(lattice, backend)
    weights = checks.as_weights(weights, "weights", lattice.n_tags, _NUMPY)
    return kernels.expected_weight(require_paths_with_digits(lattice, kernels), weights)


_NUMPY = np.zeros(0)
_NO_PAIRS = np.zeros((0, 2), dtype=np.int64)
