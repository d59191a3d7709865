"""The scores of the network, as the CRF takes them."""

from thinc.util import is_cupy_array, xp2torch

from ..crf import Potentials, TagScheme


def for_crf(potentials: Potentials, scheme: TagScheme) -> Potentials:
    """Check the number of tags, and keep scores that are on a GPU there, as torch
    tensors over the same memory.

    potentials (Potentials): The scores of the network.
    scheme (TagScheme): The tags.
    RETURNS (Potentials): The scores.
    RAISES (ValueError): If the scores are not for the tags of the scheme.
    """
    n_tags = potentials.emissions.shape[1]
    if n_tags != scheme.n_tags:
        raise ValueError(
            f"the model has {n_tags} tags, but the labels {list(scheme.labels)} take "
            f"{scheme.n_tags}. Load labels and model from the same pipeline."
        )
    if not is_cupy_array(potentials.emissions):
        return potentials
    scores = [None if s is None else xp2torch(s) for s in potentials[:-1]]
    return Potentials._make([*scores, potentials.lengths])
