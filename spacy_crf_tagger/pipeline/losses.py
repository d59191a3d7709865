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
from ..crf.alignment import corresponding_tags, is_identity
from ..crf.arrays import Array, like_array, pad_with_forbidden
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


def distillation_loss(
    taught: Potentials,
    taught_tags: TagSet,
    potentials: Potentials,
    tag_set: TagSet,
    temperature: float = 1.0,
) -> Tuple[float, Potentials]:
    """Compute how far the distribution over analyses is from a teacher's, both at a
    temperature (Hinton et al. 2015, "Distilling the knowledge in a neural network").
    The loss is multiplied by its square, as there, so that the size of the gradients
    does not depend on it.

    taught (Potentials): The scores of the teacher.
    taught_tags (TagSet): What they are for: tags that say all that ours say.
    potentials (Potentials): The scores of the model.
    tag_set (TagSet): The tags.
    temperature (float): What both scores are divided by.
    RETURNS (Tuple[float, Potentials]): The divergence in nats, summed over the
        documents, and the gradients of its mean over the documents.
    RAISES (ValueError): If there is no analysis of a document that the teacher allows,
        or the scores are not for the same documents.
    """
    tag_map = corresponding_tags(taught_tags, tag_set)
    is_free = potentials.transitions is None and taught.transitions is None
    constraints = None if is_free else taught_tags.constraints
    teacher = taught.map(lambda scores: like_array(scores, potentials.emissions))
    if temperature != 1.0:
        teacher = teacher.divided_by(temperature)
        potentials = potentials.divided_by(temperature)
    loss, gradients = divergence(
        training_lattice(potentials, tag_set),
        Lattice.build(teacher, constraints),
        tag_map=None if is_identity(tag_map) else tag_map,
    )
    mean = mean_gradients(gradients, potentials)
    return float(loss) * temperature**2, mean.scaled(temperature)


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
