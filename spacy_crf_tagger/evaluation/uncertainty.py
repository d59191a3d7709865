"""How unsure a model is of texts, by the distribution over all analyses of each."""

from enum import Enum
from typing import Any, Callable, Dict, NamedTuple, Tuple, cast

import numpy as np
from numpy.typing import NDArray

from ..crf import Lattice, forward_backward, log_partition, viterbi
from ..crf.arrays import to_numpy

Floats = NDArray[np.float64]


class Measure(str, Enum):
    """What is measured of a text."""

    entropy = "entropy"
    mnlp = "mnlp"
    change = "change"


class Uncertainty(NamedTuple):
    """How unsure a model is.

    totals (NDArray[float64]): The measure of each sequence, [B].
    by_token (NDArray[float64]): The entropy of the tags of each token, [N]: what a
        sequence is unsure about.
    """

    totals: Floats
    by_token: Floats


def measure_uncertainty(lattice: Lattice, measure: Measure) -> Uncertainty:
    """Measure how unsure a model is of each sequence.

    lattice (Lattice): The lattice of a ragged batch.
    measure (Measure): `entropy` is that of the distribution over all analyses (Mann and
        McCallum 2007, "Efficient computation of entropy gradient for semi-supervised
        conditional random fields"); `mnlp` is −log of the probability of the best
        analysis (Shen et al. 2018, "Deep active learning for named entity recognition",
        who divide it by the number of tokens); `change` is the expected squared
        length of the gradient by the scores of the tags, if the sequence were annotated
        (Settles and Craven 2008, "An analysis of active learning strategies for
        sequence labeling tasks").
    RETURNS (Uncertainty): The measure, in nats but for `change`.
    RAISES (ValueError): If large negative scores leave no digits, or every path of a
        sequence is forbidden.
    """
    tags = to_numpy(forward_backward(lattice).tags).astype(np.float64)
    totals = _MEASURES[measure](lattice, tags)
    return Uncertainty(totals, _entropy_of_rows(tags))


def entropies(lattice: Lattice) -> Floats:
    """Compute the entropy of the distribution over all paths: log Z less the expected
    score of a path.

    lattice (Lattice): The lattice of a ragged batch.
    RETURNS (NDArray[float64]): The entropy of each sequence in nats, [B].
    """
    # Each by itself, since expected transitions are summed over what is given at once.
    single = (lattice.select(np.array([n])) for n in range(len(lattice.lengths)))
    return np.array([_entropy(each) for each in single], dtype=np.float64)


def _entropy(lattice: Lattice) -> float:
    marginals = forward_backward(lattice)
    expected = sum(
        _dot(np.asarray(to_numpy(weights)), np.asarray(to_numpy(scores)))
        for weights, scores in zip(marginals[1:], lattice.scores, strict=True)
    )
    # Rounding must not make it negative.
    return max(float(marginals.log_z[0]) - expected, 0.0)


def _dot(weights: NDArray[Any], scores: NDArray[Any]) -> float:
    """RETURNS (float): The sum of scores by their weights; those that are forbidden
    have none.
    """
    occurs = weights > 0
    products = weights[occurs].astype(np.float64) * scores[occurs]
    return float(products.sum())


def _best(lattice: Lattice, tags: Floats) -> Floats:
    scores = to_numpy(viterbi(lattice).scores)
    return cast(Floats, np.maximum(to_numpy(log_partition(lattice)) - scores, 0.0))


def _change(lattice: Lattice, tags: Floats) -> Floats:
    """RETURNS (NDArray[float64]): The gradient by the scores of a token's tags is the
    annotated one, as 1, less the marginals; the expectation of its square is
    1 - Σ marginal².
    """
    return _sums(1.0 - (tags**2).sum(axis=1), lattice)


def _sums(values: Floats, lattice: Lattice) -> Floats:
    """RETURNS (NDArray[float64]): The sum over the tokens of each sequence, [B]."""
    behind = np.cumsum(lattice.lengths)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return cast(Floats, sums[behind] - sums[behind - lattice.lengths])


def _entropy_of_rows(tags: Floats) -> Floats:
    return cast(Floats, -(tags * np.log(np.maximum(tags, 1e-300))).sum(axis=1))


_MEASURES: Dict[Measure, Callable[[Lattice, Floats], Floats]] = {
    Measure.entropy: lambda lattice, _: entropies(lattice),
    Measure.mnlp: _best,
    Measure.change: _change,
}


def shares_of_words(
    words: NDArray[np.uint64], by_token: Floats, most: int
) -> Tuple[NDArray[np.uint64], Floats]:
    """Find out which words of a text a model is unsure about.

    words (NDArray[uint64]): The word of each token, [N].
    by_token (NDArray[float64]): How unsure it is of each token, [N].
    most (int): How many words at most.
    RETURNS (Tuple[NDArray[uint64], NDArray[float64]]): Different words, and which share
        of the whole each has, the largest first.
    """
    total = float(by_token.sum())
    if total <= 0.0:
        return words[:0], by_token[:0]
    different, numbers = np.unique(words, return_inverse=True)
    shares = np.bincount(numbers.ravel(), by_token, len(different)) / total
    first = np.argsort(-shares, kind="stable")[:most]
    return different[first], shares[first]
