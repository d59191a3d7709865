"""Predict entities from the scores of the model and from preset entities."""

from typing import List, NamedTuple, Optional, Sequence, Union

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ...crf import Lattice, Potentials, TagScheme, viterbi
from ...crf.arrays import to_numpy
from ...crf.lattice import offsets_of
from ...crf.risk import best_spans
from ...crf.scheme import OUTSIDE, TaggedSpans
from ...crf.spans import (
    Floats,
    LabelledSpan,
    ScoredSpans,
    SpanPosterior,
    by_sequence,
    span_probabilities,
    split_spans,
)
from ..annotation import Mask
from .annotation import preset_mask
from .settings import Settings


class Candidates(NamedTuple):
    """Spans of a document that are more probable than their floor. They may overlap.

    spans (List[Tuple[int, int, int]]): First token, token after the last, and label
        index of each span, ordered by their start.
    scores (NDArray[float32]): The probability of each span with its label.
    """

    spans: List[LabelledSpan]
    scores: NDArray[np.float32]


class Prediction(NamedTuple):
    """The entities of a document.

    spans (List[Tuple[int, int, int]]): First token, token after the last, and label
        index of each entity.
    scores (Optional[NDArray[float32]]): The probability of each entity with its label;
        None if they were not computed.
    candidates (Optional[Candidates]): All spans that are probable enough, whether they
        were chosen or not; None if they are not wanted.
    """

    spans: List[LabelledSpan]
    scores: Optional[NDArray[np.float32]]
    candidates: Optional[Candidates] = None


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
    if not len(potentials.emissions):
        return [Prediction([], np.zeros(0, dtype=np.float32)) for _ in docs]
    lattice = prediction_lattice(potentials, scheme, docs, settings)
    if settings.decoder == "mbr":
        found = best_spans(lattice, scheme, settings.threshold)
        return _predictions(found, lattice, found.probability)
    best = scheme.decode_best(to_numpy(viterbi(lattice).tags))
    if settings.spans_key is None and settings.threshold is None:
        return _predictions(best, lattice, None)
    probabilities = span_probabilities(lattice, scheme, best)
    if settings.threshold is not None:
        # In the precision in which they are written.
        kept = probabilities.astype(np.float32) >= np.float32(settings.threshold)
        best = TaggedSpans(*(column[kept] for column in best))
        probabilities = probabilities[kept]
    return _predictions(best, lattice, probabilities)


def find_candidates(
    lattice: Lattice, scheme: TagScheme, settings: Settings
) -> List[Candidates]:
    """Find the spans of documents that are more probable than the floor of their label.

    lattice (Lattice): All analyses of the documents.
    scheme (TagScheme): The tags.
    settings (Settings): The floors.
    RETURNS (List[Candidates]): The spans of each document.
    RAISES (ValueError): If a document has no possible analysis.
    """
    floors = np.array([settings.floor_of(label) for label in scheme.labels])
    posterior = SpanPosterior(lattice, scheme)
    posterior.require_possible()
    found = posterior.above(float(floors.min(initial=1.0)))
    found = found.take(np.flatnonzero(found.probability > floors[found.label]))
    limits = np.searchsorted(found.start, offsets_of(lattice.lengths))[1:-1]
    scores = np.split(np.minimum(found.probability, 1.0).astype(np.float32), limits)
    return list(map(Candidates, by_sequence(found, lattice.lengths), scores))


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
    allowed = preset_mask(docs, scheme, settings, own_spans_key)
    if allowed is not None:
        _wall_in_dormant(allowed, potentials)
    if settings.temperature != 1.0:
        potentials = potentials.divided_by(settings.temperature)
    return Lattice.build(potentials, scheme.constraints, allowed)


def _predictions(
    spans: Union[TaggedSpans, ScoredSpans],
    lattice: Lattice,
    probabilities: Optional[Floats],
) -> List[Prediction]:
    by_document = split_spans(spans.start, spans.end, spans.label, lattice.lengths)
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
