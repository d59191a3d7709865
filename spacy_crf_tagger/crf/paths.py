"""Several paths of each sequence of a lattice: the best ones, or random ones."""

from typing import NamedTuple, Optional, Sequence, Union

import numpy as np

from . import checks
from .arrays import Array, concatenate
from .backends.choice import n_tokens_at_once
from .backends.protocol import Backend
from .inference import kernels_for, require_good
from .lattice import Lattice

# Random numbers that are held at a time.
_MAX_NUMBERS = 2**22


class KBestPaths(NamedTuple):
    """The best paths of each sequence. Row r has the path of rank r of all sequences.

    tags (Array): The tags of the paths, end to end, [k, N]; -1 where a sequence has
        no path of that rank.
    scores (Array): The score of each path, [k, B], in falling order; `-inf` where a
        sequence has no path of that rank.
    """

    tags: Array
    scores: Array


def k_best(lattice: Lattice, k: int, backend: Optional[Backend] = None) -> KBestPaths:
    """Find the k paths with the highest scores, by the Viterbi algorithm with a list
    of k paths for each state (the parallel list Viterbi algorithm of Seshadri and
    Sundberg 1994). An empty sequence has one path, whose score is zero.

    lattice (Lattice): The lattice.
    k (int): How many paths, at least 1; a sequence may have fewer.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (KBestPaths): The paths, of which no two are equal. The first is that of
        `viterbi`; of paths with equal scores, the one with the lower tag numbers,
        read from the end, comes first.
    RAISES (ValueError): If k is less than 1, or so large that the answer would not fit
        into memory, or every path of a sequence is forbidden.
    """
    kernels = kernels_for(lattice, backend)
    k = checks.as_count(k, "The number of best paths", 1)
    _require_memory(lattice, k)
    paths = KBestPaths(*kernels.k_best(lattice, k))
    require_good(paths.scores[0], lattice)
    return paths


def sample(
    lattice: Lattice,
    n: int,
    seed: Union[int, Sequence[int]],
    backend: Optional[Backend] = None,
) -> Array:
    """Draw paths with their probabilities, by forward filtering and backward sampling
    (Chib 1996, Scott 2002). The first paths of a seed do not depend on how many are
    drawn, and all backends draw the same, up to the rounding of probabilities.

    lattice (Lattice): The lattice.
    n (int): How many paths to draw for each sequence, at least 1.
    seed (Union[int, Sequence[int]]): Seed of NumPy's random numbers.
    backend (Optional[Backend]): Which kernels to use; chosen by the arrays if None.
    RETURNS (Array): The tags of independent paths, end to end, [n, N].
    RAISES (ValueError): If n is less than 1, or so large that the answer would not fit
        into memory, the seed is no seed, or every path of a sequence is forbidden.
    """
    backend = kernels_for(lattice, backend)
    n = checks.as_count(n, "The number of paths to draw", 1)
    n_tokens = len(lattice.emissions)
    checks.require_memory(n * max(n_tokens, 1), "n", n, n_tokens)
    rng = np.random.default_rng(_as_seed(seed))
    require_good(backend.log_partition(lattice), lattice)
    size = max(1, _MAX_NUMBERS // max(1, n_tokens))
    chunks = [
        backend.sample(lattice, rng.random((min(size, n - first), n_tokens)))
        for first in range(0, n, size)
    ]
    return concatenate(chunks)


def _as_seed(seed: Union[int, Sequence[int]]) -> Union[int, Sequence[int]]:
    if isinstance(seed, (list, tuple, np.ndarray)) and np.ndim(seed) == 1 and len(seed):
        return [checks.as_count(number, "A number of the seed") for number in seed]
    return checks.as_count(seed, "The seed, unless it is a list of whole numbers,")


def _require_memory(lattice: Lattice, k: int) -> None:
    """Check that k paths fit into memory, and the lists that lead to them."""
    n_tokens, n_tags = lattice.emissions.shape
    longest = int(lattice.lengths.max(initial=0))
    n_cells = n_tokens_at_once(lattice) * n_tags
    # No more paths than that lead to a tag.
    width = min(k, n_tags ** min(max(longest - 1, 0), 64))
    answer = max(1, n_tokens + len(lattice.lengths))
    checks.require_memory(k * answer + n_cells * width, "k", k, answer + n_cells)
