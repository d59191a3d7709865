"""The recursions on the CPU: prepares arrays for the kernels and names the results."""

from itertools import pairwise
from typing import Any, List, NamedTuple, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from ... import limits
from ...lattice import (
    Expectation,
    Lattice,
    Marginals,
    Potentials,
    TagPosterior,
    ViterbiPaths,
    offsets_of,
)
from . import expectation as numba_expectation
from . import log_space as numba_log
from . import marginals as numba_marginals
from . import paths as numba_paths
from . import scaling as numba_scaling
from . import viterbi as numba_viterbi
from .blocks import RANGE
from .lanes import LANES
from .memory import make_block
from .tiles import Layout, layout_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEAST = float(np.finfo(np.float64).min)


class _Arrays(NamedTuple):
    """A lattice as the kernels take it. Emissions are single or double precision, all
    else is double.
    """

    emissions: Any
    transitions: Floats
    start: Floats
    end: Floats
    offsets: Ints


class _Scaled(NamedTuple):
    """A lattice in probability space.

    model (Model): Its parameters as exp(score - largest score).
    layout (Layout): Where the transitions are in the model's tiles.
    order (NDArray[int]): The sequences that are not empty, of falling length; none, if
        the parameters lie too far apart.
    tops (list[float]): The largest transition, start and end score.
    """

    model: numba_marginals.Model
    layout: Layout
    order: Ints
    tops: List[float]


def log_partition(lattice: Lattice) -> Floats:
    """Compute log Z of each sequence, [B]; see `inference.log_partition`."""
    arrays = _arrays(lattice)
    scaled = _scaled(arrays, lattice.lengths)
    log_z, trusted = _no_results(lattice)
    numba_marginals.log_partition(
        arrays.emissions,
        arrays.offsets,
        scaled.order,
        make_block(_longest(lattice.lengths, scaled.order), lattice.n_tags),
        scaled.model,
        log_z,
        trusted,
    )
    # Numba would compile again for the lengths themselves, which are read-only.
    numba_scaling.add_tops(lattice.lengths.copy(), *scaled.tops, log_z)
    for b, sequence in _left(arrays, trusted):
        alpha = np.empty(sequence.shape)
        log_z[b] = numba_log.log_forward(sequence, *arrays[1:4], alpha)
    return log_z


def forward_backward(lattice: Lattice, weights: Optional[Floats] = None) -> Marginals:
    """Compute log Z and marginals; see `inference.forward_backward`."""
    if weights is None:
        weights = np.ones(len(lattice.lengths))
    arrays = _arrays(lattice)
    emissions, n_tags = arrays.emissions, lattice.n_tags
    scaled = _scaled(arrays, lattice.lengths)
    log_z, trusted = _no_results(lattice)
    tags = np.empty(emissions.shape, dtype=emissions.dtype)
    onward = scaled.model.onward
    steps = np.zeros(onward.values.shape)
    numba_marginals.forward_backward(
        emissions,
        arrays.offsets,
        scaled.order,
        make_block(_longest(lattice.lengths, scaled.order), n_tags),
        scaled.model,
        weights,
        np.zeros(LANES),
        log_z,
        trusted,
        tags,
        steps,
    )
    numba_scaling.add_tops(lattice.lengths.copy(), *scaled.tops, log_z)
    edges = scaled.layout.spread(steps * onward.values)
    for b, sequence in _left(arrays, trusted):
        own = tags[arrays.offsets[b] : arrays.offsets[b + 1]]
        own[:] = 0.0
        log_z[b] = numba_log.log_marginals(
            sequence, *arrays[1:4], weights[b], own, edges
        )
    starts, ends = np.zeros(n_tags), np.zeros(n_tags)
    numba_marginals.add_ends(tags, arrays.offsets, weights, starts, ends)
    return Marginals(log_z, tags, edges, starts, ends)


def subtract_paths(lattice: Lattice, tags: Ints, expected: Marginals) -> Floats:
    """Subtract paths from expected numbers; see `Backend.subtract_paths`."""
    scores = np.zeros(len(lattice.lengths))
    numba_marginals.subtract_paths(*_arrays(lattice), tags, scores, *expected[1:])
    return scores


def edge_marginals(lattice: Lattice, tokens: Ints) -> Floats:
    """Compute joint probabilities of neighbouring tags, [M, K, K]; see
    `inference.edge_marginals`.
    """
    edges = np.zeros((len(tokens), lattice.n_tags, lattice.n_tags))
    order = np.argsort(tokens, kind="stable")
    numba_log.edge_marginals(*_arrays(lattice), tokens[order], order, edges)
    return edges


def viterbi(lattice: Lattice) -> ViterbiPaths:
    """Find the best paths; see `inference.viterbi`."""
    emissions, transitions, start, end, offsets = _arrays(lattice)
    tags = np.zeros(len(emissions), dtype=np.int64)
    scores = np.zeros(len(lattice.lengths))
    layout = layout_of(transitions > -np.inf)
    scorer = numba_viterbi.Scorer(
        layout.fill_scores(transitions),
        *layout.predecessors(transitions),
        start,
        end,
    )
    order = _falling(lattice.lengths)
    memory = numba_viterbi.make_memory(_longest(lattice.lengths, order), lattice.n_tags)
    numba_viterbi.viterbi(emissions, offsets, order, memory, scorer, tags, scores)
    return ViterbiPaths(tags, scores)


