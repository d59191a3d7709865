"""Measure the calibration of probabilities on annotated documents."""

from typing import Iterable, List, NamedTuple, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray
from spacy.training import Example

from ..pipeline.base import CRFPipe
from ..pipeline.ner.component import CRFEntityRecognizer
from ..pipeline.tagger.attribute import TokenAttribute
from ..pipeline.tagger.component import CRFTagger


class ScoredPredictions(NamedTuple):
    """Predicted entities or tags, and whether they are right.

    scores (NDArray[float64]): The probability of each one, [E].
    correct (NDArray[bool]): Whether it is annotated with its label, [E].
    """

    scores: NDArray[np.float64]
    correct: NDArray[np.bool_]


class Bin(NamedTuple):
    """Predictions of similar scores.

    size (int): Number of predictions.
    score (float): Their mean score.
    correct (float): The share of them that is correct.
    """

    size: int
    score: float
    correct: float


class Reliability(NamedTuple):
    """How scores and correctness go together.

    size (int): Number of predictions.
    bins (List[Bin]): The predictions in the order of their scores, in groups of the
        same size; fewer groups if there are not enough predictions.
    ece (Optional[float]): The expected calibration error: the mean distance of score
        and share correct over the bins, by their size. None without predictions.
    brier (Optional[float]): The Brier score: the mean squared distance of a
        prediction's score from 1 if it is correct, 0 otherwise. None without
        predictions.
    """

    size: int
    bins: List[Bin]
    ece: Optional[float]
    brier: Optional[float]


def reliability(scores: ArrayLike, correct: ArrayLike, n_bins: int = 10) -> Reliability:
    """Compare probabilities with the share of events that happened: expected
    calibration error (Naeini, Cooper and Hauskrecht 2015) over bins of equal mass
    (Nguyen and O'Connor 2015), and Brier score (Brier 1950).

    scores (ArrayLike): The probability of each event, [E].
    correct (ArrayLike): Whether it happened, [E].
    n_bins (int): Number of bins.
    RETURNS (Reliability): The comparison.
    RAISES (ValueError): If there are not as many scores as events.
    """
    probability = np.asarray(scores, dtype=np.float64)
    happened = np.asarray(correct, dtype=np.float64)
    if probability.shape != happened.shape or probability.ndim != 1:
        raise ValueError(
            f"got scores of shape {probability.shape}, but correctness of shape "
            f"{happened.shape}: give one of each for each event."
        )
    size = len(probability)
    if not size:
        return Reliability(0, [], None, None)
    by_score = np.argsort(probability, kind="stable")
    bins = [
        Bin(len(part), float(probability[part].mean()), float(happened[part].mean()))
        for part in np.array_split(by_score, n_bins)
        if len(part)
    ]
    ece = sum(b.size * abs(b.score - b.correct) for b in bins) / size
    brier = float(np.mean((probability - happened) ** 2))
    return Reliability(size, bins, ece, brier)


def entity_reliability(
    examples: Iterable[Example], spans_key: Optional[str]
) -> Reliability:
    """Compare the scores of predicted entities with the share of them that is correct.

    examples (Iterable[Example]): Examples whose predicted documents are analysed.
    spans_key (Optional[str]): Where their `doc.spans` holds entities with scores; None
        if it does not, so that there is nothing to compare.
    RETURNS (Reliability): The comparison.
    """
    if spans_key is None:
        return reliability([], [])
    return reliability(*score_entities(examples, spans_key))


def score_entities(examples: Iterable[Example], spans_key: str) -> ScoredPredictions:
    """Find out which of the entities with a score are correct, as spaCy's scorer of
    entities does: those that touch a token without annotation are left out.

    examples (Iterable[Example]): Examples whose predicted documents are analysed.
    spans_key (str): Where their `doc.spans` holds entities with `attrs["scores"]`.
        Documents without it are passed over.
    RETURNS (ScoredPredictions): The entities.
    """
    scores: List[float] = []
    correct: List[bool] = []
    for example in examples:
        group = example.x.spans.get(spans_key, None)
        if group is None or "scores" not in group.attrs:
            continue
        if not example.y.has_annotation("ENT_IOB"):
            continue
        gold = {(ent.label_, ent.start, ent.end) for ent in example.y.ents}
        for span, score in zip(group, group.attrs["scores"], strict=True):
            aligned = example.alignment.x2y[span.start : span.end]
            if not len(aligned):
                continue
            start, end = int(aligned[0]), int(aligned[-1]) + 1
            if any(token.ent_iob == 0 for token in example.y[start:end]):
                continue
            found = (span.label_, start, end)
            correct.append(found in gold)
            # Each annotated entity can be found once.
            gold.discard(found)
            scores.append(float(score))
    return ScoredPredictions(
        np.array(scores, dtype=np.float64), np.array(correct, dtype=np.bool_)
    )


def tag_reliability(
    examples: Iterable[Example], attribute: TokenAttribute, scores_key: Optional[str]
) -> Reliability:
    """Compare the scores of predicted tags with the share of them that is correct.

    examples (Iterable[Example]): Examples whose predicted documents are tagged.
    attribute (TokenAttribute): Where the tags are.
    scores_key (Optional[str]): Where their `doc.user_data` holds the score of each tag;
        None if it does not, so that there is nothing to compare.
    RETURNS (Reliability): The comparison.
    """
    if scores_key is None:
        return reliability([], [])
    return reliability(*score_tags(examples, attribute, scores_key))


def score_tags(
    examples: Iterable[Example], attribute: TokenAttribute, scores_key: str
) -> ScoredPredictions:
    """Find out which of the tags with a score are correct. Tokens without annotation,
    or whose annotated tokens do not agree, are left out.

    examples (Iterable[Example]): Examples whose predicted documents are tagged.
    attribute (TokenAttribute): Where the tags are.
    scores_key (str): Where their `doc.user_data` holds the score of each tag. Documents
        without it are passed over.
    RETURNS (ScoredPredictions): The tags.
    """
    scores = [np.zeros(0)]
    correct = [np.zeros(0, dtype=np.bool_)]
    for example in examples:
        own = example.x.user_data.get(scores_key)
        if own is None:
            continue
        gold = attribute.read_aligned(example)
        known = gold != 0
        scores.append(np.asarray(own, dtype=np.float64)[known])
        correct.append((attribute.read(example.x) == gold)[known])
    return ScoredPredictions(np.concatenate(scores), np.concatenate(correct))


def component_reliability(
    component: CRFPipe, examples: Iterable[Example]
) -> Reliability:
    """Compare the scores that a component has written with what is correct.

    component (CRFPipe): The component.
    examples (Iterable[Example]): Examples whose predicted documents are analysed.
    RETURNS (Reliability): The comparison; of nothing, if the component is neither a
        `crf_ner` nor a `crf_tagger`.
    """
    if isinstance(component, CRFTagger):
        settings = component.settings
        return tag_reliability(examples, component.token_attribute, settings.scores_key)
    if isinstance(component, CRFEntityRecognizer):
        return entity_reliability(examples, component.settings.spans_key)
    return reliability([], [])
