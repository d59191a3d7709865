"""Which kernels are chosen, and what they say of themselves."""

import inspect

import numpy as np
import pytest

from spacy_crf_tagger.crf.backends.choice import backend_for, n_tokens_at_once
from spacy_crf_tagger.crf.backends.protocol import Backend

from ..brute_force import as_tensors, random_lattice

QUESTIONS = [name for name in vars(Backend) if not name.startswith("_")]


def test_the_arrays_choose_the_backend() -> None:
    lattice = random_lattice(np.random.default_rng(1), [2], n_tags=2)
    assert backend_for(lattice).__name__.endswith("numba.backend")
    assert backend_for(as_tensors(lattice)).__name__.endswith("torch.backend")


def test_tokens_that_have_lists_of_paths_at_once() -> None:
    lattice = random_lattice(np.random.default_rng(1), [2, 0, 3], n_tags=2)
    assert n_tokens_at_once(lattice) == 3
    assert n_tokens_at_once(as_tensors(lattice)) == 5


@pytest.mark.parametrize("name", QUESTIONS)
def test_backends_answer_what_the_protocol_says(backend, name: str) -> None:
    expected = list(inspect.signature(getattr(Backend, name)).parameters)[1:]
    assert list(inspect.signature(getattr(backend, name)).parameters) == expected
