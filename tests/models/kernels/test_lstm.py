"""The compiled LSTM against torch's own, which gets one sequence at a time."""

import numpy as np
import pytest
import torch
from torch import nn

from spacy_crf_tagger.models.kernels import lstm as kernels
from spacy_crf_tagger.models.network.bilstm import BiLSTM
from spacy_crf_tagger.models.network.packed import PackedBiLSTM

WIDTH_IN = 6
# More than a group of sequences, less than one, and none.
BATCHES = [
    [9, 9, 9, 9, 9, 9, 8, 8, 3, 1, 1, 1, 1, 1],
    [1],
    [30, 12, 7, 7, 2],
    [5, 4, 3, 2, 1, 0],
    [],
]


def read_alone(bilstm: BiLSTM, block: torch.Tensor) -> torch.Tensor:
    for ahead, back in zip(bilstm.ahead, bilstm.back, strict=True):
        forward, backward = ahead(block)[0], back(block.flip(0))[0].flip(0)
        block = torch.cat([forward, backward], dim=-1)
    return block


def make(hidden: int, depth: int = 1, scale: float = 1.0) -> BiLSTM:
    torch.manual_seed(0)
    bilstm = BiLSTM(WIDTH_IN, hidden, depth)
    for parameter in bilstm.parameters():
        nn.init.normal_(parameter, std=scale)
    return bilstm


def read_packed(
    bilstm: BiLSTM, vectors: torch.Tensor, rows: np.ndarray, lengths: list
) -> torch.Tensor:
    of_tokens = np.array(lengths, dtype=int)
    return torch.from_numpy(PackedBiLSTM(bilstm)(vectors.numpy(), rows, of_tokens))


# Widths of a direction that are a multiple of the vectors' sixteen, and others.
@pytest.mark.parametrize(("hidden", "depth"), [(8, 1), (32, 1), (44, 2), (96, 2)])
@pytest.mark.parametrize("lengths", BATCHES, ids=str)
def test_equal_to_each_sequence_alone(lengths: list, hidden: int, depth: int) -> None:
    bilstm = make(hidden, depth, scale=0.3)
    vectors = torch.randn(11, WIDTH_IN)
    n_tokens = sum(lengths)
    rows = np.random.default_rng(0).integers(0, 11, n_tokens)
    with torch.no_grad():
        states = read_packed(bilstm, vectors, rows, lengths)
        assert states.shape == (n_tokens, hidden)
        parts = states.split(lengths) if lengths else []
        inputs = torch.from_numpy(rows).split(lengths) if lengths else []
        for own, places in zip(parts, inputs, strict=True):
            if len(own):
                expected = read_alone(bilstm, vectors[places])
                torch.testing.assert_close(own, expected, rtol=1e-5, atol=2e-6)


def test_what_is_read_beside_a_sequence_changes_no_bit() -> None:
    bilstm = make(64)
    lengths = np.array([12, 11, 9, 9, 9, 8, 8, 7, 2])
    rows = np.arange(lengths.sum())
    gates = np.random.default_rng(0).standard_normal((len(rows), 128))
    gates = gates.astype(np.float32)
    weights = kernels.pack_recurrent(bilstm.ahead[0].weight_hh_l0.detach().numpy())

    def read(rows: np.ndarray, lengths: np.ndarray, backward: bool) -> np.ndarray:
        states = np.zeros((len(rows), 32), dtype=np.float32)
        kernels.read_sequences(gates, rows, lengths, weights, backward, states, 0)
        return states

    limits = np.cumsum(lengths)
    for backward in (False, True):
        together = np.split(read(rows, lengths, backward), limits[:-1])
        alone = [
            read(rows[end - n : end], np.array([n]), backward)
            for n, end in zip(lengths, limits, strict=True)
        ]
        for a, b in zip(together, alone, strict=True):
            assert a.tobytes() == b.tobytes()


def test_gates_far_from_zero() -> None:
    bilstm = make(32, scale=60.0)
    vectors = torch.randn(9, WIDTH_IN) * 10
    with torch.no_grad():
        states = read_packed(bilstm, vectors, np.arange(9), [9])
        torch.testing.assert_close(states, read_alone(bilstm, vectors))


def test_nan_is_not_lost() -> None:
    bilstm = make(32)
    vectors = torch.randn(6, WIDTH_IN)
    vectors[4] = float("nan")
    states = read_packed(bilstm, vectors, np.arange(6), [3, 3])
    assert not states[:3].isnan().any()
    # Ahead it is lost from the second token on, back up to it.
    assert states[4:, :16].isnan().all()
    assert states[3:5, 16:].isnan().all()
    assert not states[3, :16].isnan().any()
    assert not states[5, 16:].isnan().any()


def test_a_part_of_the_columns_is_written() -> None:
    weights = kernels.pack_recurrent(make(32).ahead[0].weight_hh_l0.detach().numpy())
    gates = np.ones((2, 64), dtype=np.float32)
    states = np.full((2, 40), 7.0, dtype=np.float32)
    one = np.array([2])
    kernels.read_sequences(gates, np.arange(2), one, weights, False, states, 20)
    assert (states[:, :20] == 7.0).all()
    assert (states[:, 36:] == 7.0).all()
    assert (states[:, 20:36] != 7.0).all()


def test_a_part_of_the_gates_is_read() -> None:
    weights = kernels.pack_recurrent(make(32).ahead[0].weight_hh_l0.detach().numpy())
    gates = np.random.default_rng(0).standard_normal((5, 64)).astype(np.float32)
    among_others = np.full((5, 100), np.nan, dtype=np.float32)
    among_others[:, 30:94] = gates
    expected, states = (np.empty((5, 16), dtype=np.float32) for _ in range(2))
    rows, lengths = np.arange(5), np.array([5])
    kernels.read_sequences(gates, rows, lengths, weights, True, expected, 0)
    kernels.read_sequences(among_others, rows, lengths, weights, True, states, 0, 30)
    np.testing.assert_array_equal(states, expected)
