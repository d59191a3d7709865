"""The kernels that tests run with; those of the CPU check where they read and write if
`NUMBA_BOUNDSCHECK=1`.
"""

from typing import Callable, Iterator, NamedTuple

import numpy as np
import pytest
import torch

from spacy_crf_tagger.crf import Lattice
from spacy_crf_tagger.crf.backends.numba import backend as numba_backend
from spacy_crf_tagger.crf.backends.protocol import Backend
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend

from . import bounds  # noqa: F401 (before a kernel is compiled)
from .brute_force import as_tensors
from .on_device import HAS_GPU, OnDevice


class Engine(NamedTuple):
    """Kernels, and the arrays that they are given."""

    backend: Backend
    prepare: Callable[[Lattice], Lattice]


ENGINES = {
    "numba": Engine(numba_backend, lambda lattice: lattice),
    "torch-numpy": Engine(torch_backend, lambda lattice: lattice),
    "torch-tensors": Engine(torch_backend, as_tensors),
}


BACKENDS = [numba_backend, torch_backend]
if HAS_GPU:
    # Elsewhere an interpreter takes too long for all of these tests; those in
    # `backends/test_triton.py` are for it.
    from spacy_crf_tagger.crf.backends.triton import backend as triton_backend

    ON_GPU = OnDevice(triton_backend)
    ENGINES["triton"] = Engine(ON_GPU, as_tensors)
    BACKENDS.append(ON_GPU)


def _marked(value: object, name: str) -> object:
    return pytest.param(
        value, id=name, marks=pytest.mark.gpu if "triton" in name else ()
    )


# Session scope, because Hypothesis runs a test many times on one fixture.
@pytest.fixture(scope="session", params=[_marked(name, name) for name in ENGINES])
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]


@pytest.fixture(
    scope="session", params=[_marked(each, each.__name__) for each in BACKENDS]
)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


@pytest.fixture(scope="session", params=[np.float32, np.float64])
def dtype(request: pytest.FixtureRequest) -> type:
    return request.param


@pytest.fixture
def repeated_warnings() -> Iterator[None]:
    """Torch gives some warnings once in a process, so that which test fails because of
    them would depend on the order of tests.
    """
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)
