"""What the kernels answer, once the few sequences that they leave to log space are
computed by torch.
"""

from typing import NamedTuple, Optional, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import limits
from ...arrays import upload
from ...lattice import Lattice, Marginals, TagPosterior, ViterbiPaths
from ..torch import backend as torch_backend
from . import kernels
from .launching import Arguments, room_for, tokens_at_once


class _Passes(NamedTuple):
    """What the forward and the backward pass find out; see `kernels.forward_backward`.

    left (NDArray[int]): The sequences that the kernel leaves to log space. What the
        others say of their tokens is zero.
    """

    log_z: Tensor
    exp_transitions: Tensor
    alpha: Tensor
    ahead: Tensor
    tags: Tensor
    at_ends: Tensor
    left: NDArray[np.int64]


def log_partition(lattice: Lattice) -> Tensor:
    """Compute log Z of each sequence, [B]; see `inference.log_partition`."""
    arguments = Arguments.of(lattice)
    log_z = arguments.empty(arguments.n_sequences)
    is_trusted = torch.empty_like(log_z, dtype=torch.bool)
    unused = log_z
    arguments.launch(
        kernels.forward_backward,
        arguments.emissions,
        *arguments.exp_transitions(),
        arguments.start,
        arguments.end,
        arguments.offsets,
        unused,
        log_z,
        is_trusted,
        unused,
        arguments.states(),
        *[unused] * 3,
        **room_for(lattice.n_tags),
        HAS_MARGINALS=False,
    )
    left = _left(is_trusted)
    if len(left):
        own = torch_backend.log_partition(lattice.select(left))
        log_z[upload(left, arguments.device)] = own
    return log_z


def forward_backward(lattice: Lattice, weights: Optional[Tensor] = None) -> Marginals:
    """Compute log Z and marginals; see `inference.forward_backward`."""
    dtype = lattice.emissions.dtype
    passes = _run_passes(lattice, weights, dtype)
    ahead = passes.ahead
    if weights is not None:
        by_token = weights.repeat_interleave(
            upload(lattice.lengths, ahead.device), output_size=len(ahead)
        )
        ahead = ahead * by_token[:, None]
    transitions = passes.alpha[:-1].T @ ahead[1:]
    transitions *= passes.exp_transitions
    starts, ends = passes.at_ends.sum(1)
    found = Marginals(passes.log_z, passes.tags, transitions, starts, ends)
    if len(passes.left):
        _add_marginals(found, lattice, weights, passes.left)
    return found


def subtract_paths(
    lattice: Lattice, tags: NDArray[np.int64], expected: Marginals
) -> Tensor:
    """Subtract paths from expected numbers; see `Backend.subtract_paths`."""
    arguments = Arguments.of(lattice)
    k = lattice.n_tags
    scores = arguments.empty(arguments.n_sequences)
    # Added up as whole numbers, whose sum does not depend on their order.
    counts = arguments.zeros(k * k + 2 * k, dtype=torch.int32)
    arguments.launch(
        kernels.subtract_paths,
        *arguments,
        upload(tags, arguments.device),
        scores,
        expected.tags,
        counts,
        **tokens_at_once(),
    )
    steps, starts, ends = torch.split(counts, [k * k, k, k])
    expected.transitions.sub_(steps.view(k, k))
    expected.start.sub_(starts)
    expected.end.sub_(ends)
    return scores


def viterbi(lattice: Lattice) -> ViterbiPaths:
    """Find the best paths; see `inference.viterbi`."""
    arguments = Arguments.of(lattice)
    n_tokens = len(arguments.emissions)
    tags = arguments.empty(n_tokens, dtype=torch.int64)
    scores = arguments.empty(arguments.n_sequences)
    # Numbers below MOST_TAGS.
    came_from = arguments.empty(n_tokens, lattice.n_tags, dtype=torch.int16)
    arguments.launch(
        kernels.viterbi,
        arguments.emissions,
        arguments.padded_transitions(),
        arguments.start,
        arguments.end,
        arguments.offsets,
        arguments.states(),
        came_from,
        tags,
        scores,
        **room_for(lattice.n_tags),
    )
    return ViterbiPaths(tags, scores)


