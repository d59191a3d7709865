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
        better, and they are None where there is nothing to score.
    """
    examples = list(examples)
    scores: Dict[str, Any] = get_ner_prf(examples, **kwargs)
    measured = entity_reliability(examples, spans_key)
    return {**scores, "ents_ece": measured.ece, "ents_brier": measured.brier}


def make_ner_scorer() -> Callable[..., Dict[str, Any]]:
    """Create the scorer `spacy_crf_tagger.ner_scorer.v1`.

    RETURNS (Callable): `score_ner`.
    """
    return score_ner
