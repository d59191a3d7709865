"""Scores of cleanlab for the annotation of tokens."""

import numpy as np
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
# Of a label in BILUO.
N_POSITIONS = 4

ByDoc = dict[int, NDArray[np.float64]]


def cleanlab_scores(
    marginals: ByDoc, tags: dict[int, NDArray[np.int64]]
) -> dict[str, ByDoc]:
    """Score tokens by all methods of cleanlab: with tags as classes, and with labels.

    marginals (dict[int, NDArray[float]]): The probabilities of the tags of each
        document's tokens.
    tags (dict[int, NDArray[int]]): Their annotated tags.
    RETURNS (dict[str, dict[int, NDArray[float]]]): The scores by the method's name and
        the document: the higher, the worse is the annotation.
    """
    numbers = sorted(marginals)
    limits = np.cumsum([len(tags[n]) for n in numbers])[:-1]
    by_tag = np.concatenate([marginals[n] for n in numbers]).astype(np.float64)
    annotated = np.concatenate([tags[n] for n in numbers])
    outside, inside = by_tag[:, :1], by_tag[:, 1:]
    summed = inside.reshape(len(inside), -1, N_POSITIONS).sum(2)
    classes = {
        "tags": (annotated, by_tag),
        "labels": (
            (annotated + N_POSITIONS - 1) // N_POSITIONS,
            np.hstack([outside, summed]),
        ),
    }
    results = {}
    for kind, (labels, probabilities) in classes.items():
        probabilities = probabilities / probabilities.sum(1, keepdims=True)
        for method in METHODS:
            for adjusts in (False, True):
                if adjusts and method == "confidence_weighted_entropy":
                    continue
                quality = get_label_quality_scores(
                    labels, probabilities, method=method, adjust_pred_probs=adjusts
                )
                name = f"{method} of {kind}" + (", adjusted" if adjusts else "")
                split = np.split(1.0 - quality, limits)
                results[name] = dict(zip(numbers, split, strict=True))
    return results
