"""From the network's scores to lattices, and what the component asks of them."""

from typing import Optional, Tuple

import numpy as np
from thinc.util import get_array_module, is_cupy_array, xp2torch

from .crf import (
    Lattice,
    Potentials,
    TagScheme,
    divergence,
    negative_log_likelihood,
    viterbi,
)
from .crf.lattice import Array
from .crf.scheme import TaggedSpans
from .gold import Mask, Tags, known_mask


def best_spans(
    potentials: Potentials, scheme: TagScheme, allowed: Optional[Mask]
) -> TaggedSpans:
    """Find the best valid analysis of a batch.

    potentials (Potentials): The scores of the network.
    scheme (TagScheme): The tags.
    allowed (Optional[NDArray[bool]]): The tags that are allowed at each token, [N, K].
    RETURNS (TaggedSpans): The entities, numbered over the tokens of the batch.
    RAISES (ValueError): If a score is NaN.
    """
    lattice = Lattice.build(_for_crf(potentials), scheme.constraints, allowed)
    tags = viterbi(lattice).tags
    if not isinstance(tags, np.ndarray):
        tags = tags.cpu().numpy()
    return scheme.decode(tags, lattice.lengths)


def annotation_loss(
    tags: Tags, potentials: Potentials, scheme: TagScheme
) -> Tuple[float, Potentials]:
    """Compute the negative log-likelihood of annotation.

    tags (NDArray[int]): The tag of each token, or `gold.UNKNOWN`, [N].
    potentials (Potentials): The scores of the network.
    scheme (TagScheme): The tags.
    RETURNS (Tuple[float, Potentials]): The loss in nats, summed over the documents,
        and the gradients of its mean over the documents.
    RAISES (ValueError): If a score is NaN.
    """
    free = _training_lattice(potentials, scheme)
    known = free.restrict(known_mask(tags, free.n_tags))
    losses, gradients = negative_log_likelihood(free, known)
    return float(losses.sum()), _mean_gradients(gradients, potentials)


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
    return Lattice.build(_for_crf(potentials), constraints)


def _for_crf(potentials: Potentials) -> Potentials:
    """On a GPU the scores stay there, as torch tensors over the same memory."""
    if not is_cupy_array(potentials.emissions):
        return potentials
    scores = [None if s is None else xp2torch(s) for s in potentials[:-1]]
    return Potentials._make([*scores, potentials.lengths])


def _mean_gradients(gradients: Potentials, potentials: Potentials) -> Potentials:
    """RETURNS (Potentials): Gradients of the mean over documents, for the scores that
    there are.
    """
    n_docs = len(potentials.lengths)
    scaled = [
        None if score is None else gradient / n_docs
        for score, gradient in zip(potentials[:-1], gradients[:-1], strict=True)
    ]
    return Potentials._make([*scaled, potentials.lengths])


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
