"""Random paths: their frequencies against the probabilities of all paths."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import chi2_contingency, chisquare

from spacy_crf_tagger.crf import Lattice, Potentials, forward_backward, paths, sample
from spacy_crf_tagger.crf.backends.numba import backend as numba_backend
from spacy_crf_tagger.crf.backends.torch import backend as torch_backend
from spacy_crf_tagger.crf.backends.torch import paths as torch_paths

from .brute_force import (
    Floats,
    Ints,
    path_log_probabilities,
    random_lattice,
    rows_of,
    score_tags,
)
from .conftest import Engine
from .test_properties import every_lattice, lattices, seeds

LENGTHS = [3, 0, 5, 1, 2]
ALMOST_ONE = np.nextafter(1.0, 0.0)


def draw(engine: Engine, lattice: Lattice, n: int, seed: int) -> Ints:
    return np.asarray(sample(engine.prepare(lattice), n, seed, engine.backend))


def assert_frequencies(counts: Ints, probabilities: Floats) -> None:
    """Pearson's test; what is too rare for it is counted together."""
    counts, expected = np.asarray(counts), probabilities * counts.sum()
    assert not counts[probabilities == 0.0].any()
    rare = expected < 10.0
    counts = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    if expected[-1] < 1.0:
        counts, expected = counts[:-1], expected[:-1]
    expected *= counts.sum() / expected.sum()
    if len(counts) > 1:
        assert chisquare(counts, expected).pvalue > 1e-3


def path_numbers(tags: Ints, n_tags: int) -> Ints:
    """The places of paths [n, length] in `all_paths`, [n]."""
    return tags @ n_tags ** np.arange(tags.shape[1])[::-1]


@pytest.mark.parametrize("forbidden", [0.0, 0.4])
@pytest.mark.parametrize("scales", [(1.0,), (0.5, 1e4)], ids=str)
def test_frequencies_are_probabilities(
    engine: Engine, dtype: type, forbidden: float, scales: tuple
) -> None:
    n_tags, n = 3, 20_000
    lattice = random_lattice(
        np.random.default_rng(9), LENGTHS, n_tags, scales, forbidden, True, dtype
    )
    tags = draw(engine, lattice, n, seed=0)
    assert tags.shape == (n, sum(LENGTHS))
    logs = path_log_probabilities(lattice)
    for rows, log_probabilities in zip(rows_of(LENGTHS), logs, strict=True):
        numbers = path_numbers(tags[:, rows], n_tags)
        counts = np.bincount(numbers, minlength=n_tags ** len(rows))
        assert_frequencies(counts, np.exp(log_probabilities))
    marginals = forward_backward(lattice)
    for row, probabilities in enumerate(marginals.tags.astype(np.float64)):
        counts = np.bincount(tags[:, row], minlength=n_tags)
        assert_frequencies(counts, probabilities)


def test_draws_without_transitions(engine: Engine) -> None:
    weights = np.array([[0.2, 0.0, 0.5, 0.3], [0.9, 0.1, 0.0, 0.0]])
    with np.errstate(divide="ignore"):
        potentials = Potentials(np.log(weights), None, None, None, np.array([2]))
    tags = draw(engine, Lattice.build(potentials), 20_000, seed=1)
    for row, probabilities in enumerate(weights):
        assert_frequencies(np.bincount(tags[:, row], minlength=4), probabilities)


def test_draws_are_independent(engine: Engine) -> None:
    """Of each other, and of those of other sequences with the same scores."""
    lattice = random_lattice(np.random.default_rng(10), [2], n_tags=3)
    twice = replace(
        lattice,
        emissions=np.concatenate([lattice.emissions] * 2),
        lengths=np.array([2, 2]),
    )
    tags = draw(engine, twice, 20_000, seed=2)
    first, second = path_numbers(tags[:, :2], 3), path_numbers(tags[:, 2:], 3)
    for a, b in ((first, second), (first[:-1], first[1:])):
        table = np.bincount(a * 9 + b, minlength=81).reshape(9, 9)
        common = table.sum(axis=1) > 500
        table = table[np.ix_(common, common)]
        assert table.shape[0] > 2
        assert chi2_contingency(table).pvalue > 1e-3


