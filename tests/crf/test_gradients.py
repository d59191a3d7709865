"""Losses and their gradients, against differences of the loss and a list of paths."""

from typing import Callable

import numpy as np
import pytest

from spacy_crf_tagger.crf import (
    Lattice,
    Potentials,
    divergence,
    log_partition,
    negative_log_likelihood,
    path_loss,
    viterbi,
)
from spacy_crf_tagger.crf.backends.numba import backend as numba_backend

from .brute_force import (
    Floats,
    all_paths,
    path_log_probabilities,
    random_constraints,
    random_mask,
    random_potentials,
    rows_of,
)
from .conftest import Engine

LENGTHS = [3, 0, 1, 5]
SCORES = ["emissions", "transitions", "start", "end"]


class Problem:
    """Scores, tag constraints, and an annotation that agrees with them."""

    def __init__(self, seed: int, unknown: float) -> None:
        rng = np.random.default_rng(seed)
        self.potentials = random_potentials(rng, LENGTHS, n_tags=4)
        self.constraints = random_constraints(rng, n_tags=4, forbidden=0.2)
        self.constraints.transitions[0, 0] = self.constraints.start[0] = True
        self.constraints.end[0] = True
        other = random_potentials(rng, LENGTHS, n_tags=4)
        tags = viterbi(Lattice.build(other, self.constraints)).tags
        self.annotation = np.eye(4, dtype=bool)[tags]
        self.annotation |= rng.random((len(tags), 1)) < unknown
        self.annotation |= rng.random(self.annotation.shape) < unknown / 2

    def free(self, potentials: Potentials) -> Lattice:
        return Lattice.build(potentials, self.constraints)

    def known(self, potentials: Potentials) -> Lattice:
        return self.free(potentials).restrict(self.annotation)


def numeric_gradient(
    loss: Callable[[Potentials], float], potentials: Potentials, name: str
) -> Floats:
    """Central differences of a loss, for one of the four arrays of scores."""
    step = 1e-5
    scores = getattr(potentials, name)
    gradient = np.zeros_like(scores)
    for index in np.ndindex(scores.shape):
        values = []
        for sign in (1, -1):
            moved = scores.copy()
            moved[index] += sign * step
            values.append(loss(potentials._replace(**{name: moved})))
        gradient[index] = (values[0] - values[1]) / (2 * step)
    return gradient


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("unknown", [0.0, 0.4], ids=["full", "partial"])
def test_gradient_of_likelihood(unknown: float, name: str, backend) -> None:
    problem = Problem(seed=1, unknown=unknown)

    def loss(potentials: Potentials) -> float:
        free, known = problem.free(potentials), problem.known(potentials)
        return float(negative_log_likelihood(free, known, backend)[0].sum())

    _, gradients = negative_log_likelihood(
        problem.free(problem.potentials), problem.known(problem.potentials), backend
    )
    expected = numeric_gradient(loss, problem.potentials, name)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(getattr(gradients, name), expected, atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("unknown", [0.0, 0.4], ids=["full", "partial"])
def test_likelihood_counts_the_paths_that_agree(
    seed: int, unknown: float, engine: Engine
) -> None:
    problem = Problem(seed, unknown)
    free, known = problem.free(problem.potentials), problem.known(problem.potentials)
    losses, gradients = negative_log_likelihood(
        engine.prepare(free), engine.prepare(known), engine.backend
    )
    expected = []
    for rows, log_p in zip(rows_of(LENGTHS), path_log_probabilities(free), strict=True):
        paths = all_paths(len(rows), n_tags=4)
        agrees = problem.annotation[rows, paths].all(axis=1)
        expected.append(-np.log(np.exp(log_p[agrees]).sum()))
    np.testing.assert_allclose(losses, expected, atol=1e-10)
    np.testing.assert_array_equal(gradients.lengths, LENGTHS)


@pytest.mark.parametrize("seed", range(5))
def test_loss_of_a_path_is_that_of_the_lattice_with_this_path(
    seed: int, dtype: type, engine: Engine
) -> None:
    problem = Problem(seed, unknown=0.0)
    potentials = Potentials._make(
        [*(part.astype(dtype) for part in problem.potentials[:-1]), LENGTHS]
    )
    free, known = problem.free(potentials), problem.known(potentials)
    tags = problem.annotation.argmax(axis=1)
    expected, expected_gradients = negative_log_likelihood(free, known, numba_backend)
    losses, gradients = path_loss(engine.prepare(free), tags, engine.backend)
    np.testing.assert_allclose(losses, expected, rtol=1e-6, atol=1e-9)
    assert str(gradients.emissions.dtype).endswith(np.dtype(dtype).name)
    for own, other in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-6)


