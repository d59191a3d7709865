import numpy as np
import pytest

from spacy_crf_tagger.models import context_regression
from spacy_crf_tagger.models.context_regression import put_in_context

WIDTH = 4
PSEUDO = 5.0  # where the spread is not known


def make_words(n_words, noise, own, seed=0, most=40):
    """Words alone, what they are in context, and means of some occurrences of it."""
    rng = np.random.default_rng(seed)
    alone = rng.normal(size=(n_words, WIDTH))
    mapping = rng.normal(size=(WIDTH, WIDTH))
    truth = alone @ mapping + 3.0 + own * rng.normal(size=alone.shape)
    counts = rng.integers(0, most, size=n_words)
    scale = noise / np.sqrt(np.maximum(counts, 1))[:, None]
    means = truth + scale * rng.normal(size=truth.shape)
    means[counts == 0] = np.nan
    return alone.astype(np.float32), truth, means.astype(np.float32), counts


def solve(alone, means, counts, penalty):
    """A weighted ridge regression of departures, by its normal equations. Its intercept
    has no penalty.
    """
    weights = np.diag(counts / (counts + PSEUDO))
    design = np.hstack([alone, np.ones((len(alone), 1))])
    ridge = penalty * np.diag([1.0] * WIDTH + [0.0])
    return np.linalg.solve(
        design.T @ weights @ design + ridge, design.T @ weights @ (means - alone)
    )


def predict(alone, solution):
    return alone + np.hstack([alone, np.ones((len(alone), 1))]) @ solution


def test_as_by_leaving_out_each_word():
    alone, _, means, counts = make_words(12, noise=2.0, own=1.0)
    means = np.nan_to_num(means)
    vectors, pseudo, strength, explained = put_in_context(alone, means, counts, None)
    assert pseudo == PSEUDO
    occurs = counts > 0
    x, y, n = (each[occurs].astype(np.float64) for each in (alone, means, counts))
    trust = n / (n + PSEUDO)
    centred = x - trust @ x / trust.sum()
    unit = np.trace(centred.T @ np.diag(trust) @ centred) / WIDTH
    errors = {}
    for each in 10.0 ** np.arange(-5, 4):
        left_out = [
            predict(
                x[i : i + 1],
                solve(
                    np.delete(x, i, 0),
                    np.delete(y, i, 0),
                    np.delete(n, i),
                    each * unit,
                ),
            )[0]
            for i in range(len(x))
        ]
        errors[each] = trust @ np.square(y - left_out).sum(axis=1)
    assert strength == pytest.approx(min(errors, key=errors.get))
    variance = trust @ np.square(y - trust @ y / trust.sum()).sum(axis=1)
    assert explained == pytest.approx(1.0 - min(errors.values()) / variance)
    predicted = predict(alone, solve(x, y, n, strength * unit))
    own = (counts / (counts + PSEUDO))[:, None]
    expected = own * means + (1.0 - own) * predicted
    np.testing.assert_allclose(vectors, expected, rtol=1e-4, atol=1e-4)


def test_pseudo_occurrences_are_the_ratio_of_variances():
    alone, truth, means, counts = make_words(4000, noise=3.0, own=1.0)
    spread = 9.0 * WIDTH
    vectors, pseudo, _, explained = put_in_context(
        alone, np.nan_to_num(means), counts, spread
    )
    assert pseudo == pytest.approx(9.0, rel=0.1)
    assert 0.5 < explained < 1.0

    def error(found, where):
        return np.square(found - truth)[where].sum(axis=1).mean()

    rare = (counts > 0) & (counts < 10)
    assert error(vectors, rare) < 0.5 * error(means, rare)
    # Where a word does not occur, its own variance is what nobody can tell.
    assert error(vectors, counts == 0) == pytest.approx(WIDTH, rel=0.2)
    assert error(vectors, rare) < 0.9 * error(vectors, counts == 0)


def test_words_that_are_the_same_in_every_context():
    """Without a spread there is nothing to shrink."""
    alone, _, means, counts = make_words(100, noise=0.0, own=1.0)
    vectors, pseudo, _, _ = put_in_context(alone, np.nan_to_num(means), counts, 0.0)
    assert pseudo == 0.0
    occurs = counts > 0
    np.testing.assert_allclose(vectors[occurs], means[occurs], atol=1e-6)
    assert np.isfinite(vectors).all()


def test_words_that_follow_from_the_words_alone():
    """The more is predicted, the more predictions count."""
    alone, truth, means, counts = make_words(200, noise=1.0, own=0.0)
    vectors, pseudo, _, explained = put_in_context(
        alone, np.nan_to_num(means), counts, 1.0 * WIDTH
    )
    assert pseudo > 50.0
    assert explained > 0.9
    np.testing.assert_allclose(vectors, truth, atol=0.5)


def test_a_part_of_many_words_is_enough(monkeypatch):
    alone, truth, means, counts = make_words(1000, noise=0.1, own=0.0)
    monkeypatch.setattr(context_regression, "_MOST_FITTED", 100)
    monkeypatch.setattr(context_regression, "_BLOCK", 128)
    vectors, *_ = put_in_context(alone, np.nan_to_num(means), counts, 0.01 * WIDTH)
    np.testing.assert_allclose(vectors, truth, atol=0.1)


def test_with_one_word_others_move_along():
    alone = np.asarray([[0.0, 1.0], [2.0, 2.0]], dtype=np.float32)
    means = np.asarray([[1.0, 0.0], [np.nan, np.nan]], dtype=np.float32)
    vectors, *_ = put_in_context(alone, means, np.asarray([3, 0]), None)
    np.testing.assert_allclose(vectors, [[1.0, 0.0], [3.0, 1.0]], atol=1e-6)


@pytest.mark.parametrize("n_words", [0, 3])
def test_no_word_occurs(n_words):
    nothing = np.zeros((n_words, WIDTH), dtype=np.float32)
    with pytest.raises(ValueError, match="none of the words occurs"):
        put_in_context(nothing, nothing, np.zeros(n_words, dtype=np.int64), None)
