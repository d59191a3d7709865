"""From the scores of the model to tags, given what is known already."""

from typing import List, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ...crf import Lattice, Potentials, TagSet, tag_posterior, viterbi
from ...crf.arrays import to_numpy
from ..annotation import UNKNOWN, Mask, Tags, known_mask


class TagPrediction(NamedTuple):
    """The tags of a document.

    tags (NDArray[int]): The number of each token's tag, [N].
    scores (Optional[NDArray[float32]]): The probability of each tag, [N]; None if they
        were not computed.
    """

    tags: Tags
    scores: Optional[NDArray[np.float32]]


def prediction_lattice(
    potentials: Potentials,
    tag_set: TagSet,
    temperature: float,
    allowed: Optional[Mask] = None,
) -> Lattice:
    """Build the lattice of all analyses that are possible.

    potentials (Potentials): The scores of the model.
    tag_set (TagSet): The tags.
    temperature (float): What scores are divided by.
    allowed (Optional[NDArray[bool]]): The tags that each token can have, [N, K]; any
        if None. Where all of them are dormant, because the model has not learned them
        yet, any tag is.
    RETURNS (Lattice): The lattice.
    RAISES (ValueError): If a score is NaN.
    """
    if allowed is not None and len(allowed):
        is_dormant = to_numpy(potentials.emissions[0] == -np.inf)  # at all tokens
        allowed = allowed | ~(allowed & ~is_dormant).any(axis=1, keepdims=True)
    if temperature != 1.0:
        potentials = potentials.divided_by(temperature)
    return Lattice.build(potentials, tag_set.constraints, allowed)


def restrict(allowed: Optional[Mask], tags: Tags, n_tags: int) -> Optional[Mask]:
    """Restrict tokens to tags that are set already, whatever else is known of them.

    allowed (Optional[NDArray[bool]]): The tags that each token can have, [N, K].
    tags (NDArray[int]): The tag that is set, or `UNKNOWN`, [N].
    n_tags (int): Number of tags, K.
    RETURNS (Optional[NDArray[bool]]): The tags that each token can have now.
    """
    is_set = tags != UNKNOWN
    if not is_set.any():
        return allowed
    mask = known_mask(tags, n_tags)
    return mask if allowed is None else np.where(is_set[:, None], mask, allowed)


def predict_tags(lattice: Lattice, with_scores: bool) -> List[TagPrediction]:
    """Find the best tags of each document.

    lattice (Lattice): The lattice.
    with_scores (bool): Whether to compute the probability of each tag.
    RETURNS (List[TagPrediction]): The tags of each document.
    """
    limits = np.cumsum(lattice.lengths)[:-1]
    if len(lattice.emissions):
        best = to_numpy(viterbi(lattice).tags)
    else:
        best = np.zeros(0, dtype=np.int64)
    by_doc = np.split(best, limits)
    if not with_scores:
        return [TagPrediction(tags, None) for tags in by_doc]
    scores = probabilities_of(lattice, best).astype(np.float32)
    return list(map(TagPrediction, by_doc, np.split(scores, limits)))


def marginals_of(lattice: Lattice) -> NDArray[np.float64]:
    """RETURNS (NDArray[float64]): The probability of each tag at each token, [N, K]."""
    if not len(lattice.emissions):
        return np.zeros((0, lattice.n_tags))
    marginals: NDArray[np.float64] = to_numpy(tag_posterior(lattice).tags)
    return marginals


def probabilities_of(lattice: Lattice, tags: Tags) -> NDArray[np.float64]:
    """RETURNS (NDArray[float64]): The probability of one tag at each token, [N]."""
    return marginals_of(lattice)[np.arange(len(tags)), tags]