def tag_posterior(lattice: Lattice, pairs: NDArray[np.int64]) -> TagPosterior:
    """Compute tag marginals and conditionals; see `posterior.tag_posterior`."""
    passes = _run_passes(lattice, None, torch.float64)
    limits.require_digits(passes.log_z, lattice.lengths, "sequence")
    tags = passes.tags
    first, second = upload(pairs.T, tags.device)
    conditionals = tags.new_zeros(len(tags), len(pairs))
    both = passes.alpha[:-1, first] * passes.exp_transitions[first, second]
    both *= passes.ahead[1:, second]
    before = tags[:-1, first]
    # Where both are zero, there is nothing to divide.
    torch.div(both, before.masked_fill(before == 0, 1.0), out=conditionals[1:])
    if len(passes.left):
        rows = upload(_rows_of(lattice, passes.left), tags.device)
        own = torch_backend.tag_posterior(lattice.select(passes.left), pairs)
        tags[rows] = own.tags
        conditionals[rows] = own.conditionals
    return TagPosterior(tags, conditionals)


def _run_passes(
    lattice: Lattice, weights: Optional[Tensor], dtype: torch.dtype
) -> _Passes:
    """Run both passes.

    weights (Optional[Tensor]): What each sequence counts, [B]; 1 if None.
    dtype (torch.dtype): The precision of the probabilities of tags.
    RETURNS (_Passes): What they find out, and log Z of all sequences.
    """
    arguments = Arguments.of(lattice)
    n_tokens, k = arguments.emissions.shape
    n_sequences = arguments.n_sequences
    log_z = arguments.empty(n_sequences)
    is_trusted = torch.empty_like(log_z, dtype=torch.bool)
    if weights is None:
        weights = torch.ones_like(log_z)
    exp_transitions, *others = arguments.exp_transitions()
    alpha, ahead = arguments.empty(n_tokens, k), arguments.empty(n_tokens, k)
    tags = arguments.empty(n_tokens, k, dtype=dtype)
    at_ends = arguments.empty(2, n_sequences, k)
    arguments.launch(
        kernels.forward_backward,
        arguments.emissions,
        exp_transitions,
        *others,
        arguments.start,
        arguments.end,
        arguments.offsets,
        weights,
        log_z,
        is_trusted,
        arguments.empty(n_tokens),
        alpha,
        ahead,
        tags,
        at_ends,
        **room_for(k),
        HAS_MARGINALS=True,
    )
    left = _left(is_trusted)
    if len(left):
        rows = upload(_rows_of(lattice, left), arguments.device)
        for by_token in (alpha, ahead, tags):
            by_token[rows] = 0.0
        at_ends[:, upload(left, arguments.device)] = 0.0
    return _Passes(log_z, exp_transitions[:k, :k], alpha, ahead, tags, at_ends, left)


def _left(is_trusted: Tensor) -> NDArray[np.int64]:
    """RETURNS (NDArray[int]): The sequences that a kernel has left to log space. It is
    the one time that the CPU waits for the kernel; callers look at log Z anyway.
    """
    trusted = cast("NDArray[np.bool_]", is_trusted.cpu().numpy())
    return np.flatnonzero(~trusted)


def _rows_of(lattice: Lattice, sequences: NDArray[np.int64]) -> NDArray[np.int64]:
    """RETURNS (NDArray[int]): The rows of the tokens of sequences."""
    is_own = np.zeros(len(lattice.lengths), dtype=bool)
    is_own[sequences] = True
    return np.flatnonzero(np.repeat(is_own, lattice.lengths))


def _add_marginals(
    found: Marginals,
    lattice: Lattice,
    weights: Optional[Tensor],
    sequences: NDArray[np.int64],
) -> None:
    """Add what sequences have that were left to log space."""
    device = found.tags.device
    numbers = upload(sequences, device)
    own = torch_backend.forward_backward(
        lattice.select(sequences), None if weights is None else weights[numbers]
    )
    found.log_z[numbers] = own.log_z
    found.tags[upload(_rows_of(lattice, sequences), device)] = own.tags
    for sums, more in zip(found[2:], own[2:], strict=True):
        sums += more
