"""Expected weights and their gradients against enumeration and finite differences."""

import numpy as np
import pytest

from spacy_crf_tagger.crf import Lattice, TagScheme, expected_weight
from spacy_crf_tagger.crf.backends.numba import backend as numba_backend
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend

from .brute_force import (
    SCORES,
    enumerate_paths,
    finite_differences,
    random_lattice,
    random_potentials,
)
from .conftest import Engine

LENGTHS = [4, 0, 1, 3]


@pytest.fixture(params=[(1.0,), (1.0, 300.0)], ids=["scaled", "log space"])
def lattice(request: pytest.FixtureRequest) -> Lattice:
    rng = np.random.default_rng(4)
    return random_lattice(rng, LENGTHS, 3, request.param, 0.1, always_possible=True)


def test_values(engine: Engine, lattice: Lattice) -> None:
    weights = np.array([0.0, 1.0, -2.5])
    by_token = enumerate_paths(lattice).tags @ weights
    ends = np.cumsum(LENGTHS)
    expected = [
        by_token[end - n : end].sum() for n, end in zip(LENGTHS, ends, strict=True)
    ]
    result = expected_weight(engine.prepare(lattice), weights, engine.backend)
    np.testing.assert_allclose(result.values, expected, atol=1e-9)


def test_gradients_are_those_of_finite_differences(
    engine: Engine, lattice: Lattice
) -> None:
    weights = np.array([0.0, 1.0, -2.5])
    gradients = expected_weight(engine.prepare(lattice), weights, engine.backend)[1]

    def total(changed: Lattice) -> float:
        return float((enumerate_paths(changed).tags @ weights).sum())

    for field in SCORES:
        expected = finite_differences(total, lattice, field)
        np.testing.assert_allclose(
            getattr(gradients, field), expected, atol=2e-6, err_msg=field
        )


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 15.0), (1.0, 1e4)], ids=str)
def test_backends_agree_on_large_batches(scales) -> None:
    scheme = TagScheme(["PER", "ORG", "LOC"])
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 40, size=12)
    potentials = random_potentials(rng, lengths, scheme.n_tags, scales)
    lattice = Lattice.build(potentials, scheme.constraints)
    weights = (np.arange(scheme.n_tags) > 0).astype(float)
    ours = expected_weight(lattice, weights, numba_backend)
    theirs = expected_weight(lattice, weights, torch_backend)
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-8)
    for field in SCORES:
        np.testing.assert_allclose(
            getattr(ours.gradients, field), getattr(theirs.gradients, field), atol=1e-6
        )


def test_adding_a_constant_weight_changes_no_gradient(
    engine: Engine, lattice: Lattice
) -> None:
    """Every path has as many tags, so that all have the same sum of equal weights."""
    result = expected_weight(engine.prepare(lattice), np.ones(3), engine.backend)
    np.testing.assert_allclose(result.values, LENGTHS)
    for gradient in result.gradients[:-1]:
        np.testing.assert_allclose(gradient, 0.0, atol=1e-9)


def test_impossible_sequences_count_nothing(engine: Engine) -> None:
    lattice = random_lattice(np.random.default_rng(1), [2, 3], 3)
    mask = np.ones((5, 3), dtype=bool)
    mask[0] = False
    broken = engine.prepare(lattice.restrict(mask))
    result = expected_weight(broken, np.ones(3), engine.backend)
    np.testing.assert_allclose(result.values, [0.0, 3.0])
    assert all(np.isfinite(np.asarray(g)).all() for g in result.gradients[:-1])
