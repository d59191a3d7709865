"""The recursions as batched torch operations in log space.

They run on any device, and on the CPU where Numba is missing. All sequences take a step
together; those that have ended drop out, so that padding is neither stored nor
computed.
"""

from typing import Any, Callable, List, Optional, Tuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import limits
from ...arrays import Array, upload
from ...lattice import (
    Expectation,
    Lattice,
    Marginals,
    Potentials,
    TagPosterior,
    ViterbiPaths,
    offsets_of,
)
from . import paths as torch_paths
from .scores import Scores

# Largest number of (sequence, tag, tag) cells that a step holds at once.
_MAX_CELLS = 2**24


def log_partition(lattice: Lattice) -> Array:
    """Compute log Z of each sequence, [B]; see `inference.log_partition`."""
    scores = Scores(lattice)
    with torch.no_grad():
        return scores.convert(scores.log_z(_forward(scores)))


def forward_backward(lattice: Lattice, weights: Optional[Array] = None) -> Marginals:
    """Compute log Z and marginals; see `inference.forward_backward`."""
    scores = Scores(lattice)
    with torch.no_grad():
        alpha = _forward(scores)  # [N, K]
        log_z = scores.log_z(alpha)  # [B]
        beta = _backward(scores)  # [N, K]
        tags = scores.probabilities(alpha + beta, log_z)  # [N, K]
        ahead = scores.emissions + beta - scores.by_token(log_z)  # [N, K]
        if weights is None:
            weights = torch.ones_like(log_z)
        by_sequence = torch.as_tensor(weights, device=alpha.device).double()
        by_token = by_sequence[scores.sequences][:, None]
        nothing = torch.zeros_like(by_token)
        edges = torch.zeros_like(scores.transitions)
        for previous, current in scores.steps():
            edges += _sum_edges(
                alpha[previous],
                scores.transitions,
                ahead[current],
                by_token[previous],
                nothing[current],
            )
        starts = (tags * by_token)[scores.first_rows].sum(0)
        ends = (tags * by_token)[scores.last_rows].sum(0)
    convert = scores.convert
    tags = tags.to(scores.dtype)
    return Marginals(*map(convert, (log_z, tags, edges, starts, ends)))


def subtract_paths(
    lattice: Lattice, tags: NDArray[np.int64], expected: Marginals
) -> Array:
    """Subtract paths from expected numbers; see `Backend.subtract_paths`."""
    scores = Scores(lattice)
    device = scores.emissions.device
    path = upload(tags, device)
    tokens = torch.arange(len(path), device=device)
    has_before = np.ones(len(tags), dtype=bool)
    has_before[offsets_of(lattice.lengths)[:-1][lattice.lengths > 0]] = False
    second = upload(np.flatnonzero(has_before), device)
    step = path[second - 1], path[second]
    first_tag, last_tag = path[scores.first_rows], path[scores.last_rows]
    by_token = scores.emissions[tokens, path]
    by_token[second] += scores.transitions[step]
    by_token[scores.first_rows] += scores.start[first_tag]
    by_token[scores.last_rows] += scores.end[last_tag]
    total = by_token.new_zeros(len(scores.lengths)).index_add_(
        0, scores.sequences, by_token
    )
    for counts, index in (
        (expected.tags, (tokens, path)),
        (expected.transitions, step),
        (expected.start, (first_tag,)),
        (expected.end, (last_tag,)),
    ):
        shared = torch.as_tensor(counts)  # with the memory of an array, if it is one
        minus_one = shared.new_full(index[0].shape, -1.0)
        shared.index_put_(index, minus_one, accumulate=True)
    return scores.convert(total)


def edge_marginals(lattice: Lattice, tokens: NDArray[np.int64]) -> Array:
    """Compute joint probabilities of neighbouring tags, [M, K, K]; see
    `inference.edge_marginals`.
    """
    scores = Scores(lattice)
    with torch.no_grad():
        alpha = _forward(scores)
        by_token = scores.by_token(scores.log_z(alpha))
        ahead = scores.emissions + _backward(scores) - by_token  # [N, K]
        rows = upload(tokens, alpha.device)
        edges = torch.exp(
            alpha[rows - 1][:, :, None] + scores.transitions + ahead[rows][:, None, :]
        )
    return scores.convert(edges)


