"""Training objectives: from the network's scores and annotation to losses and
gradients.
"""

from typing import Tuple, cast

import numpy as np
from thinc.util import get_array_module

from ...crf import (
    Lattice,
    Potentials,
    TagScheme,
    divergence,
    expected_weight,
    negative_log_likelihood,
    negative_span_loss,
    path_loss,
)
from ...crf.arrays import Array
from ...crf.scheme import OUTSIDE
from ..scores import for_crf
from .annotation import UNKNOWN, Annotation, Tags, annotated_mask
from .settings import Settings


def annotation_loss(
    annotation: Annotation,
    potentials: Potentials,
    scheme: TagScheme,
    settings: Settings,
) -> Tuple[float, Potentials]:
    """Compute what the annotation of a batch costs: its negative log-likelihood, with
    mistakes weighted by label; the negative log-probability that no incorrect span is
    an entity; and how far the share of tokens in entities is from the expected one.

    annotation (Annotation): The annotation.
    potentials (Potentials): The scores of the network.
    scheme (TagScheme): The tags.
    settings (Settings): Weights of labels, and the expected share.
    RETURNS (Tuple[float, Potentials]): The loss in nats, summed over the documents,
        and the gradients of its mean over the documents.
    RAISES (ValueError): If a score is NaN, or annotation contradicts the tag scheme.
    """
    free = _training_lattice(potentials, scheme)
    augmented = _augmented(free, annotation.tags, scheme, settings)
    if (annotation.tags == UNKNOWN).any():
        known = free.restrict(annotated_mask(annotation.tags, scheme, free.lengths))
        losses, gradients = negative_log_likelihood(augmented, known)
    else:
        losses, gradients = path_loss(augmented, annotation.tags)
    loss = float(losses.sum())
    if annotation.incorrect:
        negative, more = negative_span_loss(free, annotation.incorrect, scheme)
        loss += float(negative.sum())
        gradients = _add(gradients, more, 1.0)
    if settings.missing == "expected_entity_ratio" and len(annotation.tags):
        excess, more = _entity_ratio_loss(free, settings)
        # It is a cost of the batch: so much for each of its documents.
        n_docs = len(potentials.lengths)
        loss += n_docs * excess
        gradients = _add(gradients, more, float(n_docs))
    return loss, _mean_gradients(gradients, potentials)


def _augmented(
    free: Lattice, tags: Tags, scheme: TagScheme, settings: Settings
) -> Lattice:
    """Raise the scores of mistakes, so that a model must score the right tags higher by
    a margin: softmax-margin (Gimpel and Smith 2010). Its cost of a path is the sum of
    log weight of the annotated label over all tokens whose tag is wrong. The margin
    stays in the model: probabilities of labels with large weights become too high.
    """
    if not settings.label_weights:
        return free
    names = ["O", *scheme.labels]
    weights = [settings.label_weights.get(name, 1.0) for name in names]
    by_tag = np.log(np.array(weights))[scheme.tag_labels + 1]  # [K]
    known = np.flatnonzero(tags != UNKNOWN)
    costs = np.zeros((len(tags), scheme.n_tags), dtype=np.float32)
    costs[known] = by_tag[tags[known], None]
    costs[known, tags[known]] = 0.0
    return free.add_scores(costs)


def _entity_ratio_loss(free: Lattice, settings: Settings) -> Tuple[float, Potentials]:
    """Compute the expected entity ratio loss of Effland and Collins 2021 ("Partially
    supervised named entity recognition via the expected entity ratio loss", TACL):
    weight · max(0, |ratio − expected share of tokens in entities| − margin).

    RETURNS (Tuple[float, Potentials]): The loss and its gradients.
    """
    in_entity = (np.arange(free.n_tags) != OUTSIDE).astype(np.float64)
    counts, gradients = expected_weight(free, in_entity)
    n_tokens = int(free.lengths.sum())
    surplus = float(counts.sum()) / n_tokens - settings.entity_ratio
    distance = abs(surplus) - settings.entity_ratio_margin
    slope = settings.entity_ratio_weight * float(np.sign(surplus)) / n_tokens
    loss = settings.entity_ratio_weight * max(0.0, distance)
    return loss, _scaled(gradients, slope if distance > 0 else 0.0)


def rehearsal_loss(
    taught: Potentials, potentials: Potentials, scheme: TagScheme
) -> Tuple[float, Potentials]:
    """Compute how far the distribution over analyses has moved from an earlier one.

    taught (Potentials): The scores of the earlier network, which may have fewer tags.
    potentials (Potentials): The scores of the network.
    scheme (TagScheme): The tags.
    RETURNS (Tuple[float, Potentials]): The divergence in nats, summed over the
        documents, and the gradients of its mean over the documents.
    """
    loss, gradients = divergence(
        _training_lattice(potentials, scheme),
        _training_lattice(_with_tags(taught, scheme.n_tags), scheme),
    )
    return float(loss), _mean_gradients(gradients, potentials)


def _training_lattice(potentials: Potentials, scheme: TagScheme) -> Lattice:
    """Without transitions the tags are learned independently: all paths are free."""
    constraints = None if potentials.transitions is None else scheme.constraints
    return Lattice.build(for_crf(potentials, scheme), constraints)


def _mean_gradients(gradients: Potentials, potentials: Potentials) -> Potentials:
    """RETURNS (Potentials): Gradients of the mean over documents, for the scores that
    there are.
    """
    mean = _scaled(gradients, 1.0 / len(potentials.lengths))
    present = [
        None if score is None else gradient
        for score, gradient in zip(potentials[:-1], mean[:-1], strict=True)
    ]
    return Potentials._make([*present, potentials.lengths])


def _scaled(gradients: Potentials, factor: float) -> Potentials:
    scaled = [cast(Array, gradient) * factor for gradient in gradients[:-1]]
    return Potentials._make([*scaled, gradients.lengths])


def _add(gradients: Potentials, more: Potentials, factor: float) -> Potentials:
    sums = [a + factor * b for a, b in zip(gradients[:-1], more[:-1], strict=True)]
    return Potentials._make([*sums, gradients.lengths])


def _with_tags(potentials: Potentials, n_tags: int) -> Potentials:
    """Add forbidden tags up to a number of tags."""
    missing = n_tags - potentials.emissions.shape[1]
    if missing <= 0:
        return potentials

    def pad(scores: Array, axes: int) -> Array:
        if scores is None:
            return None
        xp = get_array_module(scores)
        widths = [(0, 0)] * (scores.ndim - axes) + [(0, missing)] * axes
        return xp.pad(scores, widths, constant_values=-np.inf)

    return Potentials(
        pad(potentials.emissions, 1),
        pad(potentials.transitions, 2),
        pad(potentials.start, 1),
        pad(potentials.end, 1),
        potentials.lengths,
    )
