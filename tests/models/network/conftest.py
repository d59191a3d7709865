from typing import Any, Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spacy_crf_tagger.models.network import NetworkConfig, ScoreNetwork

WIDTH_IN = 6
N_TAGS = 5


def make_config(**changes: Any) -> NetworkConfig:
    settings = {
        "width_in": WIDTH_IN,
        "n_tags": N_TAGS,
        "hidden_width": 8,
        "depth": 2,
        "attention_heads": 2,
        "word_dropout": 0.0,
        "transitions": True,
        "window": 100,
        "overlap": 10,
        **changes,
    }
    return NetworkConfig(**settings)


def make_vectors(lengths: NDArray[np.int64], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(int(lengths.sum()), WIDTH_IN, generator=generator)


@pytest.fixture
def make_network() -> Callable[..., ScoreNetwork]:
    """Networks whose weights are as after some training: a fresh one scores all tokens
    alike.
    """

    def make(**changes: Any) -> ScoreNetwork:
        torch.manual_seed(0)
        network = ScoreNetwork(make_config(**changes))
        for name, parameter in network.named_parameters():
            if name.partition(".")[0] in ("emission", "transitions", "start", "end"):
                nn.init.normal_(parameter)
        return network

    return make