def test_path_that_is_no_path_is_refused(engine: Engine) -> None:
    problem = Problem(seed=0, unknown=0.0)
    tags = problem.annotation.argmax(axis=1)
    free = engine.prepare(problem.free(problem.potentials))
    for wrong in (tags[:-1], np.where(tags == tags[0], 4, tags), tags - 4):
        with pytest.raises(ValueError, match="one tag from 0 to 3 for each of"):
            path_loss(free, wrong, engine.backend)
    forbidden = np.ones(problem.annotation.shape, dtype=bool)
    forbidden[0, tags[0]] = False
    with pytest.raises(ValueError, match="forbidden for sequence 0"):
        path_loss(free.restrict(forbidden), tags, engine.backend)


def teacher_of(problem: Problem, seed: int) -> Lattice:
    """A distribution that allows part of what the problem allows."""
    rng = np.random.default_rng(seed + 1000)
    potentials = random_potentials(rng, LENGTHS, n_tags=4, scales=(2.0,))
    allowed = random_mask(rng, potentials, forbidden=0.3, always_possible=True)
    return problem.free(potentials).restrict(allowed)


@pytest.mark.parametrize("name", SCORES)
def test_gradient_of_divergence(name: str, backend) -> None:
    problem = Problem(seed=2, unknown=0.0)
    teacher = teacher_of(problem, seed=2)

    def loss(potentials: Potentials) -> float:
        return float(divergence(problem.free(potentials), teacher, backend)[0])

    _, gradients = divergence(problem.free(problem.potentials), teacher, backend)
    expected = numeric_gradient(loss, problem.potentials, name)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(getattr(gradients, name), expected, atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_divergence_is_the_sum_over_all_paths(seed: int, engine: Engine) -> None:
    problem = Problem(seed, unknown=0.0)
    student, teacher = problem.free(problem.potentials), teacher_of(problem, seed)
    value, _ = divergence(
        engine.prepare(student), engine.prepare(teacher), engine.backend
    )
    expected = 0.0
    for ours, theirs in zip(
        path_log_probabilities(student), path_log_probabilities(teacher), strict=True
    ):
        possible = theirs > -np.inf
        log_ratio = theirs[possible] - ours[possible]
        expected += (np.exp(theirs[possible]) * log_ratio).sum()
    assert float(value) == pytest.approx(expected, abs=1e-9)
    assert expected > 0.1


def test_no_divergence_from_itself(engine: Engine) -> None:
    problem = Problem(seed=3, unknown=0.0)
    lattice = engine.prepare(teacher_of(problem, seed=3))
    value, gradients = divergence(lattice, lattice, engine.backend)
    assert float(value) == pytest.approx(0.0, abs=1e-12)
    for name in SCORES:
        assert not np.asarray(getattr(gradients, name)).any()


def test_likelihood_is_a_difference_of_partition_functions(engine: Engine) -> None:
    problem = Problem(seed=4, unknown=0.4)
    free = engine.prepare(problem.free(problem.potentials))
    known = engine.prepare(problem.known(problem.potentials))
    losses, _ = negative_log_likelihood(free, known, engine.backend)
    difference = log_partition(free, engine.backend) - log_partition(
        known, engine.backend
    )
    np.testing.assert_allclose(losses, difference, atol=1e-10)


def test_lattices_of_different_sequences_are_not_compared() -> None:
    scores = random_potentials(np.random.default_rng(0), [2], n_tags=2)
    free = Lattice.build(scores)
    split = Lattice.build(scores._replace(lengths=np.array([1, 1])))
    for compare in (negative_log_likelihood, divergence):
        with pytest.raises(ValueError, match="lengths of their sequences"):
            compare(free, split)


def test_divergence_needs_a_path_in_both_lattices() -> None:
    free = Lattice.build(random_potentials(np.random.default_rng(0), [2], n_tags=2))
    impossible = free.restrict(np.zeros((2, 2), dtype=bool))
    for student, teacher in ((free, impossible), (impossible, free)):
        with pytest.raises(ValueError, match="sequence 0 of the batch"):
            divergence(student, teacher)