def viterbi(lattice: Lattice) -> ViterbiPaths:
    """Find the best paths; see `inference.viterbi`."""
    scores = Scores(lattice)
    with torch.no_grad():
        best = scores.emissions.clone()  # [N, K]
        best[scores.first_rows] += scores.start
        previous_tag = torch.zeros(best.shape, dtype=torch.int32, device=best.device)
        for previous, current in scores.steps():
            reached, came_from = _max_product(best[previous], scores.transitions)
            best[current] += reached
            previous_tag[current] = came_from.int()
        closing, last_tags = (best[scores.last_rows] + scores.end).max(dim=1)
        tags = torch.zeros(len(best), dtype=torch.int64, device=best.device)
        tags[scores.last_rows] = last_tags
        for previous, current in reversed(list(scores.steps())):
            tags[previous] = previous_tag[current, tags[current]].long()
        path_scores = torch.zeros(
            len(scores.lengths), dtype=best.dtype, device=best.device
        )
        path_scores[scores.occupied] = closing
    return ViterbiPaths(scores.convert(tags), scores.convert(path_scores))


def tag_posterior(lattice: Lattice, pairs: NDArray[np.int64]) -> TagPosterior:
    """Compute tag marginals and conditionals; see `posterior.tag_posterior`."""
    scores = Scores(lattice)
    with torch.no_grad():
        alpha = _forward(scores)
        beta = _backward(scores)
        log_z = scores.log_z(alpha)
        limits.require_digits(log_z, lattice.lengths, "sequence")
        tags = scores.probabilities(alpha + beta, log_z)  # [N, K]
        index = upload(pairs, alpha.device)
        first, second = index[:, 0], index[:, 1]
        conditionals = torch.zeros(
            (len(alpha), len(pairs)), dtype=alpha.dtype, device=alpha.device
        )
        ahead = scores.emissions[1:] + beta[1:]
        steps = scores.transitions[first, second] + ahead[:, second]
        possible = tags[:-1, first] > 0
        conditionals[1:] = torch.where(
            possible, torch.exp(steps - beta[:-1, first]), 0.0
        )
        conditionals[scores.first_rows] = 0.0
    return TagPosterior(scores.convert(tags), scores.convert(conditionals))


def expected_weight(lattice: Lattice, weights: NDArray[np.float64]) -> Expectation:
    """Compute an expectation and its gradients; see `posterior.expected_weight`."""
    scores = Scores(lattice)
    device = scores.emissions.device
    own = torch.as_tensor(weights, dtype=torch.float64, device=device)  # [K]
    with torch.no_grad():
        alpha = _forward(scores)
        beta = _backward(scores)
        log_z = scores.log_z(alpha)
        tags = scores.probabilities(alpha + beta, log_z)  # [N, K]
        before = own.repeat(len(alpha), 1)  # expected weight up to the token, by tag
        after = torch.zeros_like(before)  # the same beyond the token
        ahead = scores.emissions + beta
        steps = list(scores.steps())
        forward, backward = scores.transitions, scores.transitions.T.contiguous()
        for previous, current in steps:
            before[current] += _average(alpha[previous], forward, before[previous])
        for previous, current in reversed(steps):
            after[previous] = _average(ahead[current], backward, own + after[current])
        totals = before + after
        values = torch.zeros(len(log_z), dtype=alpha.dtype, device=device)
        at_start = (tags * totals)[scores.first_rows].sum(1)
        values[scores.occupied] = at_start
        expected = values[scores.sequences][:, None]
        gradient = tags * (totals - expected)
        ahead -= scores.by_token(log_z)
        edges = torch.zeros_like(scores.transitions)
        for previous, current in steps:
            edges += _sum_edges(
                alpha[previous],
                scores.transitions,
                ahead[current],
                before[previous] - expected[previous],
                own + after[current],
            )
        starts = gradient[scores.first_rows].sum(0)
        ends = gradient[scores.last_rows].sum(0)
    gradients = Potentials(
        gradient.to(scores.dtype), edges, starts, ends, lattice.lengths
    )
    return Expectation(scores.convert(values), gradients.map(scores.convert))


