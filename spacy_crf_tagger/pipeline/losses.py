"""Losses for any tag set, with gradients: likelihood of annotation, and divergence from
another model.
"""

from typing import Optional, Tuple

from ..crf import (
    Lattice,
    Potentials,
    TagSet,
    divergence,
    negative_log_likelihood,
    path_loss,
)
from ..crf.arrays import Array, pad_with_forbidden
from .annotation import UNKNOWN, Mask, Tags, known_mask


def training_lattice(potentials: Potentials, tag_set: TagSet) -> Lattice:
    """Build the lattice of all valid paths. Without transitions the tags are learned
    independently of each other: all paths are free.

    potentials (Potentials): The scores of the model.
    tag_set (TagSet): The tags.
    RETURNS (Lattice): The lattice.
    RAISES (ValueError): If a score is NaN.
    """
    constraints = None if potentials.transitions is None else tag_set.constraints
    return Lattice.build(potentials, constraints)


def likelihood(
    lattice: Lattice, tags: Tags, allowed: Optional[Mask] = None
) -> Tuple[Array, Potentials]:
    """Compute the negative log-likelihood of annotation; what is not annotated is
    summed over.

    lattice (Lattice): All valid paths.
    tags (NDArray[int]): The tag of each token, or `UNKNOWN`, [N].
    allowed (Optional[NDArray[bool]]): The tags that agree with the annotation, [N, K],
        where that is more than the tags say.
    RETURNS (Tuple[Array, Potentials]): The loss of each document, [B], in nats, and the
        gradients of their sum.
    RAISES (ValueError): If a document has no path that agrees with its annotation.
    """
    if not (tags == UNKNOWN).any():
        return path_loss(lattice, tags)
    if allowed is None:
        allowed = known_mask(tags, lattice.n_tags)
    return negative_log_likelihood(lattice, lattice.restrict(allowed))


def tag_loss(
    tags: Tags, potentials: Potentials, tag_set: TagSet
) -> Tuple[float, Potentials]:
    """Compute what annotated tags cost.

    tags (NDArray[int]): The tag of each token, or `UNKNOWN`, [N].
    potentials (Potentials): The scores of the model.
    tag_set (TagSet): The tags.
    RETURNS (Tuple[float, Potentials]): The negative log-likelihood in nats, summed over
        the documents, and the gradients of its mean over the documents.
    RAISES (ValueError): If a score is NaN, or the tags contradict the tag set.
    """
    values, gradients = likelihood(training_lattice(potentials, tag_set), tags)
    return float(values.sum()), mean_gradients(gradients, potentials)


def rehearsal_loss(
    taught: Potentials, potentials: Potentials, tag_set: TagSet
) -> Tuple[float, Potentials]:
    """Compute how far the distribution over paths has moved from an earlier one.

    taught (Potentials): The scores of the earlier model, which may have fewer tags.
    potentials (Potentials): The scores of the model.
    tag_set (TagSet): The tags.
    RETURNS (Tuple[float, Potentials]): The divergence in nats, summed over the
        documents, and the gradients of its mean over the documents.
    """
    loss, gradients = divergence(
        training_lattice(potentials, tag_set),
        training_lattice(_with_tags(taught, tag_set.n_tags), tag_set),
    )
    return float(loss), mean_gradients(gradients, potentials)


def mean_gradients(gradients: Potentials, potentials: Potentials) -> Potentials:
    """Divide by the number of documents.

    gradients (Potentials): Gradients of a sum over documents.
    potentials (Potentials): The scores of the model.
    RETURNS (Potentials): Gradients of the mean, for the scores that there are.
    """
    mean = gradients.scaled(1.0 / len(potentials.lengths))
    if potentials.transitions is None:
        return mean._replace(transitions=None, start=None, end=None)
    return mean


def _with_tags(potentials: Potentials, n_tags: int) -> Potentials:
    """Add forbidden tags up to a number of tags."""
    missing = n_tags - potentials.emissions.shape[1]
    if missing <= 0:
        return potentials
    emissions, *others, lengths = potentials
    padded = [
        None if scores is None else pad_with_forbidden(scores, missing, scores.ndim)
        for scores in others
    ]
    longer = pad_with_forbidden(emissions, missing, 1)
    return Potentials._make([longer, *padded, lengths])
