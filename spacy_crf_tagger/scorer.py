"""The scorer of `crf_ner`: entities, and the probabilities that they come with."""

from typing import Any, Callable, Dict, Iterable, Optional

from spacy.scorer import get_ner_prf
from spacy.training import Example

from .reliability import entity_reliability


def score_ner(
    examples: Iterable[Example], *, spans_key: Optional[str] = None, **kwargs: Any
) -> Dict[str, Any]:
    """Score entities as `spacy.ner_scorer.v1` does, and their probabilities.

    examples (Iterable[Example]): Examples whose predicted documents are analysed.
    spans_key (Optional[str]): Where `doc.spans` holds the entities with their scores;
        None if it does not.
    **kwargs (Any): The other settings of the component.
    RETURNS (Dict[str, Any]): spaCy's scores; `ents_ece`, the expected calibration error
        over 10 bins of equal mass, and `ents_brier`, the Brier score: of both, less is
        better. They are 0 where no entity is predicted, and None where predictions have
        no scores or the documents no annotation.
    """
    examples = list(examples)
    scores: Dict[str, Any] = get_ner_prf(examples, **kwargs)
    measured = entity_reliability(examples, spans_key)
    ece, brier = measured.ece, measured.brier
    if not measured.size and spans_key is not None and scores["ents_f"] is not None:
        # `spacy train` forgets the weight of a score that is None once, as it would be
        # before the first step.
        ece = brier = 0.0
    return {**scores, "ents_ece": ece, "ents_brier": brier}


def make_ner_scorer() -> Callable[..., Dict[str, Any]]:
    """Create the scorer `spacy_crf_tagger.ner_scorer.v1`.

    RETURNS (Callable): `score_ner`.
    """
    return score_ner
