"""The recursions on the CPU: prepares arrays for the kernels and names the results.

Forward-backward runs in scaled probability space (Rabiner 1989, section V.A): every
token's scores are divided by their sum, so that one exponential a score suffices. A
sequence whose scores lie too far apart for that is computed in log space instead.
"""

from itertools import pairwise
from typing import Any, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from . import numba_kernels as kernels
from . import numba_paths, numba_posterior
from .lattice import (
    Expectation,
    Lattice,
    Marginals,
    Potentials,
    TagPosterior,
    ViterbiPaths,
    offsets_of,
)

Floats = NDArray[np.float64]


def log_partition(lattice: Lattice) -> Floats:
    """Compute log Z of each sequence, [B]; see `inference.log_partition`."""
    log_z = np.zeros(len(lattice.lengths))
    kernels.log_partition(*_arrays(lattice), log_z)
    return log_z


def forward_backward(lattice: Lattice, weights: Optional[Floats] = None) -> Marginals:
    """Compute log Z and marginals; see `inference.forward_backward`."""
    if weights is None:
        weights = np.ones(len(lattice.lengths))
    arrays = _arrays(lattice)
    emissions = arrays[0]
    n_tags = lattice.n_tags
    result = Marginals(
        np.zeros(len(lattice.lengths)),
        np.zeros(emissions.shape, dtype=emissions.dtype),
        np.zeros((n_tags, n_tags)),
        np.zeros(n_tags),
        np.zeros(n_tags),
    )
    kernels.forward_backward(*arrays, weights.astype(np.float64), *result)
    return result


def edge_marginals(lattice: Lattice, tokens: Sequence[int]) -> Floats:
    """Compute joint probabilities of neighbouring tags, [M, K, K]; see
    `inference.edge_marginals`.
    """
    rows = np.asarray(tokens, dtype=np.int64)
    edges = np.zeros((len(rows), lattice.n_tags, lattice.n_tags))
    order = np.argsort(rows, kind="stable")
    kernels.edge_marginals(*_arrays(lattice), rows[order], order, edges)
    return edges


def viterbi(lattice: Lattice) -> ViterbiPaths:
    """Find the best paths; see `inference.viterbi`."""
    emissions, transitions, start, end, offsets = _arrays(lattice)
    tags = np.zeros(len(emissions), dtype=np.int64)
    scores = np.zeros(len(lattice.lengths))
    index_type = np.int16 if lattice.n_tags <= np.iinfo(np.int16).max else np.int32
    longest = int(lattice.lengths.max(initial=0))
    previous = np.zeros((longest, lattice.n_tags), dtype=index_type)
    kernels.viterbi(emissions, transitions, start, end, offsets, previous, tags, scores)
    return ViterbiPaths(tags, scores)


def tag_posterior(lattice: Lattice, pairs: NDArray[np.int64]) -> TagPosterior:
    """Compute tag marginals and conditionals; see `posterior.tag_posterior`."""
    n_tokens = len(lattice.emissions)
    result = TagPosterior(
        np.zeros((n_tokens, lattice.n_tags)), np.zeros((n_tokens, len(pairs)))
    )
    numba_posterior.posterior(*_arrays(lattice), pairs, *result)
    return result


def expected_weight(lattice: Lattice, weights: Floats) -> Expectation:
    """Compute an expectation and its gradients; see `posterior.expected_weight`."""
    arrays = _arrays(lattice)
    emissions, n_tags = arrays[0], lattice.n_tags
    values = np.zeros(len(lattice.lengths))
    gradients = Potentials(
        np.zeros(emissions.shape, dtype=emissions.dtype),
        np.zeros((n_tags, n_tags)),
        np.zeros(n_tags),
        np.zeros(n_tags),
        lattice.lengths,
    )
    numba_posterior.expectation(
        *arrays, weights.astype(np.float64), values, *gradients[:-1]
    )
    return Expectation(values, gradients)


def k_best(lattice: Lattice, k: int) -> Tuple[NDArray[np.int64], Floats]:
    """Find the k best paths; see `paths.k_best`."""
    emissions, transitions, start, end, offsets = _arrays(lattice)
    tags = np.full((k, len(emissions)), -1, dtype=np.int64)
    scores = np.full((k, len(lattice.lengths)), -np.inf)
    following = np.ascontiguousarray(transitions.T)
    width = numba_paths.count_paths(emissions, following, start, offsets, k)
    index_type = np.int32 if lattice.n_tags * width < 2**31 else np.int64
    longest = int(lattice.lengths.max(initial=0))
    came_from = np.empty((longest, lattice.n_tags, width), dtype=index_type)
    numba_paths.k_best(
        emissions, following, start, end, offsets, came_from, tags, scores
    )
    return tags, scores


def sample(lattice: Lattice, uniforms: Floats) -> NDArray[np.int64]:
    """Draw paths; see `paths.sample`."""
    emissions, transitions, start, end, offsets = _arrays(lattice)
    alpha = np.empty(emissions.shape)
    for first, behind in pairwise(offsets):
        if first < behind:
            kernels._log_forward(
                emissions[first:behind], transitions, start, end, alpha[first:behind]
            )
    tags = np.empty(uniforms.shape, dtype=np.int64)
    following = np.ascontiguousarray(transitions.T)
    numba_paths.sample(alpha, following, end, offsets, uniforms, tags)
    return tags


def _arrays(lattice: Lattice) -> Tuple[Any, Floats, Floats, Floats, Any]:
    emissions = lattice.emissions
    if emissions.dtype not in (np.float32, np.float64):
        emissions = emissions.astype(np.float64)
    return (
        np.ascontiguousarray(emissions),
        np.ascontiguousarray(lattice.transitions, dtype=np.float64),
        np.ascontiguousarray(lattice.start, dtype=np.float64),
        np.ascontiguousarray(lattice.end, dtype=np.float64),
        offsets_of(lattice.lengths),
    )
