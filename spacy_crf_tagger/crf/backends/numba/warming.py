"""Compile all kernels ahead of their first use."""

import time
from types import ModuleType
from typing import Any, Callable, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np

from ...lattice import Lattice, Potentials
from ...scheme import TagScheme
from . import backend as numba_backend
from . import expectation as numba_expectation
from . import log_space as numba_log
from . import marginals as numba_marginals
from . import paths as numba_paths
from . import scaling as numba_scaling
from . import viterbi as numba_viterbi
from .kernel_cache import KernelCache, folders

_MODULES: Tuple[ModuleType, ...] = (
    numba_expectation,
    numba_log,
    numba_marginals,
    numba_paths,
    numba_scaling,
    numba_viterbi,
)


class Kernels(NamedTuple):
    """Kernels that belong together.

    modules (Tuple[ModuleType, ...]): Where they are.
    use_all (Callable): Makes use of all of them.
    """

    modules: Tuple[ModuleType, ...]
    use_all: Callable[[], None]


class Warmth(NamedTuple):
    """What compiling ahead has come to.

    compiled (int): Number of kernels that were compiled now.
    loaded (int): Number of kernels that had been compiled before.
    seconds (float): How long all took.
    kept_in (Tuple[str, ...]): The folders that keep them.
    lost (Tuple[str, ...]): The names of kernels that could not be kept.
    refused (Tuple[str, ...]): Why kernels are not kept in other folders.
    """

    compiled: int
    loaded: int
    seconds: float
    kept_in: Tuple[str, ...]
    lost: Tuple[str, ...]
    refused: Tuple[str, ...]


def warm_up(more: Sequence[Kernels] = ()) -> Warmth:
    """Compile the kernels of everything that can be asked of a lattice with scores of
    single precision, as a network's are, or load them if that was done before.

    more (Sequence[Kernels]): Other kernels to compile beside those of the CRF.
    RETURNS (Warmth): What it has come to.
    """
    start = time.perf_counter()
    all_kernels = [Kernels(_MODULES, _ask_everything), *more]
    for kernels in all_kernels:
        kernels.use_all()
    seconds = time.perf_counter() - start
    modules = [module for kernels in all_kernels for module in kernels.modules]
    found = list(_kernels(modules))
    places = [(name, kernel._cache.kept_in()) for name, kernel in found]
    return Warmth(
        sum(sum(kernel.stats.cache_misses.values()) for _, kernel in found),
        sum(sum(kernel.stats.cache_hits.values()) for _, kernel in found),
        seconds,
        tuple(sorted({place for _, place in places if place is not None})),
        tuple(name for name, place in places if place is None),
        folders().refused,
    )


def _kernels(modules: Sequence[ModuleType]) -> Iterator[Tuple[str, Any]]:
    """YIELDS (Tuple[str, Any]): The name and the kernel of all that are in use."""
    for module in modules:
        for name, found in vars(module).items():
            is_own = getattr(found, "__module__", None) == module.__name__
            is_kernel = isinstance(getattr(found, "_cache", None), KernelCache)
            if is_own and is_kernel and found.signatures:
                yield name, found


def _ask_everything() -> None:
    scheme = TagScheme(["A", "B"])
    lattice = _lattice(scheme, [3, 2], distance=1.0)
    # Some sequences are left to log space, which has kernels of its own.
    distant = _lattice(scheme, [3, 2], distance=1e4)
    weights: List[float] = [1.0] * scheme.n_tags
    for each in (lattice, distant):
        numba_backend.log_partition(each)
        best = numba_backend.viterbi(each)
        expected = numba_backend.forward_backward(each)
        numba_backend.subtract_paths(each, best.tags, expected)
        numba_backend.tag_posterior(each, scheme.inner_steps)
        numba_backend.expected_weight(each, np.array(weights))
    numba_backend.edge_marginals(lattice, np.array([1]))
    numba_backend.k_best(lattice, 2)
    numba_backend.sample(lattice, np.full((2, 5), 0.5))


def _lattice(scheme: TagScheme, lengths: List[int], distance: float) -> Lattice:
    n_tags = scheme.n_tags
    emissions = np.zeros((sum(lengths), n_tags), dtype=np.float32)
    emissions[0, 0] = distance
    zeros = np.zeros(n_tags, dtype=np.float32)
    potentials = Potentials(
        emissions,
        np.zeros((n_tags, n_tags), dtype=np.float32),
        zeros,
        zeros,
        np.array(lengths),
    )
    return Lattice.build(potentials, scheme.constraints)
