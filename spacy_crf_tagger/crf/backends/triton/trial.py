"""Finds out by a small lattice whether the kernels answer a question as torch does.
They are compiled where they run, by what is installed there: a C compiler may be
missing, or a version of Triton have a fault.
"""

import warnings
from functools import cache
from types import ModuleType
from typing import Callable, Dict, Tuple

import numpy as np
import torch
from torch import Tensor

from ...lattice import Lattice, Potentials
from ..torch import backend as torch_backend
from . import passes
from .launching import MOST_TAGS, block_of

_LENGTHS = [3, 0, 1]
_TOLERANCE = 1e-6
_NEVER = -torch.inf
Answer = Tuple[Tensor, ...]


def can_answer(question: str, lattice: Lattice) -> bool:
    """Find out whether the kernels are to answer a question. The first time that a
    question is asked for so many tags, this compiles a kernel.

    question (str): The function of the protocol.
    lattice (Lattice): A lattice of tensors.
    RETURNS (bool): Whether they have room for its tags, and have answered the question
        about a small lattice as torch did. If not, a warning says why, once.
    """
    scores = lattice.emissions
    if lattice.n_tags > MOST_TAGS:
        return False
    return _has_passed(question, block_of(lattice.n_tags), scores.dtype, scores.device)


@cache
def _has_passed(
    question: str, block: int, dtype: torch.dtype, device: torch.device
) -> bool:
    lattice = _small_lattice(block - 1, dtype, device)
    ask = _QUESTIONS[question]
    expected = ask(torch_backend, lattice)
    try:
        found = ask(passes, lattice)
        problem = None if _agree(found, expected) else "its answers differ from torch's"
    # Whatever a compiler or a driver may raise.
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    if problem is not None:
        warnings.warn(
            f"The CRF's kernels in Triton cannot be used for {question} on {device} "
            f"({problem}). Torch answers instead, which takes longer. Set "
            "SPACY_CRF_TAGGER_TRITON=0 to leave Triton alone from the start.",
            stacklevel=2,
        )
    return problem is None


def _agree(found: Answer, expected: Answer) -> bool:
    return all(
        own.dtype == other.dtype
        and torch.allclose(own, other, rtol=_TOLERANCE, atol=_TOLERANCE)
        for own, other in zip(found, expected, strict=True)
    )


def _small_lattice(n_tags: int, dtype: torch.dtype, device: torch.device) -> Lattice:
    """RETURNS (Lattice): One with different scores, some of them forbidden."""

    def scores(*shape: int) -> Tensor:
        numbers = torch.arange(1, 1 + int(np.prod(shape)), dtype=torch.float64)
        return torch.sin(numbers * numbers).reshape(shape).to(device, dtype)

    transitions, start = scores(n_tags, n_tags), scores(n_tags)
    transitions[1::2, ::3] = _NEVER
    start[1] = _NEVER
    emissions = scores(sum(_LENGTHS), n_tags)
    return Lattice.build(
        Potentials(emissions, transitions, start, scores(n_tags), np.array(_LENGTHS))
    )


def _subtract_paths(kernels: ModuleType, lattice: Lattice) -> Answer:
    expected = torch_backend.forward_backward(lattice)
    tags = np.zeros(len(lattice.emissions), dtype=np.int64)
    return (kernels.subtract_paths(lattice, tags, expected), *expected)


_QUESTIONS: Dict[str, Callable[[ModuleType, Lattice], Answer]] = {
    "log_partition": lambda kernels, lattice: (kernels.log_partition(lattice),),
    "forward_backward": lambda kernels, lattice: kernels.forward_backward(lattice),
    "subtract_paths": _subtract_paths,
    "viterbi": lambda kernels, lattice: kernels.viterbi(lattice),
    "tag_posterior": lambda kernels, lattice: kernels.tag_posterior(
        lattice, np.array([[0, 2], [2, 1]])
    ),
}
