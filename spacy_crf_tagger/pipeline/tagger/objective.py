"""The training objective of tags: likelihood, and smoothing of known tags."""

from typing import Tuple

import numpy as np
from numpy.typing import NDArray

from ...crf import Lattice, Potentials, TagSet
from ...crf.arrays import like_array, to_numpy
from ...crf.lattice import Lengths, offsets_of
from ..annotation import UNKNOWN, Tags
from ..losses import likelihood, mean_gradients, training_lattice
from .annotation import NegatableAnnotation


def annotation_loss(
    annotation: NegatableAnnotation,
    potentials: Potentials,
    tag_set: TagSet,
    label_smoothing: float,
) -> Tuple[float, Potentials]:
    """Compute what annotated tags cost.

    annotation (NegatableAnnotation): The annotation.
    potentials (Potentials): The scores of the model.
    tag_set (TagSet): The tags.
    label_smoothing (float): The share of a known tag that is spread over the others.
    RETURNS (Tuple[float, Potentials]): The negative log-likelihood in nats, summed over
        the documents, and the gradients of its mean over the documents.
    RAISES (ValueError): If a score is NaN, or the tags contradict the tag set.
    """
    free = training_lattice(potentials, tag_set)
    losses, gradients = likelihood(free, annotation.tags, annotation.allowed)
    loss = float(losses.sum())
    if label_smoothing > 0.0 and free.n_tags > 1:
        more, moved = smoothing_loss(free, annotation.tags, label_smoothing)
        loss += more
        gradients = gradients.plus(moved)
    return loss, mean_gradients(gradients, potentials)


def smoothing_loss(free: Lattice, tags: Tags, share: float) -> Tuple[float, Potentials]:
    """Compute how much more the annotation is expected to cost, if each known tag is
    replaced by another one at random (Szegedy et al. 2016, "Rethinking the inception
    architecture for computer vision", for a distribution over paths): the score of the
    annotated path, less the expected score of such a path. What is forbidden is left
    out.

    free (Lattice): All valid paths.
    tags (NDArray[int]): The tag of each token, or `UNKNOWN`, [N].
    share (float): The probability that a tag is replaced.
    RETURNS (Tuple[float, Potentials]): The difference in nats, and its gradients.
    """
    n_tags = free.n_tags
    spread = share / (n_tags - 1)
    kept = 1.0 - share - spread  # beside the part that is spread over all tags
    known = tags != UNKNOWN
    change = np.zeros((len(tags), n_tags))
    change[known] = -spread
    change[known, tags[known]] += share + spread
    ends = _ends(tags, free.lengths)
    pairs = _neighbours(tags, free.lengths)
    counts = np.zeros((n_tags, n_tags))
    np.add.at(counts, pairs, 1.0)
    first, second = counts.sum(axis=1), counts.sum(axis=0)
    mixed = kept * spread * (first[:, None] + second) + spread**2 * counts.sum()
    steps = (1.0 - kept**2) * counts - mixed
    weights = (change, steps, *(_of_border(border, n_tags, share) for border in ends))
    total = 0.0
    gradients = []
    for weight, scores in zip(weights, free.scores, strict=True):
        values = to_numpy(scores)
        possible = np.where(values > -np.inf, weight, 0.0)
        total += float((possible * np.where(values > -np.inf, values, 0.0)).sum())
        as_scores = possible.astype(values.dtype)
        gradients.append(like_array(as_scores, scores))
    return total, Potentials._make([*gradients, free.lengths])


def _neighbours(tags: Tags, lengths: Lengths) -> Tuple[Tags, Tags]:
    """RETURNS (Tuple): The tags of neighbours in a document that are both known."""
    both = (tags[:-1] != UNKNOWN) & (tags[1:] != UNKNOWN)
    inner = offsets_of(lengths[lengths > 0])[1:-1]
    both[inner - 1] = False
    return tags[:-1][both], tags[1:][both]


def _ends(tags: Tags, lengths: Lengths) -> Tuple[Tags, Tags]:
    """RETURNS (Tuple): The known tags of first and of last tokens."""
    offsets = offsets_of(lengths[lengths > 0])
    first, last = tags[offsets[:-1]], tags[offsets[1:] - 1]
    return first[first != UNKNOWN], last[last != UNKNOWN]


def _of_border(tags: Tags, n_tags: int, share: float) -> NDArray[np.float64]:
    spread = share / (n_tags - 1)
    counts = np.bincount(tags, minlength=n_tags).astype(np.float64)
    return (share + spread) * counts - spread * len(tags)
