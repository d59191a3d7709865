"""The whole network."""

from typing import Callable

import numpy as np
import pytest
import torch
from torch import nn

from spacy_crf_tagger.models.network import ScoreNetwork
from tests.helpers.waiting import Waits

from .conftest import N_TAGS, WIDTH_IN, make_config, make_vectors

BLOCKS = [
    {},
    {"depth": 1},
    {"depth": 0},
    {"attention_heads": 0},
    {"attention_width": 6},
    {"depth": 0, "attention_heads": 0},
    {"transitions": False},
    {"window": 12, "overlap": 3},
    {"window": 12, "overlap": 3, "max_tokens": 20},
    {"window": 1, "overlap": 0},
]


@pytest.mark.parametrize("changes", BLOCKS, ids=str)
def test_neighbours_in_a_batch_change_nothing(
    make_network: Callable, changes: dict
) -> None:
    network = make_network(**changes)
    lengths = np.array([0, 1, 40, 5, 1, 0, 12, 13, 37, 0])
    vectors = make_vectors(lengths)
    offsets = np.cumsum(lengths) - lengths
    with torch.no_grad():
        emissions = network(vectors, lengths)[0]
        assert emissions.shape == (lengths.sum(), N_TAGS)
        for offset, length in zip(offsets, lengths, strict=True):
            rows = slice(offset, offset + length)
            alone = network(vectors[rows], np.array([length]))[0]
            torch.testing.assert_close(emissions[rows], alone, rtol=1e-5, atol=1e-5)


