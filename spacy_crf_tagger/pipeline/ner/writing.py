"""Write predicted entities to documents, beside preset ones."""

from typing import List, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from ...crf.spans import LabelledSpan
from .annotation import own_spans, preset_spans
from .decoding import Prediction
from .settings import Settings
from .span_group import ScoredSpanGroup


def write_prediction(
    doc: Doc, prediction: Prediction, labels: Sequence[str], settings: Settings
) -> None:
    """Set the entities of a document, its span group with scores, and the group of
    candidates. An entity that was predicted before, and is now kept because it is set,
    keeps its score.

    doc (Doc): The document.
    prediction (Prediction): The predicted entities.
    labels (Sequence[str]): The labels that they are numbered by.
    settings (Settings): Whether to respect what is set, and the names of the groups.
    """
    presets, blocked = _presets(doc, settings)
    taken = _tokens_of([*presets, *blocked])
    free = [n for n, span in enumerate(prediction.spans) if span[0] not in taken]
    predicted = [_to_span(doc, prediction.spans[n], labels) for n in free]
    doc.set_ents([*presets, *predicted], blocked=blocked, default="outside")
    key = settings.spans_key
    if key is not None and prediction.scores is not None:
        scores = prediction.scores[np.array(free, dtype=np.int64)]
        if presets and key in doc.spans:
            predicted, scores = _with_earlier(doc, key, presets, predicted, scores)
        doc.spans[key] = ScoredSpanGroup(doc, name=key, spans=predicted, scores=scores)
    key = settings.candidates_key
    if key is not None and prediction.candidates is not None:
        found, scores = prediction.candidates
        spans = [_to_span(doc, span, labels) for span in found]
        doc.spans[key] = ScoredSpanGroup(doc, name=key, spans=spans, scores=scores)


def entities_of(
    doc: Doc,
    analyses: Sequence[Sequence[LabelledSpan]],
    labels: Sequence[str],
    settings: Settings,
) -> List[Tuple[Span, ...]]:
    """Put the entities of analyses beside those that were set before, in the order of
    the text. The document does not change.

    doc (Doc): The document.
    analyses (Sequence[Sequence[LabelledSpan]]): The entities of each analysis.
    labels (Sequence[str]): The labels that they are numbered by.
    settings (Settings): Whether to respect what is set, and where the component's own
        earlier predictions are.
    RETURNS (List[Tuple[Span, ...]]): All entities of each analysis.
    """
    presets, blocked = _presets(doc, settings, settings.spans_key)
    taken = _tokens_of([*presets, *blocked])

    def all_entities(spans: Sequence[LabelledSpan]) -> Tuple[Span, ...]:
        free = [_to_span(doc, span, labels) for span in spans if span[0] not in taken]
        return tuple(sorted([*presets, *free], key=lambda span: span.start))

    return [all_entities(spans) for spans in analyses]


def _with_earlier(
    doc: Doc,
    key: str,
    presets: Sequence[Span],
    predicted: Sequence[Span],
    scores: NDArray[np.float32],
) -> Tuple[List[Span], NDArray[np.float32]]:
    """Put entities of an earlier prediction that are still there beside the new ones,
    in the order of the text.
    """
    kept = {(ent.start, ent.end, ent.label) for ent in presets}
    # Somebody else's group of this name may have no scores.
    earlier_scores = doc.spans[key].attrs.get("scores", ())
    earlier = [
        (span, score)
        for span, score in zip(own_spans(doc, key), earlier_scores, strict=False)
        if (span.start, span.end, span.label) in kept
    ]
    both = [*earlier, *zip(predicted, scores, strict=True)]
    both.sort(key=lambda scored: scored[0].start)
    spans = [span for span, _ in both]
    return spans, np.array([score for _, score in both], dtype=np.float32)


def _presets(
    doc: Doc, settings: Settings, own_spans_key: Optional[str] = None
) -> Tuple[List[Span], List[Span]]:
    """RETURNS (Tuple[List[Span], List[Span]]): The entities and blocked tokens."""
    if settings.presets == "ignore" or not len(doc):
        return [], []
    return preset_spans(doc, own_spans_key)


def _tokens_of(spans: Sequence[Span]) -> Set[int]:
    return {token for span in spans for token in range(span.start, span.end)}


def _to_span(doc: Doc, span: LabelledSpan, labels: Sequence[str]) -> Span:
    start, end, label = span
    return Span(doc, start, end, label=labels[label])
