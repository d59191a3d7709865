"""Training objectives of `crf_ner`, with their gradients."""

from typing import Tuple

import numpy as np

from ...crf import Lattice, Potentials, TagScheme, expected_weight, negative_span_loss
from ...crf.scheme import OUTSIDE
from ..annotation import UNKNOWN, Tags
from ..losses import likelihood, mean_gradients, training_lattice
from .annotation import EntityAnnotation, annotated_mask
from .settings import Settings


def annotation_loss(
    annotation: EntityAnnotation,
    potentials: Potentials,
    scheme: TagScheme,
    settings: Settings,
) -> Tuple[float, Potentials]:
    """Compute what the annotation of a batch costs: its negative log-likelihood, with
    mistakes weighted by label; the negative log-probability that no incorrect span is
    an entity; and how far the share of tokens in entities is from the expected one.

    annotation (EntityAnnotation): The annotation.
    potentials (Potentials): The scores of the network.
    scheme (TagScheme): The tags.
    settings (Settings): Weights of labels, and the expected share.
    RETURNS (Tuple[float, Potentials]): The loss in nats, summed over the documents,
        and the gradients of its mean over the documents.
    RAISES (ValueError): If a score is NaN, or annotation contradicts the tag scheme.
    """
    free = training_lattice(potentials, scheme)
    augmented = _augmented(free, annotation.tags, scheme, settings)
    allowed = None
    if (annotation.tags == UNKNOWN).any():
        allowed = annotated_mask(annotation.tags, scheme, free.lengths)
    losses, gradients = likelihood(augmented, annotation.tags, allowed)
    loss = float(losses.sum())
    if annotation.incorrect:
        negative, more = negative_span_loss(free, annotation.incorrect, scheme)
        loss += float(negative.sum())
        gradients = gradients.plus(more)
    if settings.missing == "expected_entity_ratio" and len(annotation.tags):
        excess, more = _entity_ratio_loss(free, settings)
        # It is a cost of the batch: so much for each of its documents.
        n_docs = len(potentials.lengths)
        loss += n_docs * excess
        gradients = gradients.plus(more, float(n_docs))
    return loss, mean_gradients(gradients, potentials)


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
    return loss, gradients.scaled(slope if distance > 0 else 0.0)