@every_lattice
@given(lattice=lattices(), seed=seeds)
def test_draws_are_allowed(engine: Engine, lattice: Lattice, seed: int) -> None:
    for tags in draw(engine, lattice, 5, seed):
        assert np.isfinite(score_tags(lattice, tags)).all()


@every_lattice
@given(lattice=lattices())
@pytest.mark.parametrize("uniform", [0.0, 0.5, ALMOST_ONE])
def test_draws_are_allowed_at_the_limits_of_random_numbers(
    engine: Engine, uniform: float, lattice: Lattice
) -> None:
    uniforms = np.full((1, len(lattice.emissions)), uniform)
    tags = np.asarray(engine.backend.sample(engine.prepare(lattice), uniforms))
    assert np.isfinite(score_tags(lattice, tags[0])).all()


@pytest.mark.parametrize("uniform", [0.0, ALMOST_ONE])
def test_no_limit_is_a_tag_without_weight(engine: Engine, uniform: float) -> None:
    """Impossible tags, and possible ones whose weight is rounded to zero, around a few
    whose weights add up with rounding errors.
    """
    rng = np.random.default_rng(11)
    emissions = rng.normal(size=(2000, 12))
    emissions[:, [0, 1, 10, 11]] = [-np.inf, -800.0, -1e4, -np.inf]
    lengths = np.full(1000, 2)
    lattice = Lattice.build(Potentials(emissions, None, None, None, lengths))
    uniforms = np.full((1, 2000), uniform)
    tags = np.asarray(engine.backend.sample(engine.prepare(lattice), uniforms))
    expected = 2 if uniform == 0.0 else 9
    assert (tags == expected).all()


def test_torch_draws_a_possible_tag_where_rounding_leaves_none() -> None:
    """A random number of 1 stands in for the rounding errors of a parallel sum."""
    lattice = random_lattice(np.random.default_rng(12), LENGTHS, n_tags=4)
    lattice = lattice.restrict(np.tile([False, True, True, False], (sum(LENGTHS), 1)))
    tags = torch_backend.sample(lattice, np.ones((1, sum(LENGTHS))))
    assert np.isin(tags, [1, 2]).all()


def test_a_seed_is_a_result(engine: Engine) -> None:
    lattice = random_lattice(np.random.default_rng(13), [6, 0, 9], n_tags=5)
    tags = draw(engine, lattice, 20, seed=3)
    np.testing.assert_array_equal(draw(engine, lattice, 20, seed=3), tags)
    assert (draw(engine, lattice, 20, seed=4) != tags).any()
    np.testing.assert_array_equal(draw(engine, lattice, 7, seed=3), tags[:7])


@every_lattice
@given(lattice=lattices(), seed=seeds)
def test_backends_draw_the_same(lattice: Lattice, seed: int) -> None:
    np.testing.assert_array_equal(
        sample(lattice, 10, seed, numba_backend),
        sample(lattice, 10, seed, torch_backend),
    )


@pytest.mark.parametrize("limit", [1, 31])
def test_chunks_do_not_change_the_draws(
    engine: Engine, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lattice = random_lattice(np.random.default_rng(14), LENGTHS, n_tags=3)
    whole = draw(engine, lattice, 17, seed=5)
    monkeypatch.setattr(paths, "_MAX_NUMBERS", limit)
    np.testing.assert_array_equal(draw(engine, lattice, 17, seed=5), whole)
    monkeypatch.setattr(torch_paths, "_MAX_CELLS", limit)
    np.testing.assert_array_equal(draw(engine, lattice, 17, seed=5), whole)


@pytest.mark.parametrize("lengths", [[], [0, 0]])
def test_draws_from_empty_sequences(lengths: list, engine: Engine) -> None:
    lattice = random_lattice(np.random.default_rng(0), lengths, n_tags=3)
    assert draw(engine, lattice, 4, seed=0).shape == (4, 0)
