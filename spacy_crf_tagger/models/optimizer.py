"""Thinc's Adam, a fraction of whose time is enough on the CPU."""

from typing import Any, List, Tuple, Union

import numpy as np
from thinc.api import Optimizer
from thinc.types import FloatsXd

from . import kernels

# A number, or what a schedule of Thinc yields.
Rate = Union[float, List[float], Any]
_LARGEST_DECAY = 0.9999  # of averages, as Thinc has it


def make_adam(
    learn_rate: Rate = 0.001,
    *,
    L2: Rate = 0.0,
    beta1: Rate = 0.9,
    beta2: Rate = 0.999,
    eps: Rate = 1e-8,
    grad_clip: Rate = 1.0,
    L2_is_weight_decay: bool = True,
    use_averages: bool = True,
) -> Optimizer:
    """Create the optimizer `spacy_crf_tagger.Adam.v1`, which is Thinc's `Adam.v1`
    (Kingma and Ba 2015) with the same settings and the same results up to rounding. On
    the CPU it updates and averages a parameter in one pass over memory.

    learn_rate (Union[float, List[float], Schedule]): The rate of learning.
    L2 (Union[float, List[float], Schedule]): The penalty on weights.
    beta1 (Union[float, List[float], Schedule]): How much of the mean of earlier
        gradients is kept.
    beta2 (Union[float, List[float], Schedule]): The same of the mean of their squares.
    eps (Union[float, List[float], Schedule]): What is added to the root of the latter.
    grad_clip (Union[float, List[float], Schedule]): The largest norm of a parameter's
        gradient; 0 for any.
    L2_is_weight_decay (bool): Whether weights decay by L2, and not their gradients.
    use_averages (bool): Whether moving averages of the weights are kept.
    RETURNS (Optimizer): The optimizer.
    """
    return FusedAdam(
        learn_rate,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
        use_radam=False,
    )


class FusedAdam(Optimizer):
    """Thinc's optimizer, whose steps on the CPU are compiled."""

    __slots__: List[str] = []

    def __call__(
        self,
        key: Tuple[int, str],
        weights: FloatsXd,
        gradient: FloatsXd,
        *,
        lr_scale: float = 1.0,
    ) -> Tuple[FloatsXd, FloatsXd]:
        """Update weights by their gradient.

        key (Tuple[int, str]): The id of the layer, and the name of the parameter.
        weights (FloatsXd): The weights; changed in place, on the CPU.
        gradient (FloatsXd): Their gradient; set to zero, on the CPU.
        lr_scale (float): What the rate of learning is multiplied by.
        RETURNS (Tuple[FloatsXd, FloatsXd]): The new weights, and zeros.
        """
        if self._can_fuse(weights, gradient):
            self._update(key, weights, gradient, lr_scale)
            return weights, gradient
        result: Tuple[FloatsXd, FloatsXd] = super().__call__(
            key, weights, gradient, lr_scale=lr_scale
        )
        return result

    def _update(
        self, key: Tuple[int, str], weights: Any, gradient: Any, lr_scale: float
    ) -> None:
        from .kernels.adam import Moments, Step, update

        kept: Any
        for kept in (self.mom1, self.mom2):
            if key not in kept:
                kept[key] = np.zeros(weights.size, dtype=np.float32)
        averages: Any = self.averages
        if key not in averages:
            averages[key] = np.zeros(weights.shape, dtype=np.float32)
        moments: Any = self.mom1[key], self.mom2[key], averages[key].reshape(-1)
        self.nr_update[key] += 1
        n_updates = self.nr_update[key]
        rate = lr_scale * self.learn_rate
        correction = (1 - self.b2**n_updates) ** 0.5 / (1 - self.b1**n_updates)
        decay = min((1.0 + n_updates) / (10.0 + n_updates), _LARGEST_DECAY)
        flat = gradient.reshape(-1)
        step = Step(
            self._scale(flat),
            self.b1,
            self.b2,
            self.eps,
            rate * correction,
            rate * self.L2,
            1 - decay,
        )
        update(weights.reshape(-1), flat, Moments(*moments), step)

    def _can_fuse(self, weights: Any, gradient: Any) -> bool:
        if self.averages is None or not (self.b1 > 0 and self.b2 > 0):
            return False
        if self.L2 != 0 and not self.L2_is_weight_decay:
            return False
        both = (weights, gradient)
        return (
            all(
                isinstance(each, np.ndarray)
                and each.dtype == np.float32
                and each.flags.c_contiguous
                and each.flags.writeable
                for each in both
            )
            and weights.size > 0
            and weights.shape == gradient.shape
            and kernels.are_available()
        )

    def _scale(self, gradient: Any) -> float:
        """RETURNS (float): What a gradient is multiplied by, to clip it."""
        if not self.grad_clip:
            return 1.0
        norm = float(np.linalg.norm(gradient))
        return self.grad_clip / norm if norm >= self.grad_clip else 1.0
