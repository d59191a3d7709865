"""The padded BiLSTM against torch's own, which gets one sequence at a time."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spacy_crf_tagger.models.network.bilstm import BiLSTM
from spacy_crf_tagger.models.network.padding import plan_buckets

from .conftest import WIDTH_IN, make_vectors

HIDDEN = 8


def torchs_own(bilstm: BiLSTM, depth: int) -> nn.LSTM:
    """An LSTM of torch with the same weights."""
    lstm = nn.LSTM(WIDTH_IN, HIDDEN // 2, num_layers=depth, bidirectional=True)
    weights = {}
    for layer in range(depth):
        for direction, suffix in ((bilstm.ahead, ""), (bilstm.back, "_reverse")):
            for name, parameter in direction[layer].named_parameters():
                weights[name.replace("_l0", f"_l{layer}") + suffix] = parameter.data
    lstm.load_state_dict(weights)
    return lstm


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("lengths", [[9, 8, 7, 6, 5], [1], [1, 2, 3], [30, 28, 24]])
@pytest.mark.parametrize("padding", [0.0, float("nan")])
def test_equal_to_each_sequence_alone(
    lengths: list, depth: int, padding: float
) -> None:
    torch.manual_seed(0)
    bilstm = BiLSTM(WIDTH_IN, HIDDEN, depth)
    vectors = make_vectors(np.array(lengths))
    (bucket,) = plan_buckets(np.array(lengths), 100, 10, 1000, torch.device("cpu"))
    block = vectors[bucket.rows]
    block[~bucket.mask] = padding
    with torch.no_grad():
        states = bilstm(block, bucket.reverse, 0.0, is_train=False)
        for n, length in enumerate(bucket.mask.sum(dim=0).tolist()):
            expected, _ = torchs_own(bilstm, depth)(block[:length, n])
            torch.testing.assert_close(states[:length, n], expected)


def test_fresh_layers_remember() -> None:
    bilstm = BiLSTM(WIDTH_IN, HIDDEN, depth=2)
    size = HIDDEN // 2
    for lstm in (*bilstm.ahead, *bilstm.back):
        bias = (lstm.bias_ih_l0 + lstm.bias_hh_l0).detach()
        forget = bias[size : 2 * size]
        torch.testing.assert_close(forget, torch.ones_like(forget))
        assert float(bias.abs().sum()) == pytest.approx(size)
        for gate in lstm.weight_hh_l0.split(size):
            torch.testing.assert_close(gate @ gate.T, torch.eye(size))


def test_dropout_between_layers_only() -> None:
    block = torch.randn(6, 2, WIDTH_IN)
    reverse = torch.arange(11, -1, -1).view(6, 2).flip(1).flatten()

    def noise(depth: int) -> Tensor:
        torch.manual_seed(0)
        bilstm = BiLSTM(WIDTH_IN, HIDDEN, depth)
        with torch.no_grad():
            dropped, whole = (bilstm(block, reverse, rate, True) for rate in (0.5, 0.0))
        return dropped - whole

    assert not noise(depth=1).any()
    assert noise(depth=2).any()
