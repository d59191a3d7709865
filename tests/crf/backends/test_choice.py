"""Which kernels are chosen, and what they say of themselves."""

import inspect
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from spacy_crf_tagger.crf.backends import choice
from spacy_crf_tagger.crf.backends.choice import backend_for, n_tokens_at_once
from spacy_crf_tagger.crf.backends.protocol import Backend

from ..brute_force import as_tensors, random_lattice

QUESTIONS = [name for name in vars(Backend) if not name.startswith("_")]


def test_the_arrays_choose_the_backend() -> None:
    lattice = random_lattice(np.random.default_rng(1), [2], n_tags=2)
    assert backend_for(lattice).__name__.endswith("numba.backend")
    assert backend_for(as_tensors(lattice)).__name__.endswith("torch.backend")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A lattice on a GPU that is not there, and what torch says of it."""
    said = SimpleNamespace(cuda="13.0", capability=(9, 0), lattice=None)
    name = "spacy_crf_tagger.crf.backends.triton"
    for module in (name, f"{name}.backend"):
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(__name__=module))
    sys.modules[name].backend = sys.modules[f"{name}.backend"]
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda device: said.capability
    )
    monkeypatch.setattr(choice, "_for_gpu", choice._for_gpu.__wrapped__)
    monkeypatch.setattr(torch.version, "cuda", said.cuda)
    monkeypatch.delenv(choice.USES_TRITON, raising=False)
    tensor = SimpleNamespace(device=torch.device("cuda", 0))
    said.lattice = SimpleNamespace(emissions=tensor)
    return said


def test_triton_is_chosen_for_a_gpu(gpu: Any) -> None:
    assert backend_for(gpu.lattice).__name__.endswith("triton.backend")


def test_a_variable_leaves_triton_alone(gpu: Any, monkeypatch) -> None:
    monkeypatch.setenv("SPACY_CRF_TAGGER_TRITON", "0")
    assert backend_for(gpu.lattice).__name__.endswith("torch.backend")


def test_gpus_that_triton_does_not_know_are_left_to_torch(gpu: Any) -> None:
    gpu.capability = (7, 5)
    assert backend_for(gpu.lattice).__name__.endswith("torch.backend")


def test_gpus_of_others_are_left_to_torch(gpu: Any, monkeypatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert backend_for(gpu.lattice).__name__.endswith("torch.backend")


def test_torch_is_chosen_for_a_gpu_without_triton(gpu: Any, monkeypatch) -> None:
    name = "spacy_crf_tagger.crf.backends.triton"
    monkeypatch.delattr(sys.modules[name], "backend")
    monkeypatch.delitem(sys.modules, f"{name}.backend")
    assert backend_for(gpu.lattice).__name__.endswith("torch.backend")


def test_tokens_that_have_lists_of_paths_at_once() -> None:
    lattice = random_lattice(np.random.default_rng(1), [2, 0, 3], n_tags=2)
    assert n_tokens_at_once(lattice) == 3
    assert n_tokens_at_once(as_tensors(lattice)) == 5


@pytest.mark.parametrize("name", QUESTIONS)
def test_backends_answer_what_the_protocol_says(backend, name: str) -> None:
    expected = list(inspect.signature(getattr(Backend, name)).parameters)[1:]
    assert list(inspect.signature(getattr(backend, name)).parameters) == expected
