from typing import Callable

import numpy as np
import pytest
import torch

from spacy_crf_tagger.models.network.dropout import locked_dropout, word_dropout

from .conftest import make_vectors

RATES = [0.2, 0.5, 0.9]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("rate", RATES)
def test_locked_dropout_drops_a_feature_at_all_steps_or_none(rate: float) -> None:
    dropped = locked_dropout(torch.ones(7, 3, 40), rate)
    assert (dropped == dropped[0]).all()
    kept = dropped[dropped != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - rate)))
    assert 0 < len(kept) < dropped.numel()


def test_locked_dropout_draws_for_each_sequence() -> None:
    dropped = locked_dropout(torch.ones(1, 2, 100), 0.5)
    assert (dropped[:, 0] != dropped[:, 1]).any()


@pytest.mark.parametrize("rate", RATES)
def test_locked_dropout_keeps_the_expectation(rate: float) -> None:
    block = torch.full((2, 100, 500), 3.0)
    assert float(locked_dropout(block, rate).mean()) == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize("rate", RATES)
def test_word_dropout_zeroes_whole_tokens(rate: float) -> None:
    vectors = torch.randn(5000, 4).abs() + 0.1
    dropped = word_dropout(vectors, rate)
    is_zero = (dropped == 0).all(dim=1)
    torch.testing.assert_close(dropped[~is_zero], vectors[~is_zero])
    assert float(is_zero.float().mean()) == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize("drop", [locked_dropout, word_dropout])
def test_no_dropout_without_a_rate(drop: Callable) -> None:
    block = torch.randn(3, 4, 5)
    torch.testing.assert_close(drop(block, 0.0), block, rtol=0, atol=0)


def test_everything_dropped_is_still_finite() -> None:
    assert not locked_dropout(torch.randn(3, 4, 5), 1.0).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"word_dropout": 0.5},
        {"depth": 0, "word_dropout": 0.5},
        {"depth": 1},
        {"attention_heads": 0},
        {"depth": 0, "attention_heads": 0},
    ],
    ids=str,
)
def test_networks_drop_in_training_only(make_network: Callable, changes: dict) -> None:
    network = make_network(**changes)
    lengths = np.array([5, 9])
    vectors = make_vectors(lengths)

    def score(dropout: float, is_train: bool) -> torch.Tensor:
        return network(vectors, lengths, dropout, is_train=is_train)[0].detach()

    plain = score(0.0, is_train=False)
    torch.testing.assert_close(score(0.5, is_train=False), plain, rtol=0, atol=0)
    noisy = score(0.5, is_train=True)
    assert (noisy != plain).any()
    assert (score(0.5, is_train=True) != noisy).any()


def test_word_dropout_alone_is_noise_in_training(make_network: Callable) -> None:
    network = make_network(word_dropout=0.5)
    lengths = np.array([30])
    vectors = make_vectors(lengths)
    first, second = (
        network(vectors, lengths, is_train=True)[0].detach() for _ in range(2)
    )
    assert (first != second).any()
