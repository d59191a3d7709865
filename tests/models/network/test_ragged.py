"""Predictions without padding are those with padding."""

from typing import Callable

import numpy as np
import pytest
import torch

from spacy_crf_tagger.models.network import bilstm, ragged, score_network
from spacy_crf_tagger.models.network.ragged import cut_pieces, reads_ragged

from .conftest import make_vectors

LENGTHS = np.array([0, 1, 40, 5, 1, 0, 12, 13, 37, 0])


@pytest.mark.parametrize(
    "changes",
    [
        {"depth": 1, "attention_heads": 0},
        {"depth": 2},
        {"window": 12, "overlap": 3},
        {"window": 12, "overlap": 3, "attention_heads": 0, "max_tokens": 20},
        {"window": 1, "overlap": 0},
        {"transitions": False},
    ],
    ids=str,
)
def test_scores_are_those_with_padding(
    make_network: Callable, changes: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network(**changes)
    vectors = make_vectors(LENGTHS)
    with torch.inference_mode():
        assert reads_ragged(vectors)
        scores = network(vectors, LENGTHS)
        monkeypatch.setattr(score_network, "reads_ragged", lambda vectors: False)
        padded = network(vectors, LENGTHS)
    for own, expected in zip(scores, padded, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("is_ragged", [True, False])
@pytest.mark.parametrize("depth", [0, 1])
def test_words_by_their_rows(
    make_network: Callable,
    monkeypatch: pytest.MonkeyPatch,
    depth: int,
    is_ragged: bool,
) -> None:
    monkeypatch.setattr(score_network, "reads_ragged", lambda vectors: is_ragged)
    network = make_network(depth=depth)
    words = make_vectors(np.array([7]))
    rows = np.random.default_rng(0).integers(0, 7, LENGTHS.sum())
    with torch.inference_mode():
        by_row = network(words, LENGTHS, rows=rows)[0]
        by_token = network(words[torch.from_numpy(rows)], LENGTHS)[0]
    torch.testing.assert_close(by_row, by_token, rtol=1e-5, atol=1e-5)


def test_dormant_tags_stay_so(make_network: Callable) -> None:
    network = make_network(depth=1).grown(8)
    with torch.inference_mode():
        emissions = network(make_vectors(LENGTHS), LENGTHS)[0]
    assert (emissions[:, 5:] == -torch.inf).all()
    assert emissions[:, :5].isfinite().all()


def test_not_for_gradients_half_precision_and_without_numba(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = torch.zeros(1, 2)
    assert not reads_ragged(vectors)  # gradients are enabled
    with torch.inference_mode():
        assert reads_ragged(vectors)
        assert not reads_ragged(vectors.double())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not reads_ragged(vectors)
        monkeypatch.setattr(ragged, "compiled_lstm", lambda: None)
        assert not reads_ragged(vectors)


@pytest.mark.parametrize("max_tokens", [1, 20, 1000])
@pytest.mark.parametrize(("window", "overlap"), [(100, 10), (12, 3), (1, 0)])
def test_pieces_keep_every_token_once(
    window: int, overlap: int, max_tokens: int
) -> None:
    pieces = list(cut_pieces(LENGTHS, window, overlap, max_tokens))
    kept = np.concatenate([piece.tokens[piece.kept] for piece in pieces])
    assert sorted(kept) == list(range(LENGTHS.sum()))
    for piece in pieces:
        assert len(piece.tokens) == piece.lengths.sum()
        assert len(piece.lengths) == 1 or len(piece.tokens) <= max_tokens
        assert (np.diff(piece.lengths) <= 0).all()
        limits = np.cumsum(piece.lengths)[:-1]
        for tokens in np.split(piece.tokens, limits):
            assert (np.diff(tokens) == 1).all()


def test_nothing_to_cut() -> None:
    assert list(cut_pieces(np.array([0, 0]), 10, 2, 100)) == []


@pytest.mark.parametrize("by_row", [False, True])
def test_each_piece_projects_no_more_than_its_own(
    make_network: Callable, monkeypatch: pytest.MonkeyPatch, by_row: bool
) -> None:
    network = make_network(depth=1, window=12, overlap=3, max_tokens=20)
    lengths = np.array([300])
    projected = []

    def counting(vectors: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        projected.append(len(vectors))
        return torch.nn.functional.linear(vectors, *weights)

    monkeypatch.setattr(bilstm, "linear", counting)
    rows = np.arange(300) if by_row else None
    with torch.inference_mode():
        network(make_vectors(lengths), lengths, rows=rows)
    assert len(projected) > 20
    assert max(projected) <= 20
