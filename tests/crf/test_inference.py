"""Every question to a lattice, against a list of all paths."""

from functools import cache
from typing import Tuple

import numpy as np
import pytest
import torch

from spacy_crf_tagger.crf import (
    Lattice,
    Potentials,
    edge_marginals,
    forward_backward,
    log_partition,
    viterbi,
)

from .brute_force import (
    Enumeration,
    as_tensors,
    enumerate_paths,
    first_impossible,
    inner_rows,
    random_lattice,
    random_potentials,
    score_tags,
)
from .conftest import Engine

SEEDS = range(12)
# The result has the precision of the emissions; all that is summed up is double.
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-9}


@cache
def problem(seed: int, dtype: type) -> Tuple[Lattice, Enumeration]:
    rng = np.random.default_rng(seed)
    lengths = rng.permutation([0, 1, *rng.integers(0, 7, size=3)])
    lattice = random_lattice(
        rng,
        lengths,
        n_tags=int(rng.integers(1, 6)),
        scales=(0.5, 3.0),
        forbidden=float(rng.choice([0.0, 0.1, 0.5])),
        dtype=dtype,
    )
    return lattice, enumerate_paths(lattice)


def test_problems_cover_possible_and_impossible_sequences() -> None:
    log_z = np.concatenate([problem(seed, np.float64)[1].log_z for seed in SEEDS])
    assert (log_z == -np.inf).sum() >= 4
    assert np.isfinite(log_z).sum() >= 30


