"""Limits of scores, so that their sums keep enough digits."""

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import concatenate, count_true, is_tensor, to_numpy

# A path of 1,000 tokens adds up 2,001 scores. With none above this, their sum is below
# 2e9, where a double has digits down to 2e-7, and all roundings together come to less
# than 5e-4. Far larger scores leave no digits of the others.
LIMIT = 1e6
# Scores below this are as good as forbidden wherever a path without them has a sum
# above the limit: no sequence is long enough to make up for them.
FAINT = -1e15
# Of so few numbers, Python looks at each in less time than NumPy looks at all.
FEW = 64
_DIGITS_LOST = (
    "so that sums of scores would lose all digits. Scale the scores down, and forbid "
    "tags by -inf rather than by a large negative number."
)


def joined(transitions: Any, start: Any, end: Any) -> Any:
    """RETURNS (Array): The scores that do not depend on tokens, in a row."""
    return concatenate((transitions.reshape(-1), start, end))


def is_bounded(*scores: Any) -> bool:
    """RETURNS (bool): Whether no score is NaN, `+inf` or too large."""
    # The maximum is NaN if any score is: one pass, no temporary array.
    tops = [each.max() for each in scores if 0 not in each.shape]
    if tops and is_tensor(tops[0]):
        # The CPU waits for a GPU each time that it looks.
        return bool(reduce(lambda top, other: top.maximum(other), tops) <= LIMIT)
    return all(top <= LIMIT for top in tops)


def require_bounded(scores: Any, name: str) -> None:
    """Check that no score is NaN, `+inf` or too large.

    scores (Array): The scores.
    name (str): What they are called.
    RAISES (ValueError): If one is.
    """
    if is_bounded(scores):
        return
    top = float(scores.max())
    if not top < np.inf:
        raise ValueError(
            f"CRF {name} scores contain NaN or +inf. If this happens in "
            "training, lower the learning rate or clip gradients; in "
            "prediction, the weights are damaged."
        )
    raise ValueError(
        f"CRF {name} scores contain {top:g}; the largest may be {LIMIT:g}, "
        f"{_DIGITS_LOST}"
    )


def require_digits(log_scores: Any, lengths: NDArray[np.int64], what: str) -> None:
    """Check that the sums of scores have digits left where large negative scores cannot
    be avoided. Where they can, paths with them have no weight, whatever their digits.

    log_scores (Array): Log Z or the best score of each sequence, [B].
    lengths (NDArray[int]): Tokens of each sequence, [B].
    what (str): What the numbers of sequences count.
    RAISES (ValueError): If the scores of a sequence's best path are on average below
        the limit.
    """
    if are_usual(log_scores):
        return
    values = to_numpy(log_scores)
    fine = (values >= -LIMIT * (2 * lengths + 1)) | (values == -np.inf)
    if not fine.all():
        number = int(np.argmin(fine))
        raise ValueError(
            f"The best path of {what} {number} has a score of {values[number]:g}: on "
            f"average, scores may not be below {-LIMIT:g}, {_DIGITS_LOST}"
        )


def are_usual(log_scores: Any) -> bool:
    """RETURNS (bool): Whether scores of paths are above the limit of a single score."""
    if len(log_scores) <= FEW:
        return all(map((-LIMIT).__le__, log_scores.tolist()))
    return bool(log_scores.min() >= -LIMIT)


def has_faint(emissions: Any, transitions: Any, start: Any, end: Any) -> bool:
    """RETURNS (bool): Whether a score is a large negative number, but not `-inf`."""
    for scores in (emissions, joined(transitions, start, end)):
        n_low = count_true(scores < -LIMIT)
        if n_low and n_low != count_true(scores == -np.inf):
            return True
    return False
