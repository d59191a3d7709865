"""Whether one model's F is higher than another's by chance."""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def f_score(counts: Counts) -> NDArray[np.float64]:
    """RETURNS (NDArray[float]): F of true positives, predicted and annotated entities,
    which are on the last axis; zero where there are none.
    """
    right, predicted, annotated = np.moveaxis(counts, -1, 0)
    return np.asarray(2 * right / np.maximum(predicted + annotated, 1), np.float64)


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
    rng = np.random.default_rng(seed)
    both = np.stack([ours, theirs])  # [2, S, D, 3]
    observed = difference(both.sum(2))
    drawn = np.empty(n_samples)
    for n in range(n_samples):
        times = np.bincount(
            rng.integers(n_documents, size=n_documents), minlength=n_documents
        )
        drawn[n] = difference(np.einsum("msdc,d->msc", both, times))
    # The draws scatter about the observed difference as they would about none.
    extreme = np.abs(drawn - observed) >= abs(observed)
    return float((1 + extreme.sum()) / (1 + n_samples))


def difference(totals: Counts) -> float:
    """RETURNS (float): The difference of the mean F of two models, [2, S, 3]."""
    means = f_score(totals).mean(1)
    return float(means[0] - means[1])
