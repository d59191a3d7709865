"""Inference: log Z, marginals and best paths, computed by the backend of the arrays."""

from typing import Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from . import checks, limits
from .arrays import Array
from .backends.choice import backend_for
from .backends.protocol import Backend
from .lattice import Lattice, Marginals, ViterbiPaths, offsets_of


def log_partition(lattice: Lattice, backend: Optional[Backend] = None) -> Array:
    """Compute the log of the sum of exp(score) over all allowed paths, by the forward
    recursion (Lafferty et al. 2001, Sutton and McCallum 2012).

    lattice (Lattice): The lattice.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (Array): log Z of each sequence, [B]; `-inf` where no path is allowed.
    RAISES (ValueError): If large negative scores leave no digits.
    """
    log_z = kernels_for(lattice, backend).log_partition(lattice)
    limits.require_digits(log_z, lattice.lengths, "sequence")
    return log_z


def forward_backward(
    lattice: Lattice,
    backend: Optional[Backend] = None,
    weights: Optional[Array] = None,
) -> Marginals:
    """Compute the partition function and the marginals of tags and transitions, by
    the forward-backward recursions (Sutton and McCallum 2012, section 4.1).

    lattice (Lattice): The lattice.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    weights (Optional[Array]): What each sequence counts in the expected numbers of
        transitions, starts and ends, [B]; 1 if None.
    RETURNS (Marginals): The result. Marginals are zero where no path is allowed.
    RAISES (ValueError): If there is not one finite weight for each sequence, or large
        negative scores leave no digits.
    """
    kernels = kernels_for(lattice, backend)
    if weights is not None:
        n_sequences = len(lattice.lengths)
        weights = checks.as_weights(weights, "weights", n_sequences, lattice.emissions)
    marginals = kernels.forward_backward(lattice, weights)
    limits.require_digits(marginals.log_z, lattice.lengths, "sequence")
    return marginals


def edge_marginals(
    lattice: Lattice, tokens: Sequence[int], backend: Optional[Backend] = None
) -> Array:
    """Compute the joint probability of the tags of neighbouring tokens. Only the
    tokens that are asked for are stored: the whole would be tokens × K × K.

    lattice (Lattice): The lattice.
    tokens (Sequence[int]): Row numbers of tokens that are not the first of their
        sequence, [M].
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (Array): Probability of tag i at the token before and tag j at the token,
        [M, K, K].
    RAISES (ValueError): For a row that does not exist or starts a sequence.
    """
    kernels = kernels_for(lattice, backend)
    n_tokens = len(lattice.emissions)
    rows = checks.as_integers(tokens, "tokens", 1)
    # With a place behind the last row for all that are not rows.
    has_before = np.ones(n_tokens + 1, dtype=bool)
    has_before[offsets_of(lattice.lengths)] = False
    good = has_before[np.minimum(rows.view(np.uint64), n_tokens).view(np.int64)]
    if not good.all():
        raise ValueError(
            f"Token {rows[np.argmin(good)]} has no token before it in its sequence: "
            f"give rows of the {n_tokens} tokens that do not start a sequence."
        )
    return kernels.edge_marginals(require_paths_with_digits(lattice, kernels), rows)


def viterbi(lattice: Lattice, backend: Optional[Backend] = None) -> ViterbiPaths:
    """Find the path with the highest score (Viterbi 1967).

    lattice (Lattice): The lattice.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (ViterbiPaths): The best path of each sequence and its score.
    RAISES (ValueError): If every path of a sequence is forbidden.
    """
    paths = kernels_for(lattice, backend).viterbi(lattice)
    require_good(paths.scores, lattice)
    return paths


class ImpossibleSequenceError(ValueError):
    """Every path of a sequence is forbidden.

    sequence (int): The number of the sequence in its batch.
    """

    def __init__(self, sequence: int) -> None:
        """Create the error.

        sequence (int): The number of the sequence in its batch.
        """
        self.sequence = sequence
        super().__init__(
            f"Every tag sequence is forbidden for sequence {sequence} of the batch: "
            "its restrictions contradict each other or the tag scheme."
        )


def require_possible(log_scores: Array) -> None:
    """Check that every sequence has an allowed path.

    log_scores (Array): Log Z or the best score of each sequence, [B].
    RAISES (ImpossibleSequenceError): If one is `-inf`; names the first such sequence.
    """
    if limits.are_usual(log_scores):
        return
    impossible = log_scores == -np.inf
    if bool(impossible.any()):
        raise ImpossibleSequenceError([bool(value) for value in impossible].index(True))


def require_possible_tags(
    marginals: NDArray[np.float64], lengths: NDArray[np.int64]
) -> None:
    """Check that every sequence has an allowed path, when its marginals are there.

    marginals (NDArray[float]): The probability of each tag at each token, [N, K].
    lengths (NDArray[int]): Tokens of each sequence, [B].
    RAISES (ImpossibleSequenceError): If they are zero; names the first such sequence.
    """
    occupied = lengths > 0
    first_tokens = (np.cumsum(lengths) - lengths)[occupied]
    totals = np.ones(len(lengths))
    totals[occupied] = marginals[first_tokens].sum(axis=1)
    require_possible(np.where(totals > 0, 0.0, -np.inf))


def require_good(log_scores: Array, lattice: Lattice) -> None:
    """Check that every sequence has an allowed path whose score has digits.

    log_scores (Array): Log Z or the best score of each sequence, [B].
    lattice (Lattice): The lattice.
    RAISES (ValueError): If one has none; names the first such sequence.
    """
    if not limits.are_usual(log_scores):
        require_possible(log_scores)
        limits.require_digits(log_scores, lattice.lengths, "sequence")


def require_paths_with_digits(lattice: Lattice, kernels: Backend) -> Lattice:
    """Check a lattice for kernels that do not say what log Z is.

    lattice (Lattice): The lattice.
    kernels (Backend): The kernels.
    RETURNS (Lattice): The lattice, without scores of which differences have no digits.
    RAISES (ValueError): If a sequence has only paths with such scores.
    """
    if not limits.has_faint(*lattice.scores):
        return lattice
    log_z = kernels.log_partition(lattice)
    limits.require_digits(log_z, lattice.lengths, "sequence")
    return lattice.without_faint()


def require_lattice(lattice: Lattice) -> None:
    """RAISES (ValueError): If it is something else."""
    if not isinstance(lattice, Lattice):
        raise ValueError(f"A lattice is needed, not {lattice!r}: see Lattice.build.")


def kernels_for(lattice: Lattice, backend: Optional[Backend]) -> Backend:
    """Check the two arguments that all questions have.

    lattice (Lattice): The lattice.
    backend (Optional[Backend]): The kernels; chosen by the arrays if None.
    RETURNS (Backend): The kernels.
    RAISES (ValueError): If one of them is something else, or the kernels are not for
        this kind of arrays.
    """
    require_lattice(lattice)
    if backend is None:
        return backend_for(lattice)
    if not hasattr(backend, "forward_backward"):
        raise ValueError(
            f"{backend!r} is not a backend. Leave it out to have one chosen."
        )
    return backend
