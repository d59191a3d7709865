"""The CPU waits for a GPU a few times in a loss or a prediction, however many sequences
and tokens there are.
"""

from typing import List

import numpy as np
import pytest

from spacy_crf_tagger.crf import (
    Constraints,
    Lattice,
    forward_backward,
    path_loss,
    tag_posterior,
    viterbi,
)
from tests.helpers.waiting import Waits

from .brute_force import as_tensors, random_lattice

PAIRS = np.array([[0, 1]])
FREE = Constraints(np.ones((3, 3), bool), np.ones(3, bool), np.ones(3, bool))
QUESTIONS = {
    "path_loss": lambda lattice: path_loss(
        lattice, np.zeros(len(lattice.emissions), dtype=int)
    ),
    "forward_backward": forward_backward,
    "viterbi": viterbi,
    "tag_posterior": lambda lattice: tag_posterior(lattice, PAIRS),
}


def waits(question: str, lengths: List[int]) -> List[str]:
    tensors = as_tensors(random_lattice(np.random.default_rng(0), lengths, n_tags=3))
    with Waits() as context:
        QUESTIONS[question](Lattice.build(tensors.potentials, FREE))
    return context.names


@pytest.mark.parametrize("question", QUESTIONS)
def test_waits_do_not_depend_on_sizes(question: str) -> None:
    # Of few sequences, the list of scores is read, and of more the lowest one.
    few, many = waits(question, [2, 0, 1]), waits(question, [3, 9, 0, 4] * 20)
    assert set(few + many) <= {"_local_scalar_dense"}
    assert len(few) == 1
    assert len(many) == 2


def test_masks_and_sizes_are_noticed() -> None:
    tensor = as_tensors(random_lattice(np.random.default_rng(0), [4], 3)).emissions
    with Waits() as context:
        tensor[tensor > 0]
        tensor[tensor > 0] = 0.0
        tensor.max().item()
        (tensor[0] > 0).long().repeat_interleave((tensor[0] > 0).long())
    names = ["index", "index_put_", "_local_scalar_dense", "repeat_interleave"]
    assert context.names == names