def test_the_order_of_a_batch_changes_nothing(make_network: Callable) -> None:
    network = make_network(window=12, overlap=3)
    lengths = np.array([3, 0, 30, 1, 8])
    parts = list(make_vectors(lengths).split(lengths.tolist()))
    with torch.no_grad():
        emissions = network(torch.cat(parts), lengths)[0]
        turned = network(torch.cat(parts[::-1]), lengths[::-1].copy())[0]
    expected = torch.cat(emissions.split(lengths.tolist())[::-1])
    torch.testing.assert_close(turned, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
@pytest.mark.parametrize("changes", BLOCKS, ids=str)
def test_batches_without_tokens(
    make_network: Callable, lengths: list, changes: dict
) -> None:
    lengths = np.array(lengths, dtype=np.int64)
    network = make_network(**changes)
    emissions = network(make_vectors(lengths), lengths, 0.5, is_train=True)[0]
    assert emissions.shape == (0, N_TAGS)
    emissions.sum().backward()


def test_scores_of_transitions_are_the_parameters(make_network: Callable) -> None:
    network = make_network()
    lengths = np.array([3])
    _, transitions, start, end = network(make_vectors(lengths), lengths)
    assert transitions is network.transitions
    assert (transitions.shape, start.shape) == ((N_TAGS, N_TAGS), (N_TAGS,))
    assert start is network.start
    assert end is network.end


def test_no_transitions(make_network: Callable) -> None:
    network = make_network(transitions=False)
    lengths = np.array([3])
    assert network(make_vectors(lengths), lengths)[1:] == (None, None, None)
    assert not {"transitions", "start", "end"} & set(network.state_dict())


def test_without_blocks_a_token_is_scored_by_itself(make_network: Callable) -> None:
    network = make_network(depth=0, attention_heads=0, window=5, overlap=2)
    lengths = np.array([17, 0, 2])
    vectors = make_vectors(lengths)
    emissions = network(vectors, lengths)[0]
    torch.testing.assert_close(emissions, network.emission(vectors))


@pytest.mark.parametrize("changes", [{"depth": 0}, {"attention_heads": 0}], ids=str)
def test_each_block_sees_both_sides(make_network: Callable, changes: dict) -> None:
    network = make_network(**changes)
    lengths = np.array([7])
    vectors = make_vectors(lengths).requires_grad_()
    network(vectors, lengths)[0][3].sum().backward()
    assert (vectors.grad.abs().sum(dim=1) > 0).all()


def test_no_token_sees_beyond_its_window(make_network: Callable) -> None:
    """The first window keeps tokens 0 to 8, and sees 0 to 11."""
    network = make_network(window=12, overlap=3)
    lengths = np.array([40])
    vectors = make_vectors(lengths).requires_grad_()
    network(vectors, lengths)[0][8].sum().backward()
    seen = vectors.grad.abs().sum(dim=1) > 0
    assert seen.tolist() == [True] * 12 + [False] * 28


def test_texts_that_fit_into_a_window_are_not_cut(make_network: Callable) -> None:
    small, large = (
        make_network(window=20, overlap=3),
        make_network(window=100, overlap=3),
    )
    lengths = np.array([20, 19])
    vectors = make_vectors(lengths)
    with torch.no_grad():
        torch.testing.assert_close(
            small(vectors, lengths)[0], large(vectors, lengths)[0]
        )


@pytest.mark.parametrize("changes", BLOCKS, ids=str)
def test_an_untrained_network_prefers_no_entity(changes: dict) -> None:
    torch.manual_seed(0)
    network = ScoreNetwork(make_config(**changes))
    lengths = np.array([1, 30])
    with torch.no_grad():
        emissions, *others = network(100 * make_vectors(lengths), lengths)
    assert (emissions[:, :1] > emissions[:, 1:]).all()
    assert not any(scores.any() for scores in others if scores is not None)


@pytest.mark.parametrize("changes", BLOCKS[:-1], ids=str)
def test_gradient_reaches_every_parameter(
    make_network: Callable, changes: dict
) -> None:
    network = make_network(**changes)
    lengths = np.array([6, 1, 30])
    vectors = make_vectors(lengths).requires_grad_()
    # A plain sum would not do: the sum over a layer norm's output is a constant.
    loss = sum(
        (scores * torch.randn_like(scores)).sum()
        for scores in network(vectors, lengths, is_train=True)
        if scores is not None
    )
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name
    assert (vectors.grad.abs().sum(dim=1) > 0).all()


class TestGrown:
    @pytest.fixture
    def network(self, make_network: Callable) -> ScoreNetwork:
        return make_network()

    def test_old_scores_stay_and_new_tags_sleep(self, network: ScoreNetwork) -> None:
        grown = network.grown(9)
        lengths = np.array([4, 0, 11])
        vectors = make_vectors(lengths)
        with torch.no_grad():
            emissions, transitions, start, end = grown(vectors, lengths)
            old = network(vectors, lengths)
        torch.testing.assert_close(emissions[:, :N_TAGS], old[0])
        assert (emissions[:, N_TAGS:] == -torch.inf).all()
        torch.testing.assert_close(transitions[:N_TAGS, :N_TAGS], old[1])
        torch.testing.assert_close(start[:N_TAGS], old[2])
        torch.testing.assert_close(end[:N_TAGS], old[3])
        assert grown.config.n_tags == 9

    def test_new_tags_wake_up_neutral(self, network: ScoreNetwork) -> None:
        grown = network.grown(9)
        grown.wake()
        lengths = np.array([4, 11])
        vectors = make_vectors(lengths)
        with torch.no_grad():
            emissions, transitions, start, end = grown(vectors, lengths)
            old = network(vectors, lengths)[0]
        torch.testing.assert_close(emissions[:, :N_TAGS], old)
        assert not emissions[:, N_TAGS:].any()
        assert not transitions[N_TAGS:].any()
        assert not transitions[:, N_TAGS:].any()
        assert not start[N_TAGS:].any()
        assert not end[N_TAGS:].any()

    def test_tags_sleep_through_further_growth(self, network: ScoreNetwork) -> None:
        grown = network.grown(7).grown(9)
        assert grown.dormant.tolist() == [False] * N_TAGS + [True] * 4
        awake = network.grown(7)
        awake.wake()
        assert awake.grown(9).dormant.tolist() == [False] * 7 + [True] * 2

    def test_sleep_is_saved_with_the_weights(self, network: ScoreNetwork) -> None:
        copy = ScoreNetwork(make_config(n_tags=9))
        copy.load_state_dict(network.grown(9).state_dict())
        assert copy.dormant.tolist() == [False] * N_TAGS + [True] * 4

    def test_training_while_tags_sleep_is_finite(self, network: ScoreNetwork) -> None:
        grown = network.grown(9)
        lengths = np.array([4])
        emissions = grown(make_vectors(lengths), lengths, is_train=True)[0]
        emissions.softmax(dim=1)[:, 0].sum().backward()
        assert torch.isfinite(grown.emission.weight.grad).all()
        assert not grown.emission.weight.grad[N_TAGS:].any()

    def test_networks_share_nothing(self, network: ScoreNetwork) -> None:
        before = {name: value.clone() for name, value in network.state_dict().items()}
        grown = network.grown(9)
        grown.wake()
        for parameter in grown.parameters():
            nn.init.constant_(parameter, 7.0)
        for name, value in network.state_dict().items():
            torch.testing.assert_close(value, before[name], rtol=0, atol=0)

    def test_without_transitions(self, make_network: Callable) -> None:
        network = make_network(transitions=False).grown(9)
        lengths = np.array([2])
        assert network(make_vectors(lengths), lengths)[0].shape == (2, 9)

    def test_networks_do_not_shrink(self, network: ScoreNetwork) -> None:
        with pytest.raises(ValueError, match="cannot shrink to 4"):
            network.grown(N_TAGS - 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width_in": 0}, "width_in must be a whole number of at least 1, not 0"),
        ({"n_tags": 0}, "n_tags must be a whole number of at least 1, not 0"),
        ({"hidden_width": 0}, "hidden_width must be a whole number of at least 1"),
        ({"hidden_width": "4"}, "hidden_width must be a whole number .*, not '4'"),
        ({"hidden_width": 4.0}, "hidden_width must be a whole number .*, not 4.0"),
        ({"hidden_width": True}, "hidden_width must be a whole number .*, not True"),
        ({"hidden_width": 7}, "hidden_width must be even"),
        ({"depth": -1}, "depth must be a whole number of at least 0, not -1"),
        ({"depth": None}, "depth must be a whole number of at least 0, not None"),
        (
            {"attention_heads": -1},
            "attention_heads must be a whole number of at least 0",
        ),
        ({"attention_heads": 3}, "multiple of attention_heads"),
        ({"attention_width": 5}, r"\(5\) must be a"),
        ({"attention_width": 0}, "attention_width must be a whole .* or null, not 0"),
        ({"depth": 0, "attention_heads": 4}, rf"\({WIDTH_IN}\) must be a"),
        ({"window": 0, "overlap": 0}, "window must be a whole number of at least 1"),
        ({"overlap": -1}, "overlap must be a whole number of at least 0, not -1"),
        ({"window": 20, "overlap": 10}, "more than twice the overlap"),
        ({"max_tokens": 0}, "max_tokens must be a whole number of at least 1, not 0"),
        ({"word_dropout": 1.0}, r"word_dropout must be .* 0 to 1 \(itself excluded\)"),
        ({"word_dropout": -0.1}, "word_dropout must be a number from 0 to 1"),
        ({"word_dropout": float("nan")}, "word_dropout must be a number from 0 to 1"),
        ({"transitions": "yes"}, "transitions must be true or false, not 'yes'"),
    ],
    ids=str,
)
def test_shapes_that_cannot_be(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_config(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"depth": 0, "hidden_width": 7},
        {"depth": 0, "attention_heads": 3},
        {"attention_heads": 3, "attention_width": 3},
        {"window": 21, "overlap": 10},
        {"window": 1, "overlap": 0, "max_tokens": 1},
    ],
    ids=str,
)
def test_shapes_at_the_limit(changes: dict) -> None:
    config = make_config(**changes)
    lengths = np.array([23])
    emissions = ScoreNetwork(config)(make_vectors(lengths), lengths)[0]
    assert emissions.shape == (23, N_TAGS)
    assert type(config)(**config.to_dict()) == config


def test_the_cpu_does_not_wait_for_a_gpu_in_training(make_network: Callable) -> None:
    network = make_network(max_tokens=20, word_dropout=0.1)
    lengths = np.array([9, 1, 0, 12, 8])
    vectors = make_vectors(lengths).requires_grad_()
    with Waits() as context:
        scores = network(vectors, lengths, 0.2, is_train=True)
        sum(each.sum() for each in scores).backward()
    assert context.names == []
