"""From the network's scores to analyses of documents, given what is set already."""

from contextlib import contextmanager
from itertools import pairwise
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ...crf import Lattice, Potentials, TagScheme, viterbi
from ...crf.arrays import to_numpy
from ...crf.inference import ImpossibleSequenceError
from ...crf.lattice import Lengths, offsets_of
from ...crf.risk import largest_expected_f, minimum_risk
from ...crf.scheme import OUTSIDE, TaggedSpans
from ...crf.spans import Floats, ScoredSpans, SpanPosterior
from ..scores import for_crf
from .annotation import Mask, preset_mask
from .settings import Settings

# First token, token after the last, label index.
LabelledSpan = Tuple[int, int, int]

# Spans that are less probable than this are no candidates for "mbr".
LEAST_PROBABILITY = 1e-3
_MOST_TEXT = 80  # characters of a document that an error message shows


class Prediction(NamedTuple):
    """The entities of a document.

    spans (List[Tuple[int, int, int]]): First token, token after the last, and label
        index of each entity.
    scores (Optional[NDArray[float32]]): The probability of each entity with its label;
        None if they were not computed.
    """

    spans: List[LabelledSpan]
    scores: Optional[NDArray[np.float32]]


def predict_entities(
    potentials: Potentials,
    scheme: TagScheme,
    docs: Sequence[Doc],
    settings: Settings,
) -> List[Prediction]:
    """Find the best valid analysis of each document, given what is set already.

    potentials (Potentials): The scores of the network.
    scheme (TagScheme): The tags.
    docs (Sequence[Doc]): The documents that were scored.
    settings (Settings): What is best, and what is written.
    RETURNS (List[Prediction]): The entities of each document.
    RAISES (ValueError): If a score is NaN.
    """
    lattice = prediction_lattice(potentials, scheme, docs, settings)
    if settings.decoder == "mbr":
        found = _best_one_by_one(lattice, scheme, settings.threshold)
        return _predictions(found, lattice, found.probability)
    best = scheme.decode(to_numpy(viterbi(lattice).tags))
    if settings.spans_key is None and settings.threshold is None:
        return _predictions(best, lattice, None)
    probabilities = _probabilities(lattice, scheme, best)
    if settings.threshold is not None:
        # In the precision in which they are written.
        kept = probabilities.astype(np.float32) >= np.float32(settings.threshold)
        best = TaggedSpans(*(column[kept] for column in best))
        probabilities = probabilities[kept]
    return _predictions(best, lattice, probabilities)


def prediction_lattice(
    potentials: Potentials,
    scheme: TagScheme,
    docs: Sequence[Doc],
    settings: Settings,
    own_spans_key: Optional[str] = None,
) -> Lattice:
    """Build the lattice of all valid analyses, given what is set already.

    potentials (Potentials): The scores of the network.
    scheme (TagScheme): The tags.
    docs (Sequence[Doc]): The documents that were scored.
    settings (Settings): The temperature, and whether to respect what is set.
    own_spans_key (Optional[str]): Where `doc.spans` holds entities that do not count
        as set, because the component has predicted them itself.
    RETURNS (Lattice): The lattice.
    RAISES (ValueError): If a score is NaN.
    """
    potentials = for_crf(potentials, scheme)
    allowed = preset_mask(docs, scheme, settings, own_spans_key)
    if allowed is not None:
        _wall_in_dormant(allowed, potentials)
    if settings.temperature != 1.0:
        potentials = potentials.divided_by(settings.temperature)
    return Lattice.build(potentials, scheme.constraints, allowed)


@contextmanager
def naming_document(docs: Sequence[Doc]) -> Iterator[None]:
    """Say which document it is that has no possible analysis.

    docs (Sequence[Doc]): The documents of the lattices that are asked in the context.
    """
    try:
        yield
    except ImpossibleSequenceError as error:
        text = docs[error.sequence].text
        start = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
        raise ValueError(
            f"there is no way to tag document {error.sequence} of the batch, "
            f"{start!r}: what is set or annotated there contradicts itself. Look at "
            "token.ent_iob_ and token.ent_type_ of its tokens."
        ) from error


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


def _probabilities(lattice: Lattice, scheme: TagScheme, spans: TaggedSpans) -> Floats:
    """RETURNS (NDArray[float]): The probability of spans that are ordered by their
    start, [S].
    """
    if not len(spans.start):
        return np.zeros(0)
    # Most sequences of a corpus may have no entity: theirs are not needed.
    offsets = offsets_of(lattice.lengths)
    of_span = np.searchsorted(offsets, spans.start, side="right") - 1
    sequences = np.unique(of_span)
    moved = np.searchsorted(sequences, of_span)
    part = lattice.select(sequences)
    shift = offsets_of(part.lengths)[moved] - offsets[of_span]
    posterior = SpanPosterior(part, scheme)
    return posterior.probabilities(spans.start + shift, spans.end + shift, spans.label)


def _best_one_by_one(
    lattice: Lattice, scheme: TagScheme, price: Optional[float]
) -> ScoredSpans:
    posterior = SpanPosterior(lattice, scheme)
    posterior.require_possible()
    candidates = posterior.above(max(price or 0.0, LEAST_PROBABILITY))
    if price is not None:
        return candidates.take(minimum_risk(candidates, price))
    numbers = posterior.expected_numbers
    limits = np.searchsorted(candidates.start, posterior.offsets)
    chosen = []
    for n in np.flatnonzero(np.diff(limits)).tolist():
        own = candidates.take(np.arange(limits[n], limits[n + 1]))
        chosen.append(limits[n] + largest_expected_f(own, float(numbers[n])))
    return candidates.take(np.concatenate(chosen or [np.zeros(0, dtype=np.int64)]))


def spans_by_document(
    spans: "TaggedSpans | ScoredSpans", lengths: Lengths
) -> List[List[LabelledSpan]]:
    """Number spans by the tokens of their documents.

    spans (TaggedSpans): Spans of the batch, ordered by their start.
    lengths (NDArray[int]): Tokens of each document, [B].
    RETURNS (List[List[Tuple[int, int, int]]]): The spans of each document.
    """
    offsets = offsets_of(lengths)
    limits = np.searchsorted(spans.start, offsets)
    first_token = np.repeat(offsets[:-1], np.diff(limits))
    labelled = list(
        zip(
            (spans.start - first_token).tolist(),
            (spans.end - first_token).tolist(),
            spans.label.tolist(),
            strict=True,
        )
    )
    return [labelled[start:end] for start, end in pairwise(limits.tolist())]


def _predictions(
    spans: "TaggedSpans | ScoredSpans",
    lattice: Lattice,
    probabilities: Optional[Floats],
) -> List[Prediction]:
    by_document = spans_by_document(spans, lattice.lengths)
    if probabilities is None:
        return [Prediction(own, None) for own in by_document]
    limits = np.cumsum([len(own) for own in by_document])[:-1]
    scores = np.split(probabilities.astype(np.float32), limits)
    return list(map(Prediction, by_document, scores))


def _wall_in_dormant(allowed: Mask, potentials: Potentials) -> None:
    """Let preset entities of a label that the network has not learned yet count as O,
    like those of a label that it does not have.
    """
    if len(allowed):
        dormant = to_numpy(potentials.emissions[0] == -np.inf)  # at every token alike
        asleep = allowed.any(axis=1) & ~(allowed & ~dormant).any(axis=1)
        allowed[asleep, OUTSIDE] = True
