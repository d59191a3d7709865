"""Precision and recall over the threshold."""

from typing import List, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

_MOST_POINTS = 200


class CurvePoint(NamedTuple):
    """What a threshold does.

    threshold (float): The least probability of a prediction that is kept.
    precision (float): The share of what is kept that is right.
    recall (float): The share of what is annotated that is kept.
    f (float): Their harmonic mean.
    """

    threshold: float
    precision: float
    recall: float
    f: float


def precision_recall(
    probabilities: ArrayLike, right: ArrayLike, n_gold: int
) -> List[CurvePoint]:
    """Compute precision and recall of the predictions that a threshold keeps, for every
    threshold that changes something; of many, for some of them.

    probabilities (ArrayLike): Of each prediction, [E]; NaN for those without, which are
        always kept.
    right (ArrayLike): Whether each one is right, [E].
    n_gold (int): How many are annotated.
    RETURNS (List[CurvePoint]): The curve, from the lowest threshold to the highest;
        nothing if no prediction has a probability, or nothing is annotated.
    """
    scores = np.asarray(probabilities, np.float64)
    scores = np.where(np.isnan(scores), np.inf, scores)
    if n_gold == 0 or not np.isfinite(scores).any():
        return []
    order = np.argsort(-scores, kind="stable")
    scores, correct = scores[order], np.asarray(right, np.int64)[order]
    n_right, n_kept = np.cumsum(correct), np.arange(1, len(scores) + 1)
    # A threshold keeps all predictions of the same probability.
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    last = last[np.isfinite(scores[last])][::-1]
    if len(last) > _MOST_POINTS:
        last = last[np.linspace(0, len(last) - 1, _MOST_POINTS).round().astype(int)]
    return [
        CurvePoint(
            float(scores[n]),
            float(n_right[n] / n_kept[n]),
            float(n_right[n] / n_gold),
            float(2 * n_right[n] / (n_kept[n] + n_gold)),
        )
        for n in last.tolist()
    ]
