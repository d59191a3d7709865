"""Questions to a lattice. Each is answered by the backend of the lattice's arrays."""

from typing import Optional, Protocol, Sequence, Tuple, cast

import numpy as np
from numpy.typing import NDArray

from .lattice import (
    Array,
    Expectation,
    Lattice,
    Marginals,
    TagPosterior,
    ViterbiPaths,
)


class Backend(Protocol):
    """The recursions over a lattice, for one kind of array.

    The methods do what the functions of this module do, which check their input.
    """

    def log_partition(self, lattice: Lattice) -> Array:
        """See `log_partition`."""
        ...

    def forward_backward(
        self, lattice: Lattice, weights: Optional[Array] = None
    ) -> Marginals:
        """See `forward_backward`."""
        ...

    def subtract_paths(
        self, lattice: Lattice, tags: NDArray[np.int64], expected: Marginals
    ) -> Array:
        """Subtract from expected numbers what the paths with these tags [N] have of
        each, in place. RETURNS (Array): The scores of the paths, [B].
        """
        ...

    def edge_marginals(self, lattice: Lattice, tokens: Sequence[int]) -> Array:
        """See `edge_marginals`."""
        ...

    def viterbi(self, lattice: Lattice) -> ViterbiPaths:
        """See `viterbi`."""
        ...

    def tag_posterior(self, lattice: Lattice, pairs: NDArray[np.int64]) -> TagPosterior:
        """See `posterior.tag_posterior`."""
        ...

    def expected_weight(
        self, lattice: Lattice, weights: NDArray[np.float64]
    ) -> Expectation:
        """See `posterior.expected_weight`."""
        ...

    def k_best(self, lattice: Lattice, k: int) -> Tuple[Array, Array]:
        """See `paths.k_best`; RETURNS (Tuple[Array, Array]): Tags and scores."""
        ...

    def sample(self, lattice: Lattice, uniforms: NDArray[np.float64]) -> Array:
        """See `paths.sample`. Of each tag, its random number in [0, 1) is given,
        [n, N].
        """
        ...


def log_partition(lattice: Lattice, backend: Optional[Backend] = None) -> Array:
    """Compute the log of the sum of exp(score) over all allowed paths, by the forward
    recursion (Lafferty et al. 2001, Sutton and McCallum 2012).

    lattice (Lattice): The lattice.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (Array): log Z of each sequence, [B]; `-inf` where no path is allowed.
    """
    return (backend or backend_for(lattice)).log_partition(lattice)


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
    """
    return (backend or backend_for(lattice)).forward_backward(lattice, weights)


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
    ends = np.cumsum(lattice.lengths)
    first = set((ends - lattice.lengths).tolist())
    n_tokens = int(ends[-1]) if len(ends) else 0
    for token in tokens:
        if not 0 <= token < n_tokens or token in first:
            raise ValueError(
                f"Token {token} has no token before it in its sequence: give rows "
                f"of the {n_tokens} tokens that do not start a sequence."
            )
    return (backend or backend_for(lattice)).edge_marginals(lattice, tokens)


def viterbi(lattice: Lattice, backend: Optional[Backend] = None) -> ViterbiPaths:
    """Find the path with the highest score (Viterbi 1967).

    lattice (Lattice): The lattice.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (ViterbiPaths): The best path of each sequence and its score.
    RAISES (ValueError): If every path of a sequence is forbidden.
    """
    paths = (backend or backend_for(lattice)).viterbi(lattice)
    require_possible(paths.scores)
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
    impossible = log_scores == -np.inf
    if bool(impossible.any()):
        raise ImpossibleSequenceError([bool(value) for value in impossible].index(True))


def backend_for(lattice: Lattice) -> Backend:
    """Choose the kernels for a lattice: Numba for NumPy arrays if it can be imported,
    torch otherwise.

    lattice (Lattice): The lattice.
    RETURNS (Backend): The module with the kernels.
    """
    if isinstance(lattice.emissions, np.ndarray):
        try:
            from . import numba_backend

            return cast(Backend, numba_backend)
        except ImportError:
            pass
    from . import torch_backend

    return cast(Backend, torch_backend)
