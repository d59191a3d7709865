"""Vectors of words in context for all words: also for those that occur rarely, or not
at all.

What a word is in context is predicted from what it is alone, by ridge regression. The
mean of a word's occurrences is shrunk towards that prediction, the more the fewer there
are (empirical Bayes; Efron and Morris 1975).
"""

from typing import NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from .ridge import STRENGTHS, Floats, fit_ridge

_N_ROUNDS = 3
_FIRST_PSEUDO = 5.0
_MOST_PSEUDO = 1e6
_BLOCK = 8192
_MOST_FITTED = 20_000


class ContextVectors(NamedTuple):
    """Vectors of words in context.

    vectors (NDArray[float32]): The vectors of all words, [words, width].
    pseudo (float): How many occurrences the prediction from the word alone counts as.
    strength (float): That of the regression, as a share of the mean variance of words
        alone.
    explained (float): The share of the variance between words in context that the
        prediction explains, of words that are held out.
    """

    vectors: NDArray[np.float32]
    pseudo: float
    strength: float
    explained: float


class _Fit(NamedTuple):
    """A regression.

    strength (float): The penalty, as a share of the mean variance of words alone.
    centre (Floats): The mean of words alone, [width].
    weights (Floats): What is added for each dimension of a centred word alone,
        [width, width].
    offset (Floats): What is added for all, [width].
    errors (Floats): The squared error of each word, if it is left out of the
        regression, [words].
    """

    strength: float
    centre: Floats
    weights: Floats
    offset: Floats
    errors: Floats


def put_in_context(
    alone: NDArray[np.float32],
    means: NDArray[np.float32],
    counts: NDArray[np.int64],
    spread: Optional[float],
) -> ContextVectors:
    """Make vectors in context.

    alone (NDArray[float32]): The vectors of words alone, [words, width].
    means (NDArray[float32]): Those of words in context; of words that do not occur,
        whatever is there, [words, width].
    counts (NDArray[int64]): How many occurrences each is the mean of; 0 where a word
        does not occur.
    spread (Optional[float]): The variance of a word from occurrence to occurrence,
        summed over the dimensions; None if it is not known.
    RETURNS (ContextVectors): The vectors, and how they came about. How many occurrences
        a prediction counts as follows from the spread and from the error of predictions
        of words that are held out; the strength of the regression has the least such
        error.
    RAISES (ValueError): If no word occurs.
    """
    occurs = np.flatnonzero(counts > 0)
    if not len(occurs):
        raise ValueError("none of the words occurs in the texts.")
    # However many words there are, as many as say all about the mapping, evenly chosen.
    occurs = occurs[:: -(-len(occurs) // _MOST_FITTED)]
    inputs = alone[occurs].astype(np.float64)
    targets = means[occurs].astype(np.float64)
    n = counts[occurs].astype(np.float64)
    pseudo, strengths = _FIRST_PSEUDO, STRENGTHS
    for _ in range(_N_ROUNDS):
        trust = n / (n + pseudo)
        fit = _fit(inputs, targets - inputs, trust, strengths)
        if spread is None:
            break
        pseudo = _count_pseudo(fit.errors, n, trust, spread)
        strengths = (fit.strength,)
    vectors = np.empty_like(alone, dtype=np.float32)
    for start in range(0, len(alone), _BLOCK):
        block = slice(start, start + _BLOCK)
        by_word = alone[block].astype(np.float64)
        predicted = by_word + fit.offset + (by_word - fit.centre) @ fit.weights
        n_own = counts[block, None]
        own = n_own / np.maximum(n_own + pseudo, 1.0)
        mixed = own * means[block] + (1.0 - own) * predicted
        vectors[block] = np.where(n_own > 0, mixed, predicted)
    return ContextVectors(
        vectors, pseudo, fit.strength, _share_explained(fit.errors, targets, trust)
    )


def _fit(
    inputs: Floats, targets: Floats, trust: Floats, strengths: Sequence[float]
) -> _Fit:
    """Fit a regression whose targets are departures from the inputs, so that without
    data a word in context is the word alone.
    """
    total = trust.sum()
    centre, offset = trust @ inputs / total, trust @ targets / total
    ridge = fit_ridge(
        inputs - centre, targets - offset, trust, strengths, is_centred=True
    )
    return _Fit(ridge.strength, centre, ridge.weights, offset, ridge.errors)


def _count_pseudo(errors: Floats, n: Floats, trust: Floats, spread: float) -> float:
    """RETURNS (float): How many occurrences a prediction is worth. The error of a word
    is the variance around its prediction, and the spread of a mean of occurrences.
    """
    between = float(trust @ (errors - spread / n)) / float(trust.sum())
    return min(spread / max(between, spread / _MOST_PSEUDO), _MOST_PSEUDO)


def _share_explained(errors: Floats, targets: Floats, trust: Floats) -> float:
    total = np.square(targets - trust @ targets / trust.sum()).sum(axis=1)
    variance = float(trust @ total)
    return 1.0 - float(trust @ errors) / variance if variance else 0.0
