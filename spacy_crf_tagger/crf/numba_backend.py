"""The recursions on the CPU: prepares arrays for the kernels and names the results.

Forward-backward runs in scaled probability space (Rabiner 1989, section V.A): every
token's scores are divided by their sum, so that one exponential a score suffices. A
sequence whose scores lie too far apart for that is computed in log space instead.
"""

from typing import Any, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from . import numba_kernels as kernels
from .lattice import Lattice, Marginals, ViterbiPaths, offsets_of

Floats = NDArray[np.float64]


def log_partition(lattice: Lattice) -> Floats:
    """Compute log Z of each sequence, [B]; see `inference.log_partition`."""
    log_z = np.zeros(len(lattice.lengths))
    kernels.log_partition(*_arrays(lattice), log_z)
    return log_z


def forward_backward(lattice: Lattice) -> Marginals:
    """Compute log Z and marginals; see `inference.forward_backward`."""
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
    kernels.forward_backward(*arrays, *result)
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