@pytest.mark.parametrize("seed", SEEDS)
def test_log_partition(seed: int, engine: Engine, dtype: type) -> None:
    lattice, expected = problem(seed, dtype)
    log_z = log_partition(engine.prepare(lattice), engine.backend)
    np.testing.assert_allclose(log_z, expected.log_z, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_forward_backward(seed: int, engine: Engine, dtype: type) -> None:
    lattice, expected = problem(seed, dtype)
    marginals = forward_backward(engine.prepare(lattice), engine.backend)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(marginals.log_z, expected.log_z, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(marginals.tags, expected.tags, atol=tolerance)
    np.testing.assert_allclose(
        marginals.transitions, expected.transitions, atol=1e-9, rtol=1e-9
    )
    np.testing.assert_allclose(marginals.start, expected.start, atol=5 * tolerance)
    np.testing.assert_allclose(marginals.end, expected.end, atol=5 * tolerance)


@pytest.mark.parametrize("seed", SEEDS)
def test_edge_marginals(seed: int, engine: Engine, dtype: type) -> None:
    lattice, expected = problem(seed, dtype)
    rows = inner_rows(lattice.lengths)
    asked = np.random.default_rng(seed).choice(rows, size=len(rows) + 2)
    edges = edge_marginals(engine.prepare(lattice), asked, engine.backend)
    assert tuple(edges.shape) == (len(asked), lattice.n_tags, lattice.n_tags)
    np.testing.assert_allclose(edges, expected.edges[asked], atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_viterbi(seed: int, engine: Engine, dtype: type) -> None:
    lattice, expected = problem(seed, dtype)
    impossible = first_impossible(expected.log_z)
    if impossible is not None:
        with pytest.raises(ValueError, match=rf"sequence {impossible} "):
            viterbi(engine.prepare(lattice), engine.backend)
        return
    paths = viterbi(engine.prepare(lattice), engine.backend)
    np.testing.assert_allclose(paths.scores, expected.best, rtol=1e-10, atol=1e-10)
    scores = score_tags(lattice, paths.tags)
    np.testing.assert_allclose(scores, expected.best, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0], [1], [1, 0, 1]])
def test_batches_without_steps(lengths: list, engine: Engine) -> None:
    rng = np.random.default_rng(0)
    lattice = random_lattice(rng, lengths, n_tags=3)
    expected = enumerate_paths(lattice)
    prepared = engine.prepare(lattice)
    marginals = forward_backward(prepared, engine.backend)
    for value, reference in zip(
        marginals,
        (
            expected.log_z,
            expected.tags,
            expected.transitions,
            expected.start,
            expected.end,
        ),
        strict=True,
    ):
        np.testing.assert_allclose(value, reference, atol=1e-12)
    paths = viterbi(prepared, engine.backend)
    np.testing.assert_allclose(paths.scores, expected.best, atol=1e-12)
    assert len(paths.tags) == sum(lengths)
    assert tuple(edge_marginals(prepared, [], engine.backend).shape) == (0, 3, 3)


def test_without_transitions_is_a_softmax_per_token(engine: Engine) -> None:
    rng = np.random.default_rng(3)
    emissions = rng.normal(size=(7, 4))
    lengths = np.array([3, 0, 4])
    lattice = engine.prepare(
        Lattice.build(Potentials(emissions, None, None, None, lengths))
    )
    weights = np.exp(emissions)
    totals = weights.sum(axis=1, keepdims=True)
    marginals = forward_backward(lattice, engine.backend)
    np.testing.assert_allclose(marginals.tags, weights / totals, atol=1e-12)
    log_totals = np.log(totals[:, 0])
    np.testing.assert_allclose(
        marginals.log_z, [log_totals[:3].sum(), 0.0, log_totals[3:].sum()], atol=1e-12
    )
    tags = viterbi(lattice, engine.backend).tags
    np.testing.assert_array_equal(tags, emissions.argmax(axis=1))


def test_tensors_without_transitions_get_tensor_zeros() -> None:
    emissions = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    lattice = Lattice.build(Potentials(emissions, None, None, None, [3]))
    for scores in (lattice.transitions, lattice.start, lattice.end):
        assert isinstance(scores, torch.Tensor)
        assert not scores.any()


@pytest.mark.parametrize("kind", [np.ndarray, torch.Tensor])
def test_results_are_the_kind_of_array_that_the_lattice_has(
    kind: type, dtype: type
) -> None:
    rng = np.random.default_rng(1)
    lattice = random_lattice(rng, [2, 3], n_tags=3, dtype=dtype)
    if kind is torch.Tensor:
        lattice = as_tensors(lattice)
    marginals = forward_backward(lattice)
    results = [
        log_partition(lattice),
        *marginals,
        edge_marginals(lattice, [1]),
        *viterbi(lattice),
    ]
    assert all(isinstance(result, kind) for result in results)
    assert marginals.tags.dtype == lattice.emissions.dtype


def test_torch_kernels_give_arrays_back_for_arrays() -> None:
    from spacy_crf_tagger.crf.backends.torch import backend as torch_backend

    lattice = random_lattice(np.random.default_rng(1), [2, 3], n_tags=3)
    results = [
        log_partition(lattice, torch_backend),
        *forward_backward(lattice, torch_backend),
        edge_marginals(lattice, [1], torch_backend),
        *viterbi(lattice, torch_backend),
    ]
    assert all(isinstance(result, np.ndarray) for result in results)


@pytest.mark.parametrize(
    "make_view",
    [
        pytest.param(lambda scores: np.asfortranarray(scores), id="column-major"),
        pytest.param(lambda scores: np.repeat(scores, 2, axis=0)[::2], id="strided"),
        pytest.param(lambda scores: scores.astype(np.float16), id="half"),
        pytest.param(lambda scores: np.round(scores).astype(np.int64), id="integers"),
    ],
)
def test_any_layout_and_type_of_numbers(make_view, backend) -> None:
    rng = np.random.default_rng(2)
    potentials = random_potentials(rng, [3, 2], n_tags=3)
    emissions = make_view(potentials.emissions)
    lattice = Lattice.build(potentials._replace(emissions=emissions))
    expected = enumerate_paths(lattice)
    marginals = forward_backward(lattice, backend)
    np.testing.assert_allclose(marginals.log_z, expected.log_z, rtol=1e-10)
    np.testing.assert_allclose(marginals.tags, expected.tags, atol=1e-3)


@pytest.mark.usefixtures("repeated_warnings")
def test_arrays_that_cannot_be_written_to(backend) -> None:
    potentials = random_potentials(np.random.default_rng(2), [3, 2], n_tags=3)
    for array in potentials:
        array.flags.writeable = False
    lattice = Lattice.build(potentials)
    expected = enumerate_paths(lattice)
    np.testing.assert_allclose(log_partition(lattice, backend), expected.log_z)
    viterbi(lattice, backend)


@pytest.mark.usefixtures("repeated_warnings")
def test_parameters_that_require_gradients() -> None:
    lattice = as_tensors(random_lattice(np.random.default_rng(2), [3, 2], n_tags=3))
    expected = log_partition(lattice)
    parameters = [
        scores.requires_grad_()
        for scores in (
            lattice.emissions,
            lattice.transitions,
            lattice.start,
            lattice.end,
        )
    ]
    log_z = log_partition(Lattice.build(Potentials(*parameters, [3, 2])))
    torch.testing.assert_close(log_z, expected)
    assert not log_z.requires_grad
