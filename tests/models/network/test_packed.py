"""The packed network scores as torch's does, with padding."""

from typing import Any, Callable

import numpy as np
import pytest
import torch

from spacy_crf_tagger.models.network import packed as packed_module
from spacy_crf_tagger.models.network.packed import PackedNetwork
from spacy_crf_tagger.models.network.ragged import cut_pieces

from .conftest import make_vectors

LENGTHS = np.array([0, 1, 40, 5, 1, 0, 12, 13, 37, 0])


def score_padded(network: Any, *args: Any, **kwargs: Any) -> np.ndarray:
    with torch.inference_mode():
        return network(*args, **kwargs)[0].numpy()


@pytest.mark.parametrize(
    "changes",
    [
        {"depth": 0},
        {"depth": 1, "attention_heads": 0},
        {"depth": 2},
        {"depth": 1, "hidden_width": 64, "attention_width": 96},
        {"window": 12, "overlap": 3},
        {"window": 12, "overlap": 3, "attention_heads": 0, "max_tokens": 20},
        {"window": 1, "overlap": 0},
        {"transitions": False},
        {"n_tags": 37},
    ],
    ids=str,
)
def test_scores_are_those_with_padding(make_network: Callable, changes: dict) -> None:
    network = make_network(**changes)
    vectors = make_vectors(LENGTHS)
    packed = PackedNetwork(network)
    emissions = packed.emissions(vectors.numpy(), None, LENGTHS)
    expected = score_padded(network, vectors, LENGTHS)
    np.testing.assert_allclose(emissions, expected, rtol=1e-4, atol=1e-5)
    crf = [getattr(network, name, None) for name in ("transitions", "start", "end")]
    for own, other in zip(packed.crf, crf, strict=True):
        assert (own is None) == (other is None)
        if other is not None:
            np.testing.assert_array_equal(own, other.detach().numpy())


@pytest.mark.parametrize("depth", [0, 1])
def test_words_by_their_rows(make_network: Callable, depth: int) -> None:
    network = make_network(depth=depth)
    words = make_vectors(np.array([7]))
    rows = np.random.default_rng(0).integers(0, 7, LENGTHS.sum())
    expected = score_padded(network, words[torch.from_numpy(rows)], LENGTHS)
    by_row = score_padded(network, words, LENGTHS, rows=rows)
    np.testing.assert_allclose(by_row, expected, rtol=1e-5, atol=1e-5)
    by_row = PackedNetwork(network).emissions(words.numpy(), rows, LENGTHS)
    np.testing.assert_allclose(by_row, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "changes", [{}, {"hidden_width": 48}, {"window": 12, "overlap": 3}], ids=str
)
def test_what_is_scored_beside_a_text_changes_no_bit(
    make_network: Callable, changes: dict
) -> None:
    packed = PackedNetwork(make_network(**changes))
    vectors = make_vectors(LENGTHS).numpy()
    limits = np.cumsum(LENGTHS)[:-1]
    together = np.split(packed.emissions(vectors, None, LENGTHS), limits)
    for own, of_text in zip(np.split(vectors, limits), together, strict=True):
        alone = packed.emissions(own, None, np.array([len(own)]))
        assert alone.tobytes() == of_text.tobytes()


def test_dormant_tags_stay_so(make_network: Callable) -> None:
    network = make_network(depth=1).grown(8)
    emissions = PackedNetwork(network).emissions(
        make_vectors(LENGTHS).numpy(), None, LENGTHS
    )
    assert (emissions[:, 5:] == -np.inf).all()
    assert np.isfinite(emissions[:, :5]).all()


def test_nan_is_not_lost(make_network: Callable) -> None:
    network = make_network()
    with torch.no_grad():
        network.attention.project_in.weight[0, 0] = torch.nan
    vectors = make_vectors(LENGTHS).numpy()
    assert np.isnan(PackedNetwork(network).emissions(vectors, None, LENGTHS)).all()


def change_in_place(network: Any) -> None:
    with torch.no_grad():
        network.bilstm.ahead[0].weight_hh_l0[0, 0] += 1.0


def exchange(network: Any) -> None:
    network.emission.bias.data = network.emission.bias.data + 1.0


def nudge(network: Any) -> None:
    network.attention.project_in.weight.data.numpy()[...] *= 1.001


def replace_a_parameter(network: Any) -> None:
    weight = network.bilstm.ahead[0].weight_ih_l0
    network.bilstm.ahead[0].weight_ih_l0 = torch.nn.Parameter(weight * 2.0)


def load_others(network: Any) -> None:
    state = {name: values + 0.1 for name, values in network.state_dict().items()}
    network.load_state_dict({**state, "dormant": network.dormant}, assign=True)


def favour_a_tag(network: Any) -> None:
    network.emission.bias.data[2] = 3.0


@pytest.mark.parametrize(
    "change",
    [
        change_in_place,
        exchange,
        nudge,
        replace_a_parameter,
        load_others,
        favour_a_tag,
        lambda network: network.wake(),
    ],
    ids=lambda change: change.__name__,
)
def test_changes_are_noticed(make_network: Callable, change: Callable) -> None:
    network = make_network(hidden_width=128, attention_width=64)
    packed = PackedNetwork(network)
    assert packed.is_of(network)
    assert not packed.is_of(make_network())
    change(network)
    assert not packed.is_of(network)
    assert PackedNetwork(network).is_of(network)


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
    network = PackedNetwork(make_network(depth=1, window=12, overlap=3, max_tokens=20))
    lengths = np.array([300])
    projected = []
    read = packed_module.read_sequences

    def counting(gates: np.ndarray, *rest: Any) -> None:
        projected.append(len(gates))
        read(gates, *rest)

    monkeypatch.setattr(packed_module, "read_sequences", counting)
    rows = np.arange(300) if by_row else None
    network.emissions(make_vectors(lengths).numpy(), rows, lengths)
    assert len(projected) > 20
    assert max(projected) <= 20
