"""How far scores would be off on other documents of the same kind, and whether one
pipeline's F is higher than another's by chance.
"""

from typing import Iterator, Tuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def f_score(counts: ArrayLike) -> NDArray[np.float64]:
    """Compute F.

    counts (ArrayLike): True positives, predicted and annotated entities, [..., 3].
    RETURNS (NDArray[float64]): F, zero where there are none, [...].
    """
    counts = np.asarray(counts)
    right, predicted, annotated = np.moveaxis(counts, -1, 0)
    return np.asarray(2 * right / np.maximum(predicted + annotated, 1), np.float64)


def resampled_totals(
    document: ArrayLike,
    label: ArrayLike,
    counts: ArrayLike,
    shape: Tuple[int, int],
    n_samples: int = 1000,
    seed: int = 0,
) -> Floats:
    """Draw test sets of as many documents, with replacement (Efron 1979, "Bootstrap
    methods"), and count what is in each. The same seed draws the same documents.

    document (ArrayLike): The document of each row of counts, [R].
    label (ArrayLike): Its label, [R].
    counts (ArrayLike): Its true positives, predicted and annotated entities, [R, 3].
    shape (Tuple[int, int]): The number of documents, D, and of labels, L.
    n_samples (int): How many test sets are drawn, S.
    seed (int): Of the draws.
    RETURNS (NDArray[float64]): The totals of each label in each test set, [S, L, 3].
    """
    n_documents, n_labels = shape
    rows, of_label = np.asarray(document, np.int64), np.asarray(label, np.int64)
    columns = np.asarray(counts, np.float64).reshape(-1, 3).T
    totals = np.zeros((n_samples, n_labels, 3))
    for sample, times in enumerate(_draws(n_documents, n_samples, seed)):
        weights = times[rows]
        for column, values in enumerate(columns):
            totals[sample, :, column] = np.bincount(
                of_label, weights * values, minlength=n_labels
            )
    return totals


def interval(values: ArrayLike, level: float = 0.95) -> Tuple[float, float]:
    """Find between which bounds most of the drawn values are.

    values (ArrayLike): The values, one at least.
    level (float): The share of them that lies between the bounds.
    RETURNS (Tuple[float, float]): The lower and the upper bound.
    """
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(np.asarray(values, np.float64), [tail, 100.0 - tail])
    return float(low), float(high)


def paired_bootstrap(
    ours: Counts, theirs: Counts, n_samples: int = 10_000, seed: int = 0
) -> float:
    """Test whether the mean F of a model over its seeds is above that of another, by
    the paired bootstrap over documents (Berg-Kirkpatrick, Burkett and Klein 2012, "An
    empirical investigation of statistical significance in NLP"): all models are scored
    on the same documents, which are drawn with replacement.

    ours (NDArray[int]): For each seed and document its true positives, predicted and
        annotated entities, [S, D, 3].
    theirs (NDArray[int]): The same of the other model, [S, D, 3].
    n_samples (int): How many times a test set is drawn.
    seed (int): Of the draws.
    RETURNS (float): The p-value for two sides: how often a difference at least as
        large, either way, is drawn if there is none.
    """
    n_documents = ours.shape[1]
    both = np.stack([ours, theirs])  # [2, S, D, 3]
    observed = difference(both.sum(2))
    drawn = np.empty(n_samples)
    for n, times in enumerate(_draws(n_documents, n_samples, seed)):
        drawn[n] = difference(np.einsum("msdc,d->msc", both, times))
    # The draws scatter about the observed difference as they would about none.
    extreme = np.abs(drawn - observed) >= abs(observed)
    return float((1 + extreme.sum()) / (1 + n_samples))


def difference(totals: Counts) -> float:
    """Compare the mean F of two models.

    totals (NDArray[int]): The counts of both models and each of their seeds, [2, S, 3].
    RETURNS (float): The F of the first less that of the second.
    """
    means = f_score(totals).mean(1)
    return float(means[0] - means[1])


def _draws(n_documents: int, n_samples: int, seed: int) -> Iterator[Counts]:
    """YIELDS (NDArray[int]): How often each document is in a test set, [D]."""
    rng = np.random.default_rng(seed)
    for _ in range(n_samples):
        drawn = rng.integers(n_documents, size=n_documents)
        yield np.bincount(drawn, minlength=n_documents)
