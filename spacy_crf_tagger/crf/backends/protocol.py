"""Protocol of the backends: the functions that each must have."""

from typing import Optional, Protocol, Tuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..lattice import Expectation, Lattice, Marginals, TagPosterior, ViterbiPaths


class Backend(Protocol):
    """The recursions over a lattice, for one kind of array.

    Arguments have been checked by the functions that are named below, which say more.
    Answers are arrays of the lattice's kind, with log Z, sums and scores of paths in
    double precision. Of a sequence without an allowed path, probabilities are zero.
    """

    def log_partition(self, lattice: Lattice) -> Array:
        """Compute log Z (see `inference.log_partition`).

        lattice (Lattice): The lattice.
        RETURNS (Array): log Z of each sequence, [B]; `-inf` without an allowed path.
        """
        ...

    def forward_backward(
        self, lattice: Lattice, weights: Optional[Array] = None
    ) -> Marginals:
        """Compute log Z and marginals (see `inference.forward_backward`).

        lattice (Lattice): The lattice.
        weights (Optional[Array]): What each sequence counts in expected numbers, [B].
        RETURNS (Marginals): The result.
        """
        ...

    def subtract_paths(
        self, lattice: Lattice, tags: NDArray[np.int64], expected: Marginals
    ) -> Array:
        """Subtract from expected numbers what one path of each sequence has of them
        (see `loss.path_loss`).

        lattice (Lattice): The lattice.
        tags (NDArray[int]): The tags of the paths, [N].
        expected (Marginals): The numbers, which are changed.
        RETURNS (Array): The scores of the paths, [B]; `-inf` for a forbidden one.
        """
        ...

    def edge_marginals(self, lattice: Lattice, tokens: NDArray[np.int64]) -> Array:
        """Compute joint probabilities of neighbouring tags (see
        `inference.edge_marginals`).

        lattice (Lattice): The lattice.
        tokens (NDArray[int]): Rows that are not the first of their sequence, [M].
        RETURNS (Array): Probability of tag i at the token before and tag j at the
            token, [M, K, K].
        """
        ...

    def viterbi(self, lattice: Lattice) -> ViterbiPaths:
        """Find the best paths (see `inference.viterbi`).

        lattice (Lattice): The lattice.
        RETURNS (ViterbiPaths): The paths, and their scores, which are `-inf` without an
            allowed path. Of equal paths it is the one with the lower tag numbers, read
            from the end.
        """
        ...

    def tag_posterior(self, lattice: Lattice, pairs: NDArray[np.int64]) -> TagPosterior:
        """Compute tag marginals and conditionals (see `posterior.tag_posterior`).

        lattice (Lattice): The lattice.
        pairs (NDArray[int]): Pairs of tags to follow each other, [P, 2].
        RETURNS (TagPosterior): The result.
        RAISES (ValueError): If large negative scores leave no digits: only the kernels
            know log Z here.
        """
        ...

    def expected_weight(
        self, lattice: Lattice, weights: NDArray[np.float64]
    ) -> Expectation:
        """Compute the expected sum of the weights of a path's tags (see
        `posterior.expected_weight`).

        lattice (Lattice): The lattice.
        weights (NDArray[float]): The weight of each tag, [K].
        RETURNS (Expectation): The expectations and their gradients.
        """
        ...

    def k_best(self, lattice: Lattice, k: int) -> Tuple[Array, Array]:
        """Find the k best paths (see `paths.k_best`).

        lattice (Lattice): The lattice.
        k (int): How many paths.
        RETURNS (Tuple[Array, Array]): Their tags, [k, N], -1 where there is no path of
            that rank, and their scores, [k, B], `-inf` there.
        """
        ...

    def sample(self, lattice: Lattice, uniforms: NDArray[np.float64]) -> Array:
        """Draw paths (see `paths.sample`).

        lattice (Lattice): The lattice, in which each sequence has an allowed path.
        uniforms (NDArray[float]): The random number of each tag of each path, from 0 to
            below 1, [n, N].
        RETURNS (Array): The tags of the paths, [n, N].
        """
        ...