def k_best(lattice: Lattice, k: int) -> Tuple[Array, Array]:
    """Find the k best paths; see `paths.k_best`."""
    scores = Scores(lattice)
    with torch.no_grad():
        tags, path_scores = torch_paths.k_best(scores, k)
    return scores.convert(tags), scores.convert(path_scores)


def sample(lattice: Lattice, uniforms: NDArray[np.float64]) -> Array:
    """Draw paths; see `paths.sample`."""
    scores = Scores(lattice)
    numbers = torch.as_tensor(uniforms, device=scores.emissions.device)
    with torch.no_grad():
        return scores.convert(torch_paths.sample(scores, _forward(scores), numbers))


def _forward(scores: Scores) -> Tensor:
    """RETURNS (Tensor): Log forward scores, emissions included, [N, K]."""
    alpha = scores.emissions.clone()
    alpha[scores.first_rows] += scores.start
    for previous, current in scores.steps():
        alpha[current] += _log_product(alpha[previous], scores.transitions)
    return alpha


def _backward(scores: Scores) -> Tensor:
    """RETURNS (Tensor): Log backward scores, the token's emissions excluded, [N, K]."""
    beta = torch.zeros_like(scores.emissions)
    beta[scores.last_rows] = scores.end
    reverse = scores.transitions.T.contiguous()
    for previous, current in reversed(list(scores.steps())):
        ahead = scores.emissions[current] + beta[current]
        beta[previous] = _log_product(ahead, reverse)
    return beta


def _log_product(vectors: Tensor, matrix: Tensor) -> Tensor:
    """RETURNS (Tensor): log(exp(vectors) @ exp(matrix)), [n, K]."""
    return torch.cat(
        _chunked(
            lambda rows: torch.logsumexp(rows[:, :, None] + matrix, dim=1), vectors
        )
    )


def _max_product(vectors: Tensor, matrix: Tensor) -> Tuple[Tensor, Tensor]:
    """RETURNS (Tuple[Tensor, Tensor]): Maximum of vectors[n, i] + matrix[i, j] over
    i, and the i where it is, [n, K] each.
    """
    parts = _chunked(lambda rows: (rows[:, :, None] + matrix).max(dim=1), vectors)
    return torch.cat([part[0] for part in parts]), torch.cat(
        [part[1] for part in parts]
    )


def _average(vectors: Tensor, matrix: Tensor, values: Tensor) -> Tensor:
    """RETURNS (Tensor): Average over i of values[n, i], weighted by the share of
    exp(vectors[n, i] + matrix[i, j]) in its sum over i, [n, K]; zero without any.
    """

    def average(rows: Tensor, rows_values: Tensor) -> Tensor:
        scores = rows[:, :, None] + matrix
        shares = torch.nan_to_num(torch.softmax(scores, dim=1))
        return (shares * rows_values[:, :, None]).sum(1)

    return torch.cat(_chunked(average, vectors, values))


def _sum_edges(
    before: Tensor,
    transitions: Tensor,
    ahead: Tensor,
    value_before: Tensor,
    value_ahead: Tensor,
) -> Tensor:
    """RETURNS (Tensor): Sum of the joint probabilities of all sequences, each times the
    sum of its two values ([n, K] or [n, 1]), [K, K].
    """

    def total(
        rows: Tensor, following: Tensor, value: Tensor, following_value: Tensor
    ) -> Tensor:
        joint = torch.exp(rows[:, :, None] + transitions + following[:, None, :])
        return (joint * (value[:, :, None] + following_value[:, None, :])).sum(0)

    parts = _chunked(total, before, ahead, value_before, value_ahead)
    return torch.stack(parts).sum(0)


def _chunked(function: Callable[..., Any], *vectors: Tensor) -> List[Any]:
    """Apply a function that makes K × K cells a row to as many rows at a time as
    memory is set aside for.
    """
    n_tags = vectors[0].shape[1]
    size = max(1, _MAX_CELLS // (n_tags * n_tags))
    chunks = [torch.split(rows, size) for rows in vectors]
    return [function(*parts) for parts in zip(*chunks, strict=True)]
