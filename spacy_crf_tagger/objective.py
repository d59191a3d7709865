"""From the network's scores to lattices, and what the component asks of them."""

from typing import Iterator, List, Sequence, Tuple

import numpy as np
from spacy.tokens import Doc
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
from .crf.scheme import OUTSIDE
from .gold import Mask, Tags, known_mask, preset_mask

# First token, token after the last, label index.
LabelledSpan = Tuple[int, int, int]


def best_analyses(
    potentials: Potentials, scheme: TagScheme, docs: Sequence[Doc]
) -> List[List[LabelledSpan]]:
    """Find the best valid analysis of each document, given what is set already.

    potentials (Potentials): The scores of the network.
    scheme (TagScheme): The tags.
    docs (Sequence[Doc]): The documents that were scored.
    RETURNS (List[List[LabelledSpan]]): The entities of each document.
    RAISES (ValueError): If a score is NaN.
    """
    potentials = _for_crf(potentials, scheme)
    allowed = preset_mask(docs, scheme)
    if allowed is not None:
        _wall_in_dormant(allowed, potentials)
    lattice = Lattice.build(potentials, scheme.constraints, allowed)
    tags = viterbi(lattice).tags
    if not isinstance(tags, np.ndarray):
        tags = tags.cpu().numpy()
    spans = scheme.decode(tags)
    ends = np.cumsum(lattice.lengths)
    doc_of_span = np.searchsorted(ends, spans.start, side="right")
    first_token = (ends - lattice.lengths)[doc_of_span]
    analyses: List[List[LabelledSpan]] = [[] for _ in docs]
    for number, start, end, label in zip(
        doc_of_span.tolist(),
        (spans.start - first_token).tolist(),
        (spans.end - first_token).tolist(),
        spans.label.tolist(),
        strict=True,
    ):
        # BIO has no tag for the end of an entity that whitespace could be denied.
        while end - 1 > start and docs[number][end - 1].is_space:
            end -= 1
        analyses[number].append((start, end, label))
    return analyses


def group_by_tokens(docs: Sequence[Doc], max_tokens: int) -> Iterator[List[Doc]]:
    """Group documents in their order.

    docs (Sequence[Doc]): The documents.
    max_tokens (int): Most tokens of a group, unless it is a single document.
    YIELDS (List[Doc]): The groups.
    """
    group: List[Doc] = []
    n_tokens = 0
    for doc in docs:
        if group and n_tokens + len(doc) > max_tokens:
            yield group
            group, n_tokens = [], 0
        group.append(doc)
        n_tokens += len(doc)
    if group:
        yield group


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
    return Lattice.build(_for_crf(potentials, scheme), constraints)


def _wall_in_dormant(allowed: Mask, potentials: Potentials) -> None:
    """Let preset entities of a label that the network has not learned yet count as O,
    like those of a label that it does not have.
    """
    if len(allowed):
        dormant = potentials.emissions[0] == -np.inf  # at every token alike
        if not isinstance(dormant, np.ndarray):
            dormant = dormant.cpu().numpy()
        impossible = ~(allowed & ~dormant).any(axis=1)
        allowed[impossible, OUTSIDE] = True


def _for_crf(potentials: Potentials, scheme: TagScheme) -> Potentials:
    """On a GPU the scores stay there, as torch tensors over the same memory.

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
