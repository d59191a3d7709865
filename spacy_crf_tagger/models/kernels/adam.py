"""A step of Adam on the CPU, in one pass over memory."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...crf.backends.numba.compiled import borrowing_kernel

Singles = NDArray[np.float32]


class Step(NamedTuple):
    """What a step of Adam does with parameters, but for the parameters.

    scale (float): What the gradient is multiplied by, to clip it.
    beta1 (float): How much of the mean of gradients before is kept.
    beta2 (float): The same of the mean of their squares.
    eps (float): What is added to the root of the latter.
    rate (float): The rate of learning, corrected for the first steps.
    decay (float): The share of the weights that is taken from them afterwards.
    renewed (float): The share of the averages that the weights replace.
    """

    scale: float
    beta1: float
    beta2: float
    eps: float
    rate: float
    decay: float
    renewed: float


class Moments(NamedTuple):
    """What is kept of earlier steps, with a number for each weight.

    first (NDArray[float32]): Means of gradients, [n].
    second (NDArray[float32]): Means of their squares, [n].
    averages (NDArray[float32]): Moving averages of the weights, [n].
    """

    first: Singles
    second: Singles
    averages: Singles


def update(weights: Singles, gradient: Singles, moments: Moments, step: Step) -> None:
    """Do a step (Kingma and Ba 2015; weights decay as in Loshchilov and Hutter 2019).

    weights (NDArray[float32]): The weights, [n]; changed in place.
    gradient (NDArray[float32]): Their gradient, [n]; set to zero.
    moments (Moments): Changed in place.
    step (Step): How.
    """
    _update(weights, gradient, *moments, *map(np.float32, step))


def use_all() -> None:
    """Compile the kernel, or load it if that was done before."""
    one = np.ones(1, dtype=np.float32)
    moments = Moments(one.copy(), one.copy(), one.copy())
    update(one, one.copy(), moments, Step(1.0, 0.9, 0.9, 1e-8, 0.1, 0.0, 0.1))


@borrowing_kernel
def _update(  # type: ignore[no-untyped-def]
    weights,
    gradient,
    first,
    second,
    averages,
    scale,
    beta1,
    beta2,
    eps,
    rate,
    decay,
    renewed,
):
    one = np.float32(1.0)
    for n in range(weights.shape[0]):
        slope = gradient[n] * scale
        mean = first[n] * beta1 + slope * (one - beta1)
        square = second[n] * beta2 + slope * slope * (one - beta2)
        weight = weights[n] - rate * (mean / (np.sqrt(square) + eps))
        weight -= decay * weight
        first[n], second[n], weights[n] = mean, square, weight
        averages[n] -= renewed * (averages[n] - weight)
        gradient[n] = np.float32(0.0)
