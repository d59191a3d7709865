"""Adam whose averages of the weights reach further back than Thinc's."""

from typing import Any, Tuple, cast

from thinc.api import Optimizer
from thinc.optimizers import ADAM_DEFAULTS
from thinc.types import FloatsXd


def make_adam(
    learn_rate: Any,
    L2: Any = ADAM_DEFAULTS["L2"],
    beta1: Any = ADAM_DEFAULTS["beta1"],
    beta2: Any = ADAM_DEFAULTS["beta2"],
    eps: Any = ADAM_DEFAULTS["eps"],
    grad_clip: Any = ADAM_DEFAULTS["grad_clip"],
    L2_is_weight_decay: bool = True,
    averages_eta: float = 2.0,
) -> "AveragingAdam":
    """Build an optimizer that does what `Adam.v1` of Thinc does, and averages all
    weights over a share of the training so far. `spacy train` evaluates and saves
    these averages.

    learn_rate (float or schedule): The rate of learning.
    L2 (float or schedule): Weight of the decay of weights.
    beta1 (float or schedule): Decay of the mean of gradients.
    beta2 (float or schedule): Decay of the mean of their squares.
    eps (float or schedule): Added to the root of that mean.
    grad_clip (float or schedule): Largest norm of the gradient of a parameter.
    L2_is_weight_decay (bool): Whether the decay is apart from the gradients.
    averages_eta (float): The larger, the less the averages reach back: over about
        1 / (averages_eta + 1) of the steps so far. Averages of `Adam.v1` are those of
        8, nearly.
    RETURNS (AveragingAdam): The optimizer.
    RAISES (ValueError): If `averages_eta` is negative.
    """
    if not averages_eta >= 0.0:
        raise ValueError(
            f"spacy_crf_tagger.Adam: averages_eta must be 0 or more, not "
            f"{averages_eta}."
        )
    return AveragingAdam(
        learn_rate,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        averages_eta=averages_eta,
    )


class AveragingAdam(Optimizer):
    """Thinc's Adam with polynomial-decay averaging (Shamir and Zhang 2013, "Stochastic
    gradient descent for non-smooth optimization"). At step t the average becomes
    (1 − r) · average + r · weights, where r = (η + 1) / (t + η).
    """

    def __init__(
        self, learn_rate: Any, *, averages_eta: float, **settings: Any
    ) -> None:
        """Create the optimizer; see `make_adam`."""
        super().__init__(learn_rate, use_averages=True, **settings)
        self.averages_eta = averages_eta

    def __call__(
        self,
        key: Tuple[int, str],
        weights: FloatsXd,
        gradient: FloatsXd,
        *,
        lr_scale: float = 1.0,
    ) -> Tuple[FloatsXd, FloatsXd]:
        """Take a step, and average.

        key (Tuple[int, str]): The id of a node or shim, and the name of its parameter.
        weights (FloatsXd): The parameter; changed in place.
        gradient (FloatsXd): Its gradient; becomes zero.
        lr_scale (float): Factor on the learning rate.
        RETURNS (Tuple[FloatsXd, FloatsXd]): The weights and the gradient.
        """
        averages, self.averages = self.averages, None  # instead of Thinc's own
        try:
            weights, gradient = super().__call__(
                key, weights, gradient, lr_scale=lr_scale
            )
        finally:
            self.averages = averages
        step = self.nr_update[key]
        if averages is None or not step:  # no step is taken without parameters
            return weights, gradient
        if key in averages:
            rate = (self.averages_eta + 1.0) / (step + self.averages_eta)
            averages[key] += cast(Any, rate * (weights - averages[key]))
        else:
            averages[key] = weights.copy()
        return weights, gradient
