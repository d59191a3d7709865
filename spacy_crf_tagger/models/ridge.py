"""Ridge regression (Hoerl and Kennard 1970) whose strength is that with the least error
for rows that are left out.
"""

from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

STRENGTHS = tuple(10.0**exponent for exponent in range(-5, 4))
_LEAST = 1e-30

Floats = NDArray[np.float64]


class Ridge(NamedTuple):
    """A regression through the origin.

    strength (float): The penalty, as a share of the mean variance of the inputs.
    weights (Floats): From inputs to targets, [inputs, targets].
    errors (Floats): The squared error of each row, if it is left out of the
        regression, [rows].
    """

    strength: float
    weights: Floats
    errors: Floats


def fit_ridge(
    inputs: Floats,
    targets: Floats,
    trust: Floats,
    strengths: Sequence[float] = STRENGTHS,
    is_centred: bool = False,
) -> Ridge:
    """Fit a regression. Errors of rows that are left out have a closed form, that of
    the hat matrix (Allen 1974).

    inputs (Floats): What is predicted from, [rows, inputs].
    targets (Floats): What is predicted, [rows, targets].
    trust (Floats): The weight of each row, [rows].
    strengths (Sequence[float]): The strengths to choose from.
    is_centred (bool): Whether the means of these rows were taken out of inputs and
        targets, so that a row that is left out changes them as well.
    RETURNS (Ridge): The regression.
    """
    weighted = inputs * trust[:, None]
    values, axes = np.linalg.eigh(inputs.T @ weighted)
    values = np.maximum(values, 0.0)
    along = inputs @ axes  # [rows, inputs]
    effects = axes.T @ (weighted.T @ targets)
    unit = max(float(values.mean()), _LEAST)
    of_mean = 1.0 / trust.sum() if is_centred else 0.0
    best: Optional[Tuple[float, float, Floats]] = None
    for strength in strengths:
        shrunk = 1.0 / (values + strength * unit)
        leverage = trust * (of_mean + np.square(along) @ shrunk)
        residuals = targets - along @ (effects * shrunk[:, None])
        # A row that fits itself whatever the others are has a leverage of 1.
        left_out = np.maximum(1.0 - leverage, 1e-6)
        errors: Floats = np.square(residuals).sum(axis=1) / np.square(left_out)
        error = float(trust @ errors)
        if best is None or error < best[0]:
            best = error, strength, errors
    assert best is not None
    _, strength, errors = best
    weights = axes @ (effects / (values + strength * unit)[:, None])
    return Ridge(strength, weights, errors)