def tag_posterior(lattice: Lattice, pairs: NDArray[np.int64]) -> TagPosterior:
    """Compute tag marginals and conditionals; see `posterior.tag_posterior`."""
    arrays = _arrays(lattice)
    scaled = _scaled(arrays, lattice.lengths)
    n_tokens, n_tags = arrays.emissions.shape
    result = TagPosterior(
        np.zeros((n_tokens, n_tags)), np.zeros((n_tokens, len(pairs)))
    )
    log_z, trusted = _no_results(lattice)
    # Where all are forbidden, so is each of them less a number.
    top = max(np.max(arrays.transitions), _LEAST)
    exp_scores = np.exp(arrays.transitions[pairs[:, 0], pairs[:, 1]] - top)
    numba_marginals.posterior(
        arrays.emissions,
        arrays.offsets,
        scaled.order,
        make_block(_longest(lattice.lengths, scaled.order), n_tags),
        scaled.model,
        pairs,
        exp_scores,
        np.zeros(len(pairs) * LANES),
        log_z,
        trusted,
        *result,
    )
    left = _left(arrays, trusted)
    if left and limits.has_faint(*arrays[:4]):
        limits.require_digits(log_partition(lattice), lattice.lengths, "sequence")
    for b, sequence in left:
        own = slice(arrays.offsets[b], arrays.offsets[b + 1])
        numba_log.log_posterior(
            sequence, *arrays[1:4], pairs, result.tags[own], result.conditionals[own]
        )
    return result


def expected_weight(lattice: Lattice, weights: Floats) -> Expectation:
    """Compute an expectation and its gradients; see `posterior.expected_weight`."""
    arrays = _arrays(lattice)
    emissions, n_tags = arrays.emissions, lattice.n_tags
    values = np.zeros(len(lattice.lengths))
    gradients = Potentials(
        np.zeros(emissions.shape, dtype=emissions.dtype),
        np.zeros((n_tags, n_tags)),
        np.zeros(n_tags),
        np.zeros(n_tags),
        lattice.lengths,
    )
    numba_expectation.expectation(
        arrays, weights, values, numba_expectation.Gradients(*gradients[:-1])
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
            numba_log.log_forward(
                emissions[first:behind], transitions, start, end, alpha[first:behind]
            )
    tags = np.empty(uniforms.shape, dtype=np.int64)
    following = np.ascontiguousarray(transitions.T)
    numba_paths.sample(alpha, following, end, offsets, uniforms, tags)
    return tags


def _arrays(lattice: Lattice) -> _Arrays:
    if not isinstance(lattice.emissions, np.ndarray):
        raise ValueError(
            "The scores are tensors, but the Numba kernels take NumPy arrays: leave "
            "the backend out to have one chosen."
        )
    return _Arrays(
        lattice.emissions,
        np.ascontiguousarray(lattice.transitions, dtype=np.float64),
        np.ascontiguousarray(lattice.start, dtype=np.float64),
        np.ascontiguousarray(lattice.end, dtype=np.float64),
        offsets_of(lattice.lengths),
    )


def _scaled(arrays: _Arrays, lengths: Ints) -> _Scaled:
    layout = layout_of(arrays.transitions > -np.inf)
    n_tags = len(arrays.start)
    n_steps = n_tags**2
    exp_scores = np.zeros(n_steps + 2 * n_tags + 3)
    *tops, lowest = numba_scaling.scale(
        arrays.transitions.reshape(-1), arrays.start, arrays.end, exp_scores
    )
    exp_steps = exp_scores[: n_steps + 1]
    model = numba_marginals.Model(
        layout.fill(exp_steps),
        layout.fill_transposed(exp_steps),
        exp_scores[n_steps + 1 : -n_tags - 1],
        exp_scores[-n_tags - 1 :],
    )
    order = _falling(lengths)
    return _Scaled(model, layout, order if lowest >= -RANGE else order[:0], tops)


def _falling(lengths: Ints) -> Ints:
    """RETURNS (NDArray[int]): The sequences that are not empty, of falling length."""
    order = np.argsort(-lengths, kind="stable")
    return order[: np.count_nonzero(lengths)]


def _longest(lengths: Ints, order: Ints) -> int:
    """RETURNS (int): The length of the first sequence of an order, if it has any."""
    return int(lengths[order[0]]) if len(order) else 0


def _no_results(lattice: Lattice) -> "tuple[Floats, NDArray[np.bool_]]":
    """RETURNS (tuple): Zeros for log Z, and what is done: the empty sequences."""
    return np.zeros(len(lattice.lengths)), lattice.lengths == 0


def _left(arrays: _Arrays, trusted: NDArray[np.bool_]) -> "list[tuple[int, Any]]":
    """RETURNS (list): The sequences that are left to log space, with their scores."""
    offsets = arrays.offsets
    return [
        (b, arrays.emissions[offsets[b] : offsets[b + 1]])
        for b in np.flatnonzero(~trusted).tolist()
    ]
